"""The table of points is complete: every script, every statement and every await on an engine of the order path."""

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
from tests.chaos.paths import awaited, path, roots
from tests.chaos.points import DRIVER_STATEMENTS, GATE_CALLS, NOT_TOLD, OUTSIDE, STAFF_STATEMENTS, STATEMENTS, WAITS
from tests.chaos.stories import STORIES

SQL_MODULES: Final = (inventory.ledger, inventory.store_snapshot, keel.outbox, orders.store)
NO_STATEMENT: Final = {"_COLUMNS"}  # a piece of two others


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
    points = {point for passed in WAITS.values() for point in passed}
    assert points - told == set(NOT_TOLD)
    assert told <= points


def test_every_statement_and_every_script_is_a_point():
    points = {point for passed in WAITS.values() for point in passed}
    names = {point.partition(".")[2] for point in points if not point.startswith("gate.")}
    assert names == {*STATEMENTS, *DRIVER_STATEMENTS, *STAFF_STATEMENTS}
    assert {point for point in points if point.startswith("gate.")} == set(GATE_CALLS)


def test_every_module_on_the_path_is_known_or_led_to():
    """A new file that takes the gate in hand, or writes of orders, is found by that; what it awaits comes with it."""
    assert set(OUTSIDE) <= roots() | {"keel/clock.py", "keel/loops.py"}
    assert {"orders/placement.py", "orders/handling.py", "keel/database.py", "keel/batching.py"} <= path()


def test_every_await_that_may_lead_to_an_engine_is_in_the_table():
    found: dict[str, set[str]] = {}
    for place in path():
        for name in awaited(place):
            found.setdefault(name, set()).add(place)
    assert {name: found[name] for name in found.keys() - WAITS.keys()} == {}
    assert WAITS.keys() - found.keys() == set()
