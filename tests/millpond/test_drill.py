"""`millpond drill` and `millpond audit`, as an operator runs them; and that a drill that shows a fault says so."""

import io
import json
import re
import signal
from dataclasses import replace
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.asyncio import Redis
from rich.console import Console

from console.model import Invariant, ItemFigures, Report
from inventory.gate import Gate
from millpond.audit import BROKEN, HOLDS, NOT_AUDITABLE
from millpond.crowd_answers import Answer, Wish
from millpond.drill_gate import embedded_gate, wipe
from millpond.drill_plan import Fault, Plan, Scene
from millpond.drill_screen import screen
from millpond.drill_verdict import verdict_of
from millpond.stage import INTERRUPTED
from tests.databases import fetched
from tests.eventually import eventually, eventually_async
from tests.inventory.selling import open_sale, open_shop
from tests.millpond.stacks import COMMAND_MAX_S, Stack, planned_stack
from tests.millpond.test_first_minute import pasted

SMALL = "--buyers", "500", "--units", "200", "--seconds", "15"
PLAN = Plan(buyers=10, units=4, fault=Fault.WIPE, seconds=15, address_per_s=200, address_burst=400)
SCENE = Scene(4, 15, struck_at_s=1.0, rebuild_s=2.0, back_s=2.0)


def sale_of(output: str) -> str:
    found = re.search(r"sale ([0-9a-f-]{36})", output)
    assert found is not None, output
    return found[1]


# On real servers ----------------------------------------------------------------------------------------------------


async def test_a_drill_wipes_the_gate_and_loses_nothing(stack: Stack, database_url: str):
    drill = stack.run("drill", *SMALL)
    assert drill.returncode == HOLDS, drill.stdout + drill.stderr
    told = re.search(r"(\d+) acknowledged, 0 lost, 0 doubled, 0 oversold", drill.stdout)
    assert told is not None, drill.stdout
    assert 150 < int(told[1]) <= 200  # who was not answered before the drill was over has his order all the same
    assert "the gate is wiped" in drill.stdout
    assert "rebuilt" in drill.stdout
    assert "s after both engines could be reached (at most 10)." in drill.stdout
    assert "The drill has passed." in drill.stdout
    sale_id = sale_of(drill.stdout)
    assert await fetched(database_url, "SELECT count(*) FROM orders WHERE rehearsal") == 200
    assert await fetched(database_url, "SELECT count(*) FROM sale WHERE archived_at IS NULL") == 0
    assert await fetched(database_url, "SELECT count(*) FROM sku WHERE archived_at IS NULL") == 0

    held = stack.run("audit", sale_id, "--json")
    assert held.returncode == HOLDS
    assert json.loads(held.stdout)["holds"] is True
    await fetched(database_url, "DELETE FROM order_history WHERE state = 'awaiting_payment' RETURNING 1")
    broken = stack.run("audit", sale_id)
    assert broken.returncode == BROKEN
    assert "BROKEN  Every state an order entered is in its history" in broken.stdout
    assert stack.run("audit", "0197c2d4-0000-7000-8000-000000000000").returncode == NOT_AUDITABLE


@pytest.mark.long
def test_a_drill_kills_the_engine_and_loses_nothing_in_its_own_sale_and_in_others(up):
    """Of the only drill that ends an engine, on the stack that it is for: everything of `millpond up`."""
    running = up()
    other = running.line("curl -i ")
    assert pasted(other).startswith("HTTP/1.1 201 ")
    before = embedded_gate(running.data_dir).pid
    drill = running.run("drill", *SMALL, "--fault", "kill", "--api", running.url())
    assert drill.returncode == HOLDS, drill.stdout + drill.stderr
    assert "the gate loses its engine" in drill.stdout
    assert re.search(r"\d+ acknowledged, 0 lost, 0 doubled, 0 oversold", drill.stdout), drill.stdout
    assert re.search(r"The gate was back after .+ s after both engines could be reached", drill.stdout), drill.stdout
    assert "The drill has passed." in drill.stdout
    assert embedded_gate(running.data_dir).pid != before, "it was killed"
    assert eventually(lambda: "idempotency-replayed: true" in pasted(other)), "its gate was loaded from PostgreSQL"
    assert eventually(lambda: pasted(with_another_key(other)).startswith("HTTP/1.1 201 ")), "and sells on"
    (sale,) = re.findall(r"/v1/sales/([0-9a-f-]{36})/orders", other)
    held = running.run("audit", sale, "--json")
    assert held.returncode == HOLDS, held.stdout + held.stderr
    assert json.loads(held.stdout)["quiet"] is True


def with_another_key(line: str) -> str:
    """The same order, wanted once more."""
    return re.sub(r"(idempotency-key: )[^']+", rf"\g<1>{uuid4()}", line, flags=re.IGNORECASE)


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
async def test_a_drill_that_is_stopped_puts_its_sale_away(stack: Stack, database_url: str, sign: signal.Signals):
    drill = stack.start("drill", "--buyers", "5000", "--units", "2000", "--fault", "none")

    async def selling() -> object:
        return await fetched(database_url, "SELECT count(*) FROM orders")

    await eventually_async(selling, within_s=30)
    drill.send_signal(sign)
    output, errors = drill.communicate(timeout=COMMAND_MAX_S)
    assert drill.returncode == INTERRUPTED, output + errors
    assert "closed and archived" in output, errors
    assert await fetched(database_url, "SELECT count(*) FROM sale WHERE archived_at IS NULL") == 0


def test_a_drill_without_an_api_says_what_to_do(database_url: str, redis_url: str):
    drill = planned_stack(database_url, redis_url).run("drill", *SMALL)
    assert drill.returncode == NOT_AUDITABLE
    assert "start `millpond up`" in drill.stderr


def test_a_gate_of_somebody_elses_is_not_killed(database_url: str, redis_url: str):
    drill = planned_stack(database_url, redis_url).run("drill", *SMALL, "--fault", "kill")
    assert drill.returncode == NOT_AUDITABLE
    assert "--fault wipe" in drill.stderr


async def test_a_wipe_takes_this_sales_keys_and_no_others(database_url: str, redis_url: str):
    async with open_shop(database_url, redis_url) as shop:
        sale, other = await open_sale(shop), await open_sale(shop)
        redis: Redis = shop.redis
        await redis.set("somebody", "else")
        await wipe(redis, shop.gate, sale.id)
        left = [bytes(key).decode() for key in await redis.keys()]  # type: ignore[arg-type]
        assert not [key for key in left if key.startswith(Gate.base(sale.id, 0))]
        assert "somebody" in left
        assert not (await shop.gate.status(sale.id, 0)).loaded
        assert (await shop.gate.status(other.id, 0)).loaded


# Of its own ---------------------------------------------------------------------------------------------------------


@given(
    buyers=st.integers(1, 100_000),
    units=st.integers(1, 100_000),
    seconds=st.integers(15, 600),
    per_s=st.floats(1, 10_000),
    burst=st.integers(1, 10_000),
)
def test_every_buyer_comes_once_and_the_crush_in_the_middle(buyers, units, seconds, per_s, burst):
    plan = Plan(buyers, units, Fault.WIPE, seconds, per_s, burst)
    waves = list(plan.waves(0.5))
    assert [n for wave in waves for n in wave] == list(range(plan.coming))
    assert [wave for wave in waves if wave.start == plan.middle]
    assert len(waves) * 0.5 <= seconds


def answers(*ids: str) -> list[Answer]:
    return [Answer(Wish(f"buyer {n}", "k", b""), 201, 0.1, 1, order_id) for n, order_id in enumerate(ids)]


def report(*, sold: int = 4, orders: int = 4, quiet: bool = True, holds: bool = True) -> Report:
    keys = Invariant("one-order-per-key", "A customer's key has one order", holds, {"orders": orders, "keys": 4})
    items = (ItemFigures(1, 0, allocated=4, sold=sold),)
    return Report("s", "Drill", "open", 0, quiet, items, (keys,))


ALL_FOUR = answers("a", "b", "c", "d")


def test_a_drill_in_which_all_is_well_has_no_faults():
    verdict = verdict_of(PLAN.fault, SCENE, ALL_FOUR, lost=0, report=report())
    assert verdict.faults == ()
    assert "The drill has passed." in [str(line) for line in verdict.lines()]


@pytest.mark.parametrize(
    ("told", "lost", "found", "scene", "word"),
    [
        (ALL_FOUR, 1, report(), SCENE, "lost"),
        (answers("a", "b", "c", "a"), 0, report(), SCENE, "doubled"),
        (ALL_FOUR, 0, report(orders=5), SCENE, "doubled"),
        (ALL_FOUR, 0, report(sold=5), SCENE, "oversold"),
        (ALL_FOUR, 0, report(holds=False), SCENE, "broken promise"),
        (ALL_FOUR, 0, report(quiet=False), SCENE, "under way"),
        (ALL_FOUR, 0, report(), replace(SCENE, rebuild_s=None), "did not come back"),
        (ALL_FOUR, 0, report(), replace(SCENE, rebuild_s=11.0, back_s=10.1), "away for 10.1 s"),
        (ALL_FOUR, 0, report(), replace(SCENE, struck_at_s=None), "fault to happen"),
        ([], 0, report(), SCENE, "not one order"),
    ],
)
def test_a_drill_that_shows_a_fault_has_not_passed(told, lost, found, scene, word):
    verdict = verdict_of(PLAN.fault, scene, told, lost=lost, report=found)
    assert len(verdict.faults) == 1
    assert word in verdict.faults[0]
    assert not any("passed" in str(line) for line in verdict.lines())


def test_the_gate_is_waited_for_from_when_both_engines_answer():
    scene = Scene(4, 60)
    scene.note(0.5, reachable=True)
    scene.struck_at_s, scene.struck_epoch, scene.loaded = 1.0, 1, False
    scene.note(2.0, reachable=False)  # it is started again
    scene.note(13.0, reachable=True)
    scene.note(14.0, reachable=True)
    assert (scene.rebuild_s, scene.back_s) == (None, None)
    scene.loaded, scene.gate_epoch = True, 2
    for now_s in (16.0, 17.0):
        scene.note(now_s, reachable=True)
    assert (scene.rebuild_s, scene.back_s) == (15.0, 3.0)
    assert verdict_of(Fault.KILL, scene, ALL_FOUR, lost=0, report=report()).faults == ()
    wiped = replace(SCENE, rebuild_s=None, reachable_at_s=0.0, loaded=True, gate_epoch=1)
    wiped.note(11.5, reachable=True)
    (fault,) = verdict_of(Fault.WIPE, wiped, ALL_FOUR, lost=0, report=report()).faults
    assert "away for 10.5 s" in fault


@pytest.mark.parametrize("terminal", [False, True])
def test_the_screen_shows_what_happens(terminal: bool):
    written = io.StringIO()
    with screen(Console(file=written, force_terminal=terminal, width=300)) as shown:
        shown.show(replace(SCENE, left=3))
        shown.show(replace(SCENE, left=3, loaded=False))
        shown.say("The gate is wiped.")
        shown.show(replace(SCENE, left=0))
    for text in ("3 of 4", "being rebuilt", "The gate is wiped.", "sold out", "2.0 s"):
        assert text in written.getvalue() or (terminal and text in {"3 of 4", "being rebuilt"})
