"""What only shows across files: mirrored tests, documented refusals, words that have no place in a repository."""

import ast
import re
from collections.abc import Iterator
from typing import Final

from tests.house.sizes import weight
from tests.house.tree import Finding, Source, Tree

# A module with less logic than this is tested well enough by those who use it.
UNTESTED_LINES_MAX: Final = 12
# Shapes and wiring: a test of their own would only repeat them.
NOT_MIRRORED: Final = re.compile(r"migrations/|.*/(?:tables|schemas|errors|settings|__main__|cli|wiring)\w*\.py$")

PROBLEMS: Final = "docs/problems.md"
PROBLEM_TYPE: Final = re.compile(r"urn:millpond:problem:([a-z0-9-]*[a-z0-9])")
REFUSAL_ROOT: Final = "Refusal"

# Spelled so that this file does not find itself.
FOREIGN: Final = {
    "a path of one machine": re.compile(r"(?<![\w.:/-])/(?:home|root|Users|opt)/[\w.-]"),
    "an address of a package registry": re.compile(
        r"p[y]pi\.org|python[h]osted|npm[j]s\.|(?<!emit)--(?:extra-)?inde[x]-url|--find[-]links|fil[e]:///"
    ),
    "a trailer that names no cause": re.compile(r"(?i:co-authored[-]by)"),
}


def mirrored_test(tree: Tree) -> Iterator[Finding]:
    """Every module with logic has a test: one in tests/<package>/ that imports it, or is named after it."""
    tests = [source for source in tree.sources if source.package == "tests" and source.place.name.startswith("test_")]
    imported = {(_tested_package(test), name) for test in tests for _, name in test.imports()}
    named = {(_tested_package(test), test.place.stem.removeprefix("test_")) for test in tests}
    for source in tree.inside:
        if NOT_MIRRORED.match(source.path) or weight(source) <= UNTESTED_LINES_MAX:
            continue
        uses = any(package == source.package and _is_from(name, source.module) for package, name in imported)
        stem = source.place.stem
        if not uses and not any(p == source.package and re.match(rf"{stem}(?:_|$)", name) for p, name in named):
            what = f"no test in tests/{source.package}/ imports it or is called test_{stem}*.py"
            yield source.finding(0, what)


def _tested_package(test: Source) -> str:
    return test.place.parts[1] if len(test.place.parts) > 2 else ""


def _is_from(name: str, module: str) -> bool:
    """True when `name` is the module, something in it, or something that its own sub-package shows in front of it."""
    front, _, _ = module.rpartition(".")
    return f"{name}.".startswith(f"{module}.") or ("." in front and name.rpartition(".")[0] == front)


def documented_refusal(tree: Tree) -> Iterator[Finding]:
    """Every refusal is explained in docs/problems.md under its type, and nothing else is."""
    told = set(PROBLEM_TYPE.findall(tree.files.get(PROBLEMS, "")))
    refusals = {slug(name): source.finding(line, name) for name, line, source in _refusals(tree)}
    for kind, finding in refusals.items():
        if kind not in told:
            what = f"refusal {finding.what} is not in {PROBLEMS}: explain urn:millpond:problem:{kind} there"
            yield Finding(finding.path, finding.line, what)
    for kind in sorted(told - refusals.keys()):
        yield Finding(PROBLEMS, 0, f"urn:millpond:problem:{kind} is no refusal any more")


def _refusals(tree: Tree) -> Iterator[tuple[str, int, Source]]:
    """Subclasses of Refusal, at any depth, that have a title of their own; those without one only group others."""
    classes = [(source, node) for source in tree.inside for node in source.every(ast.ClassDef)]
    known = {REFUSAL_ROOT}
    for _ in classes:  # as deep as the tree of classes can be
        grown = known | {node.name for _, node in classes if known & _bases(node)}
        if grown == known:
            break
        known = grown
    for source, node in classes:
        if node.name in known - {REFUSAL_ROOT} and _has_title(node):
            yield node.name, node.lineno, source


def _bases(node: ast.ClassDef) -> set[str]:
    return {base.id if isinstance(base, ast.Name) else getattr(base, "attr", "") for base in node.bases}


def _has_title(node: ast.ClassDef) -> bool:
    targets = [target for line in node.body if isinstance(line, ast.Assign) for target in line.targets]
    targets += [line.target for line in node.body if isinstance(line, ast.AnnAssign)]
    return any(isinstance(target, ast.Name) and target.id == "title" for target in targets)


def slug(class_name: str) -> str:
    """The kebab name of a problem, as keel.errors makes it: SoldOut gives sold-out."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", class_name).lower()


def foreign_word(tree: Tree) -> Iterator[Finding]:
    """No machine's paths, no registry's addresses, no trailers: they say nothing about the program."""
    for path, text in tree.files.items():
        for what, pattern in FOREIGN.items():
            for match in pattern.finditer(text):
                yield Finding(path, text.count("\n", 0, match.start()) + 1, f"{what}: {match[0]}")
