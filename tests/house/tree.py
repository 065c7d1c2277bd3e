"""The repository as the rules see it: its text files, the Python ones parsed, and the escapes written in them."""

import ast
import io
import re
import subprocess
import tokenize
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path, PurePosixPath
from typing import Final, TypeVar

ROOT: Final = Path(__file__).parents[2]
OUTSIDE: Final = {"tests", "loadtests"}  # may import everything, and are held to fewer rules
TEXT_BYTES_MAX: Final = 1_000_000
ESCAPE: Final = re.compile(r"(?:#|--)\s*house:\s*(?P<rule>[\w-]*)(?:\s+because\s+(?P<reason>\S.*))?")

Node = TypeVar("Node", bound=ast.AST)


@dataclass(frozen=True)
class Finding:
    """One place that breaks a rule. `line` counts from 1; 0 means the file as a whole."""

    path: str
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.what}" if self.line else f"{self.path}: {self.what}"


@dataclass(frozen=True)
class Escape:
    """`# house: <rule> because <reason>`: covers its own line and the next one, and findings about the whole file."""

    path: str
    line: int
    rule: str
    reason: str | None

    def covers(self, finding: Finding) -> bool:
        return finding.path == self.path and (finding.line == 0 or finding.line - self.line in {0, 1})


@dataclass(frozen=True)
class Source:
    """One Python file."""

    path: str
    text: str

    @cached_property
    def place(self) -> PurePosixPath:
        return PurePosixPath(self.path)

    @property
    def package(self) -> str:
        """The top level folder, or "" for a file beside it."""
        return self.place.parts[0] if len(self.place.parts) > 1 else ""

    @property
    def outside(self) -> bool:
        return self.package in OUTSIDE

    @property
    def module(self) -> str:
        """The dotted name by which it is imported."""
        return ".".join(self.place.with_suffix("").parts).removesuffix(".__init__")

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, self.path)

    @cached_property
    def _nodes(self) -> dict[type[ast.AST], list[ast.AST]]:
        by_kind: dict[type[ast.AST], list[ast.AST]] = defaultdict(list)
        for node in ast.walk(self.tree):
            by_kind[type(node)].append(node)
        return by_kind

    def every(self, *kinds: type[Node]) -> Iterator[Node]:
        """Every node of exactly these kinds, anywhere in the file."""
        for kind in kinds:
            yield from self._nodes.get(kind, ())  # type: ignore[misc]  # the index is keyed by the node's own type

    def functions(self) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
        yield from self.every(ast.FunctionDef)
        yield from self.every(ast.AsyncFunctionDef)

    def imports(self) -> Iterator[tuple[int, str]]:
        """(line, dotted name) of everything imported; `from a import b` gives a.b."""
        for node in self.every(ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        for source in self.every(ast.ImportFrom):
            yield from ((source.lineno, f"{source.module or ''}.{alias.name}") for alias in source.names)

    def finding(self, where: ast.AST | int, what: str) -> Finding:
        return Finding(self.path, where if isinstance(where, int) else getattr(where, "lineno", 0), what)


@dataclass(frozen=True)
class Tree:
    """All tracked text files, by path relative to the root."""

    files: dict[str, str]

    @cached_property
    def sources(self) -> list[Source]:
        """Every Python file, tests and load tests too."""
        return [Source(path, text) for path, text in self.files.items() if path.endswith(".py")]

    @cached_property
    def inside(self) -> list[Source]:
        """The Python files of the packages that are shipped."""
        return [source for source in self.sources if source.package and not source.outside]

    @cached_property
    def escapes(self) -> list[Escape]:
        return [escape for path, text in self.files.items() for escape in _escapes(path, text)]

    def of_kind(self, suffix: str) -> Iterator[tuple[str, str]]:
        """(path, text) of the files that end so."""
        return ((path, text) for path, text in self.files.items() if path.endswith(suffix))


def _escapes(path: str, text: str) -> Iterator[Escape]:
    if "house:" not in text or not path.endswith((".py", ".lua", ".sql")):
        return
    for line, comment in _comments(text) if path.endswith(".py") else enumerate(text.splitlines(), start=1):
        if match := ESCAPE.search(comment):
            yield Escape(path, line, match["rule"], match["reason"])


def _comments(text: str) -> Iterator[tuple[int, str]]:
    """Real comments only: what a docstring or a snippet in a test says is no escape."""
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


@cache
def repository() -> Tree:
    """What is tracked, or would be with the next commit."""
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    )  # fmt: skip
    paths = sorted(ROOT / name for name in listing.stdout.split("\0") if name)
    kept = [path for path in paths if path.is_file() and path.stat().st_size <= TEXT_BYTES_MAX]
    texts = {path.relative_to(ROOT).as_posix(): path.read_bytes() for path in kept}
    return Tree({name: data.decode() for name, data in texts.items() if b"\0" not in data})
