"""Which refusals the code of a route can come to, read off the code: calls are followed as far as names and types say.

`python -m tests.millpond.reach` writes the table that the OpenAPI document is made with.
"""

import ast
import asyncio
import inspect
import json
import textwrap
from collections.abc import Callable, Iterator
from functools import cache
from types import FunctionType, ModuleType
from typing import Annotated, Any, Final, get_args, get_origin, get_type_hints

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from pydantic import SecretStr

from keel.errors import Refusal
from millpond.api import build
from millpond.openapi import REFUSALS_FILE, routes_of
from millpond.settings import Settings
from millpond.wiring import parts_of

PACKAGES: Final = ("accounts", "console", "inventory", "keel", "live", "millpond", "orders", "payments", "referrals")
NOTHING: Final = object()


def reachable(app: FastAPI) -> dict[str, list[str]]:
    """Operation ("GET /v1/orders") to the names of the refusals that its own code can come to, sorted."""
    table = {}
    for operation, route in routes_of(app):
        found = {refusal for call in calls_of(route.dependant) for refusal in refusals_from(call)}
        table[operation] = sorted(refusal.slug() for refusal in found)
    return dict(sorted(table.items()))


def calls_of(dependant: Dependant) -> Iterator[Callable[..., Any]]:
    """The route's function and those of everything that it depends on."""
    if dependant.call is not None:
        yield dependant.call
    for part in dependant.dependencies:
        yield from calls_of(part)


def refusals_from(call: Callable[..., Any]) -> set[type[Refusal]]:
    """What a function can raise, itself or through what it mentions."""
    found: set[type[Refusal]] = set()
    seen: set[Any] = set()
    waiting: list[tuple[FunctionType, type | None]] = [(call, None)] if isinstance(call, FunctionType) else []
    while waiting:
        function, owner = waiting.pop()
        if (function, owner) in seen:
            continue
        seen.add((function, owner))
        for thing, holder in mentioned(function, owner):
            if isinstance(thing, type) and issubclass(thing, Refusal) and thing is not Refusal:
                found.add(thing)
            elif (inner := _ours(thing)) is not None:
                waiting.append((inner, holder))
    return found


def _ours(thing: Any) -> FunctionType | None:
    """A function of this repository, free of its decorators."""
    thing = inspect.unwrap(thing) if callable(thing) else thing
    if isinstance(thing, FunctionType) and thing.__module__.split(".")[0] in PACKAGES:
        return thing
    return None


def mentioned(function: FunctionType, owner: type | None) -> list[tuple[Any, type | None]]:
    """Everything that a function's body names, as far as it can be known, each with the class it is a method of."""
    reader = _Reader(function, owner)
    for statement in body_of(function):
        reader.visit(statement)
    return reader.found


@cache
def body_of(function: FunctionType) -> tuple[ast.stmt, ...]:
    """A function's statements. What it catches is not what it raises, and its annotations raise nothing."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    return tuple(tree.body) if isinstance(tree, ast.FunctionDef | ast.AsyncFunctionDef) else ()


class _Reader(ast.NodeVisitor):
    def __init__(self, function: FunctionType, owner: type | None) -> None:
        self.found: list[tuple[Any, type | None]] = []
        captured = inspect.getclosurevars(function).nonlocals
        self._names = {**function.__globals__, **captured}
        hints = _hints(function)
        self._types = {name: _plain(hints.get(name)) for name in inspect.signature(function).parameters}
        if owner is not None:
            self._types |= {"self": owner, "cls": owner}

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        for statement in node.body:
            self.visit(statement)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if isinstance(node.target, ast.Name) and isinstance(node.annotation, ast.Name):
            kind = self._names.get(node.annotation.id)
            self._types[node.target.id] = kind if isinstance(kind, type) else None
        if node.value is not None:
            self.visit(node.value)

    def visit_Call(self, node: ast.Call) -> None:
        if not (isinstance(node.func, ast.Name) and node.func.id in {"isinstance", "suppress"}):
            self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> None:
        self.found.append((self._names.get(node.id, NOTHING), None))

    def visit_Attribute(self, node: ast.Attribute) -> None:
        thing, kind = self._resolve(node.value)
        if isinstance(thing, ModuleType | type):
            holder = thing if isinstance(thing, type) else None
            self.found.append((getattr(thing, node.attr, NOTHING), holder))
        elif kind is not None:
            self.found.append((_member(kind, node.attr), kind))
        self.visit(node.value)

    def _resolve(self, node: ast.expr) -> tuple[Any, type | None]:
        """(what it is, if it is known; of which type it is, if that is known)."""
        match node:
            case ast.Name(id=name) if self._types.get(name) is not None:
                return NOTHING, self._types[name]
            case ast.Name(id=name):
                thing = self._names.get(name, NOTHING)
                return thing, None if isinstance(thing, ModuleType | type) else type(thing)
            case ast.Attribute(value=value, attr=attr):
                thing, kind = self._resolve(value)
                if isinstance(thing, ModuleType):
                    return getattr(thing, attr, NOTHING), None
                return NOTHING, _plain(_hints(kind).get(attr)) if kind is not None else None
            case _:
                return NOTHING, None


def _member(kind: type, name: str) -> Any:
    member = inspect.getattr_static(kind, name, NOTHING)
    if isinstance(member, property):
        return member.fget
    return member.__func__ if isinstance(member, staticmethod | classmethod) else member


@cache
def _hints(thing: Any) -> dict[str, Any]:
    """Types by name: of a function's parameters, or of a class's attributes, those that __init__ is given included."""
    try:
        hints = get_type_hints(thing)
        if isinstance(thing, type) and "__init__" in vars(thing):
            given = get_type_hints(thing.__init__)  # type: ignore[misc]  # it is this very class's
            hints |= {f"_{name}": hint for name, hint in given.items()} | given
    except (NameError, TypeError):
        return {}
    return hints


def _plain(hint: Any) -> type | None:
    """The class behind Annotated[…] and `… | None`."""
    if get_origin(hint) is Annotated:
        return _plain(get_args(hint)[0])
    choices = [part for part in get_args(hint) if part is not type(None)]
    if len(choices) == 1 and type(None) in get_args(hint):
        return _plain(choices[0])
    return hint if isinstance(hint, type) else None


def as_text(table: dict[str, list[str]]) -> str:
    """The table as the file has it: a line for each operation."""
    lines = [f"  {json.dumps(operation)}: {json.dumps(refusals)}" for operation, refusals in table.items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"


@cache
def application() -> FastAPI:
    """The application of `millpond api`: it needs no engine until it is asked something."""

    async def made() -> FastAPI:
        async with parts_of("postgresql://127.0.0.1:1/none", "redis://127.0.0.1:1", connections=1) as parts:
            return fastapi_of(build(parts, Settings(token_keys={"none": SecretStr("n" * 32)})).asgi)

    return asyncio.run(made())


def fastapi_of(app: Any) -> FastAPI:
    """The framework's part, behind all that stands in front of it."""
    while not isinstance(app, FastAPI):
        app = app._app
    return app


if __name__ == "__main__":
    REFUSALS_FILE.write_text(as_text(reachable(application())), encoding="utf-8")
