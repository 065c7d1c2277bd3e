"""Everything fits a short read: files, functions, and the functions as a whole."""

import ast
from collections.abc import Iterator
from statistics import median
from typing import Final

from tests.house.tree import Finding, Source, Tree

FILE_LINES_MAX: Final = 250
TEST_FILE_LINES_MAX: Final = 300
INIT_LINES_MAX: Final = 30
FUNCTION_LINES_MAX: Final = 40
FUNCTION_LINES_MEDIAN_MAX: Final = 9
FUNCTIONS_FOR_A_MEDIAN: Final = 10  # below that a median says little
FROZEN: Final = ("migrations/versions/", "migrations/sql/")  # history: long, flat, and never edited again

Function = ast.FunctionDef | ast.AsyncFunctionDef


def file_size(tree: Tree) -> Iterator[Finding]:
    """A file stops fitting a short read at about 250 lines: split it by verb."""
    for path, text in tree.files.items():
        lines, lines_max = text.count("\n"), _file_lines_max(path)
        if lines > lines_max:
            yield Finding(path, 0, f"{lines} lines, {lines_max} at most")


def _file_lines_max(path: str) -> float:
    if not path.endswith((".py", ".lua", ".sql")) or path.startswith(FROZEN):
        return float("inf")
    if path.endswith("__init__.py"):
        return INIT_LINES_MAX
    return TEST_FILE_LINES_MAX if path.startswith("tests/") else FILE_LINES_MAX


def function_size(tree: Tree) -> Iterator[Finding]:
    """A function fits a screen: guards, work, result. Its docstring is not counted."""
    for source in tree.sources:
        for function in () if source.path.startswith(FROZEN) else source.functions():
            if (lines := function_lines(function)) > FUNCTION_LINES_MAX:
                yield source.finding(function, f"{function.name} has {lines} lines, {FUNCTION_LINES_MAX} at most")


def median_function(tree: Tree) -> Iterator[Finding]:
    """What people love to read has a median function of five to nine lines."""
    by_package: dict[str, list[int]] = {}
    for source in tree.inside:
        if not source.path.startswith("migrations/"):
            by_package.setdefault(source.package, []).extend(map(function_lines, source.functions()))
    for package, lengths in by_package.items():
        if len(lengths) >= FUNCTIONS_FOR_A_MEDIAN and median(lengths) > FUNCTION_LINES_MEDIAN_MAX:
            yield Finding(
                f"{package}/__init__.py",
                0,
                f"the median function of {package} has {median(lengths):g} lines, {FUNCTION_LINES_MEDIAN_MAX} at most",
            )


def function_lines(function: Function) -> int:
    """Lines from `def` to the end, without the docstring."""
    lines = (function.end_lineno or function.lineno) - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function, clean=False) is None or first.end_lineno is None:
        return lines
    return lines - (first.end_lineno - first.lineno + 1)


def weight(source: Source) -> int:
    """How much there is to test in a file: the lines of its functions' bodies, protocols and stubs apart."""
    return sum(function_lines(function) - 1 for function in source.functions() if not _stub(function))


def _stub(function: Function) -> bool:
    last = function.body[-1]
    return isinstance(last, ast.Expr) and isinstance(last.value, ast.Constant)
