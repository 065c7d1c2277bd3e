"""The table of points is complete: every script, every statement and every await on an engine of the order path."""

import ast
from collections.abc import Iterator
from types import ModuleType
from typing import Final

import pytest

import inventory.ledger
import inventory.store_snapshot
import keel.outbox
import orders.store
from inventory.gate import Gate
from keel.lua import Script
from tests.chaos.points import GATE_CALLS, NOT_TOLD, STATEMENTS, WAITS
from tests.chaos.stories import STORIES
from tests.house.tree import ROOT

SQL_MODULES: Final = (inventory.ledger, inventory.store_snapshot, keel.outbox, orders.store)
NO_STATEMENT: Final = {"_COLUMNS"}  # a piece of two others
# The order path between a request and its release, and what tidies up after it.
PATH: Final = (
    "orders/placement.py", "orders/lane.py", "orders/writing.py", "orders/store.py", "orders/service.py",
    "inventory/book.py", "inventory/gate.py", "inventory/guards.py", "inventory/ledger.py", "inventory/loops.py",
    "inventory/rebuild.py", "inventory/reconciler.py",
    "inventory/releases.py", "inventory/store_snapshot.py", "inventory/sweeper.py", "keel/lua.py", "keel/outbox.py",
)  # fmt: skip
HANDLES: Final = {
    "gate",
    "ledger",
    "pool",
    "connection",
    "Ledger",
    "guards",
    "cursor",
    "redis",
    "rebuilder",
    "snapshot",
    "book",
}


def statements(module: ModuleType) -> Iterator[tuple[str, str]]:
    for name, value in vars(module).items():
        if isinstance(value, str) and name.isupper() and "SELECT" in value + value.replace("UPDATE", "SELECT"):
            yield f"{module.__name__}.{name}", value


@pytest.mark.parametrize("module", SQL_MODULES, ids=lambda module: module.__name__)
def test_every_statement_is_known_by_one_name(module: ModuleType):
    for where, text in statements(module):
        if where.rpartition(".")[2] not in NO_STATEMENT:
            assert len([name for name, marker in STATEMENTS.items() if marker in text]) == 1, where


def test_every_name_stands_for_a_statement():
    texts = [text for module in SQL_MODULES for _, text in statements(module)]
    unknown = {name for name, marker in STATEMENTS.items() if not any(marker in text for text in texts)}
    assert unknown == set()


def test_every_script_is_a_point():
    scripts = {name.lstrip("_") for name, value in vars(Gate).items() if isinstance(value, Script)}
    assert scripts == {call.removeprefix("gate.").partition(" ")[0] for call in GATE_CALLS}


def test_every_point_is_told_in_a_story_or_says_why_not():
    told = {call for story in STORIES.values() for call, _ in story.calls}
    named = set(GATE_CALLS) | {f"ledger.{name}" for name in STATEMENTS} | {f"pool.{name}" for name in STATEMENTS}
    assert told <= named
    both = {call.partition(".")[2] for call in told}
    missing = {name for name in [*STATEMENTS, *(call.partition(".")[2] for call in GATE_CALLS)] if name not in both}
    assert missing == set(NOT_TOLD)


def awaited(path: str) -> Iterator[str]:
    """`owner.method` of every await on something that leads to an engine."""
    for node in ast.walk(ast.parse((ROOT / path).read_text())):
        calls = [node.value] if isinstance(node, ast.Await) else []
        if isinstance(node, ast.AsyncWith):
            calls = [item.context_expr for item in node.items]
        for call in calls:
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute):
                owner = ast.unparse(call.func.value).rpartition(".")[2].lstrip("_")
                if owner in HANDLES:
                    yield f"{owner}.{call.func.attr}"


def test_every_await_on_an_engine_is_in_the_table():
    found = {name for path in PATH for name in awaited(path)}
    assert found == set(WAITS)
    points = {f"ledger.{name}" for name in STATEMENTS} | {f"pool.{name}" for name in STATEMENTS} | set(GATE_CALLS)
    assert {point for name in WAITS for point in WAITS[name]} <= points
