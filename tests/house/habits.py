"""Habits of a single file: imports, names, docstrings, what is caught, and who owns what runs."""

import ast
import re
from collections.abc import Iterator
from typing import Final

from tests.house.tree import Finding, Tree

VAGUE_NAMES: Final = re.compile(r"(?:^|_)(?:utils?|helpers?|managers?|commons?|misc|stuff|base)(?:_|$)")
BROAD: Final = {"Exception", "BaseException"}
# What a script uses, and so what its contract has to say.
LUA_CONTRACT: Final = {"KEYS": "KEYS[", "ARGV": "ARGV[", "Reply": "ARGV["}
WAITING_HOME: Final = "tests/eventually.py"


def inner_import(tree: Tree) -> Iterator[Finding]:
    """No import inside a function: a circle means a fact is missing; publish it."""
    for source in tree.sources:
        for function in source.functions():
            for node in ast.walk(function):
                if isinstance(node, ast.Import | ast.ImportFrom):
                    yield source.finding(node, f"import inside {function.name}")


def type_checking(tree: Tree) -> Iterator[Finding]:
    """No import hidden under TYPE_CHECKING to dodge a circle."""
    for source in tree.sources:
        for line, name in source.imports():
            if name.endswith(".TYPE_CHECKING"):
                yield source.finding(line, "TYPE_CHECKING")
        for use in source.every(ast.Attribute):
            if use.attr == "TYPE_CHECKING":
                yield source.finding(use, "TYPE_CHECKING")


def vague_name(tree: Tree) -> Iterator[Finding]:
    """A module is named for what is in it."""
    for path in tree.files:
        if path.endswith((".py", ".lua", ".sql")):
            for part in path.rpartition(".")[0].split("/"):
                if VAGUE_NAMES.search(part):
                    yield Finding(path, 0, f"“{part}” does not say what is inside")


def package_docstring(tree: Tree) -> Iterator[Finding]:
    """A package says in its first lines what it is for."""
    folders = {source.place.parent.as_posix() for source in tree.sources if source.package}
    inits = {source.place.parent.as_posix(): source for source in tree.sources if source.place.stem == "__init__"}
    for folder in sorted(folders):
        if folder in inits and not (inits[folder].outside and not inits[folder].text.strip()):
            if ast.get_docstring(inits[folder].tree) is None:
                yield Finding(f"{folder}/__init__.py", 0, "no docstring that says what the package is for")
        elif folder != "migrations/versions" and not folder.startswith("tests"):
            yield Finding(f"{folder}/__init__.py", 0, "missing")


def module_docstring(tree: Tree) -> Iterator[Finding]:
    """A module says what it is, before it does anything."""
    for source in tree.inside:
        if ast.get_docstring(source.tree) is None and source.place.stem != "__init__":
            yield source.finding(0, "no docstring")


def broad_except(tree: Tree) -> Iterator[Finding]:
    """Never catch what you cannot name, but at a socket's, a loop's or a flush's outermost frame, and say so there.

    Cleaning up and raising on is no catching.
    """
    for source in tree.sources:
        for handler in source.every(ast.ExceptHandler):
            if (handler.type is None or BROAD & _names(handler.type)) and not _raises_on(handler):
                yield source.finding(handler, "catches everything")
        for call in source.every(ast.Call):
            if _names(call.func) & {"suppress"} and any(BROAD & _names(argument) for argument in call.args):
                yield source.finding(call, "suppresses everything")


def stray_task(tree: Tree) -> Iterator[Finding]:
    """Tasks are born in a TaskGroup: everything that runs has an owner that waits for it."""
    for source in tree.inside:
        for call in source.every(ast.Call):
            if isinstance(call.func, ast.Attribute) and call.func.attr in {"create_task", "ensure_future"}:
                owner = call.func.value
                if isinstance(owner, ast.Call) or _names(owner) & {"asyncio", "loop", "_loop"}:
                    yield source.finding(call, f"{call.func.attr} without a TaskGroup")
        for line, name in source.imports():
            if name in {"asyncio.create_task", "asyncio.ensure_future"}:
                yield source.finding(line, f"{name} without a TaskGroup")


def sleeping_test(tree: Tree) -> Iterator[Finding]:
    """A test waits for what it means, never for a while. sleep(0) only gives way and is free."""
    for source in tree.sources:
        for call in source.every(ast.Call) if source.package == "tests" and source.path != WAITING_HOME else ():
            if "sleep" in _names(call.func) and not _zero(call):
                yield source.finding(call, "sleeps")


def lua_contract(tree: Tree) -> Iterator[Finding]:
    """A Lua script opens with its contract: what it does, the KEYS and ARGV it uses, its Reply."""
    for path, text in tree.of_kind(".lua"):
        lines = text.splitlines()
        code_from = next((number for number, line in enumerate(lines) if not line.startswith("--")), len(lines))
        head = "\n".join(lines[:code_from])
        missing = [word for word, used in LUA_CONTRACT.items() if used in text and word not in head]
        if code_from == 0 or missing:
            yield Finding(path, 1, f"no contract at the top{': ' if missing else ''}{', '.join(missing)}")


def _names(node: ast.expr) -> set[str]:
    """The last name of an expression, or those of a tuple's members: `(a.b, c)` gives {"b", "c"}."""
    if isinstance(node, ast.Tuple):
        return {name for member in node.elts for name in _names(member)}
    if isinstance(node, ast.Attribute):
        return {node.attr}
    return {node.id} if isinstance(node, ast.Name) else set()


def _raises_on(handler: ast.ExceptHandler) -> bool:
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def _zero(call: ast.Call) -> bool:
    return len(call.args) == 1 and isinstance(call.args[0], ast.Constant) and call.args[0].value == 0
