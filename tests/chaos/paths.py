"""Which modules are on the way from a request to its release, and what they wait for, read out of the code itself."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from typing import Final

from tests.chaos.points import OUTSIDE
from tests.house.tree import ROOT

PACKAGES: Final = ("accounts", "console", "inventory", "keel", "live", "millpond", "orders", "referrals")
# What is written of orders and their stock.
WRITES: Final = re.compile(
    r"(orders_place|orders_lapse|claims_void|stock_settle)\(|(INSERT INTO|UPDATE|DELETE FROM) "
    r"(claim|orders|order_line|stock|stock_movement|outbox_event|outbox_delivery)\b"
)
HANDLES: Final = {("inventory.gate", "Gate"), ("keel.lua", "Script")}
WAITING: Final = ast.Await | ast.AsyncWith | ast.AsyncFor
UPWARD: Final = {"inventory", "orders"}  # who calls what writes, in the packages that know of requests


@cache
def modules() -> dict[str, ast.Module]:
    """Every module of the product by its path."""
    files = [file for package in PACKAGES for file in (ROOT / package).rglob("*.py")]
    return {file.relative_to(ROOT).as_posix(): ast.parse(file.read_text()) for file in files}


@cache
def roots() -> set[str]:
    """Modules that take the gate in hand, or write of orders, and those that call these writers."""
    first = {place for place in modules() if (_holds_the_gate(place) or _writes(place)) and waits(place)}
    writers = {place for place in first if _writes(place) or place.startswith("inventory/")} - set(OUTSIDE)
    writers -= {"inventory/ledger.py", "inventory/gate.py"}  # handles that many hold and read by
    callers = {place for place in modules() if place.partition("/")[0] in UPWARD}
    return first | {place for place in callers if imported(place).keys() & writers and waits(place)}


@cache
def path() -> set[str]:
    """The roots that are not outside, and all that they import and that waits for something."""
    found, unread = set[str](), roots() - set(OUTSIDE)
    while unread:
        found |= unread
        unread = {other for place in unread for other in imported(place)} - found - set(OUTSIDE)
    return {place for place in found if waits(place)}


@cache
def waits(place: str) -> bool:
    """Whether anything is awaited in a module."""
    return any(isinstance(node, WAITING) for node in ast.walk(modules()[place]))


@cache
def imported(place: str) -> dict[str, set[str]]:
    """The product's modules that a module imports, each with the names that it has there."""
    found: dict[str, set[str]] = {}
    for node in modules()[place].body:  # no import hides in a function
        for name in node.names if isinstance(node, ast.ImportFrom) else []:
            assert isinstance(node, ast.ImportFrom)
            package = str(node.module).replace(".", "/")
            other = next((o for o in (f"{package}/{name.name}.py", f"{package}.py") if o in modules()), None)
            if other is not None:
                found.setdefault(other, set()).add(name.asname or name.name)
    return found


def awaited(place: str) -> Iterator[str]:
    """What is awaited in a module by way of something it holds or was given: `owner.method`, or the name alone.

    What it calls of its own, of modules that it imports and of asyncio is left out: their awaits count where they are.
    """
    own = {node.name for node in ast.walk(modules()[place]) if isinstance(node, ast.AsyncFunctionDef | ast.FunctionDef)}
    known = {name for names in imported(place).values() for name in names}
    for expression in _waited_for(modules()[place]):
        *owners, name = ast.unparse(expression).split(".")
        if owners == ["self"] and name in own:
            continue
        if (not owners and name in own | known) or (owners and owners[0] in known | {"asyncio"}):
            continue
        yield ".".join([*owners[-1:], name]).removeprefix("self.").lstrip("_")


def _waited_for(tree: ast.Module) -> Iterator[ast.expr]:
    for node in ast.walk(tree):
        waited: list[ast.expr] = []
        if isinstance(node, ast.Await):
            waited = [node.value]
        elif isinstance(node, ast.AsyncWith):
            waited = [item.context_expr for item in node.items]
        elif isinstance(node, ast.AsyncFor):
            waited = [node.iter]
        yield from (call.func if isinstance(call, ast.Call) else call for call in waited)


def _holds_the_gate(place: str) -> bool:
    return any(
        (node.module, name.name) in HANDLES
        for node in modules()[place].body
        if isinstance(node, ast.ImportFrom)
        for name in node.names
    )


def _writes(place: str) -> bool:
    return WRITES.search((ROOT / place).read_text()) is not None
