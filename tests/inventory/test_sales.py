"""A sale's states: who may move it where, in which order the two stores hear of it, and what a crash leaves behind."""

import asyncio
from collections import Counter
from datetime import timedelta

import pytest

from inventory import store
from inventory.drafting import edit_sale
from inventory.errors import NotEnoughUnits
from inventory.gate import Gate
from inventory.model import NEXT, SaleState
from inventory.running import close_due, close_sale, open_due, open_sale, pause_sale, resume_sale, schedule_sale
from inventory.selling import Selling, push
from inventory.sheet import MOVES, state_at
from inventory.tables import SaleRow
from inventory.verdicts import EndedVerdict, Held, NotOpenVerdict, PausedVerdict
from inventory.versions import gate_first, ledger_first
from keel.clock import FakeClock
from keel.errors import Conflict, NotFound, Unavailable
from keel.lua import connect
from tests.eventually import insist
from tests.inventory import selling as build
from tests.inventory.selling import Sale, Shop, check_books, draft_sale, hold, make_merchant, scheduled_sale

COMMANDS = {
    "schedule": schedule_sale,
    "open": open_sale,
    "pause": pause_sale,
    "resume": resume_sale,
    "close": close_sale,
}
WAY = {
    SaleState.DRAFT: [],
    SaleState.SCHEDULED: ["schedule"],
    SaleState.OPEN: ["schedule", "open"],
    SaleState.PAUSED: ["schedule", "open", "pause"],
    SaleState.CLOSED: ["schedule", "close"],
}


def silent(shop: Shop) -> Selling:
    """The same shop, its gate at an address where nobody listens."""
    return Selling(
        shop.selling.sessions,
        shop.ids,
        shop.clock,
        Gate(connect("redis://127.0.0.1:1/0")),
        shop.selling.rebuilder,
    )


async def state_of(shop: Shop, sale: Sale) -> tuple[str, int]:
    row = (await shop.rows("SELECT state, version FROM sale WHERE id = :id", id=sale.id))[0]
    return row["state"], row["version"]


async def at_gate(shop: Shop, sale: Sale) -> tuple[str, int]:
    status = await shop.gate.status(sale.id, 0)
    return status.meta["state"], status.version


async def bring(shop: Shop, state: SaleState) -> Sale:
    sale = await draft_sale(shop)
    for name in WAY[state]:
        await COMMANDS[name](shop.selling, shop.staff, sale.id)
    return sale


@pytest.mark.parametrize("state", SaleState)
async def test_every_command_moves_from_its_states_and_is_refused_elsewhere(shop, state):
    for step in MOVES:
        sale = await bring(shop, state)
        before = await state_of(shop, sale)
        if state in step.sources:
            moved = await COMMANDS[step.name](shop.selling, shop.staff, sale.id)
            assert moved.state == step.target in NEXT[state]
            assert await state_of(shop, sale) == await at_gate(shop, sale) == (step.target, moved.version)
        else:
            with pytest.raises(Conflict) as refused:
                await COMMANDS[step.name](shop.selling, shop.staff, sale.id)
            assert state in refused.value.detail
            assert await state_of(shop, sale) == before
    await check_books(shop)


@pytest.mark.parametrize(
    ("name", "state"), [("close", SaleState.OPEN), ("pause", SaleState.OPEN), ("open", SaleState.SCHEDULED)]
)
async def test_of_racing_commands_exactly_one_moves(shop, name, state):
    sale = await bring(shop, state)

    async def command() -> SaleRow:
        return await COMMANDS[name](shop.selling, shop.staff, sale.id)

    racing = (insist(command, Unavailable) for _ in range(5))  # whose turn does not come in time tries again
    kinds = Counter(type(outcome).__name__ for outcome in await asyncio.gather(*racing, return_exceptions=True))
    assert kinds == {"SaleRow": 1, "Conflict": 4}
    assert await state_of(shop, sale) == await at_gate(shop, sale)


async def test_a_sale_with_a_window_opens_and_ends_by_itself_at_the_gate(shop):
    now = shop.clock.now()
    sale = await scheduled_sale(shop, opens_at=now + timedelta(seconds=10), closes_at=now + timedelta(seconds=20))
    assert isinstance(await hold(shop, sale), NotOpenVerdict)
    assert await open_due(shop.selling, shop.clock.now()) == 0
    shop.clock.advance(s=10)
    assert isinstance(await hold(shop, sale), Held)
    assert await open_due(shop.selling, shop.clock.now()) == 1
    assert await open_due(shop.selling, shop.clock.now()) == 0
    assert await close_due(shop.selling, shop.clock.now()) == 0
    shop.clock.advance(s=10)
    assert isinstance(await hold(shop, sale), EndedVerdict)
    assert await close_due(shop.selling, shop.clock.now()) == 1
    assert await state_of(shop, sale) == await at_gate(shop, sale)
    assert (await state_of(shop, sale))[0] == "closed"


async def test_a_sale_that_opened_by_its_clock_can_be_paused_before_the_worker_wrote_it_down(shop):
    sale = await scheduled_sale(shop, opens_at=shop.clock.now() + timedelta(seconds=10))
    shop.clock.advance(s=10)
    assert (await pause_sale(shop.selling, shop.staff, sale.id)).state == "paused"
    assert isinstance(await hold(shop, sale), PausedVerdict)
    assert await open_due(shop.selling, shop.clock.now()) == 0


async def test_opening_early_opens_now(shop):
    sale = await scheduled_sale(shop, opens_at=shop.clock.now() + timedelta(hours=1))
    moved = await open_sale(shop.selling, shop.staff, sale.id)
    assert moved.opens_at == shop.clock.now()
    assert isinstance(await hold(shop, sale), Held)


async def test_nothing_starts_after_its_window(shop):
    closes_at = shop.clock.now() + timedelta(seconds=5)
    drafted = await draft_sale(shop, closes_at=closes_at)
    armed = await scheduled_sale(shop, closes_at=closes_at)
    paused = await build.open_sale(shop, closes_at=closes_at)
    await pause_sale(shop.selling, shop.staff, paused.id)
    shop.clock.advance(s=5)
    for command, sale in ((schedule_sale, drafted), (open_sale, armed), (resume_sale, paused)):
        with pytest.raises(Conflict):
            await command(shop.selling, shop.staff, sale.id)
    assert await close_due(shop.selling, shop.clock.now()) == 2


async def test_a_schedule_takes_all_units_or_none(shop):
    sale = await draft_sale(shop, units=[5, 7])
    short = sale.sku_ids[1]
    await shop.rows("UPDATE base_stock SET on_hand = 6 WHERE sku_id = :id RETURNING 1", id=short)
    with pytest.raises(NotEnoughUnits) as refused:
        await schedule_sale(shop.selling, shop.staff, sale.id)
    assert (refused.value.sku_id, refused.value.available) == (short, 6)
    assert await shop.rows("SELECT * FROM stock") == []
    assert (await state_of(shop, sale))[0] == "draft"


async def test_a_schedule_needs_units(shop):
    for sale in (await draft_sale(shop, units=[]), await draft_sale(shop, units=[0, 0])):
        with pytest.raises(Conflict):
            await schedule_sale(shop.selling, shop.staff, sale.id)


@pytest.mark.parametrize("command", [pause_sale, close_sale])
async def test_a_crash_between_gate_and_ledger_leaves_the_ledger_as_it_was(shop, command, monkeypatch):
    sale = await bring(shop, SaleState.OPEN)
    before = await state_of(shop, sale)
    with monkeypatch.context() as crash:
        crash.setattr(store, "revise", None)  # called after the gate was told
        with pytest.raises(TypeError):
            await command(shop.selling, shop.staff, sale.id)
    assert await state_of(shop, sale) == before
    assert (await at_gate(shop, sale))[1] > before[1], "the reconciler sees that the gate is ahead"
    await edit_sale(shop.selling, shop.staff, sale.id, {"title": "Still on"})
    assert await state_of(shop, sale) == await at_gate(shop, sale), (
        "the next change puts PostgreSQL's state on the gate"
    )
    assert (await state_of(shop, sale))[0] == "open"


async def test_a_command_given_again_after_a_crash_goes_through(shop, monkeypatch):
    sale = await bring(shop, SaleState.OPEN)
    for _ in range(3):
        with monkeypatch.context() as crash:
            crash.setattr(store, "revise", None)
            with pytest.raises(TypeError):
                await pause_sale(shop.selling, shop.staff, sale.id)
    await pause_sale(shop.selling, shop.staff, sale.id)
    assert await state_of(shop, sale) == await at_gate(shop, sale)


@pytest.mark.parametrize("command", [pause_sale, close_sale])
async def test_a_silent_gate_may_still_sell_so_nothing_stops(shop, command):
    sale = await bring(shop, SaleState.OPEN)
    before = await state_of(shop, sale)
    with pytest.raises(Unavailable) as refused:
        await command(silent(shop), shop.staff, sale.id)
    assert "may still be selling" in (refused.value.detail or "")
    assert await state_of(shop, sale) == before


@pytest.mark.parametrize("command", [pause_sale, close_sale])
async def test_a_gate_that_forgot_sells_nothing_so_the_ledger_alone_decides(shop, command):
    sale = await bring(shop, SaleState.OPEN)
    await shop.redis.flushdb()
    moved = await command(shop.selling, shop.staff, sale.id)
    assert await state_of(shop, sale) == (moved.state, moved.version)


async def test_commands_that_tell_the_ledger_first_need_no_gate(shop):
    sale = await draft_sale(shop)
    for command in (schedule_sale, open_sale):
        await command(silent(shop), shop.staff, sale.id)
    assert (await state_of(shop, sale))[0] == "open"
    await push(shop.selling, sale.id)
    assert await state_of(shop, sale) == await at_gate(shop, sale)


async def test_the_clock_passes_over_sales_whose_gate_is_silent(shop):
    await build.open_sale(shop, closes_at=shop.clock.now() + timedelta(seconds=1))
    shop.clock.advance(s=1)
    assert await close_due(silent(shop), shop.clock.now()) == 0
    assert await close_due(shop.selling, shop.clock.now()) == 1


async def test_another_merchants_sale_looks_like_none(shop):
    sale = await bring(shop, SaleState.OPEN)
    stranger = await make_merchant(shop.selling, "Another pond")
    before = await state_of(shop, sale)
    for command in COMMANDS.values():
        with pytest.raises(NotFound) as foreign:
            await command(shop.selling, stranger, sale.id)
        with pytest.raises(NotFound) as absent:
            await command(shop.selling, stranger, shop.ids.new())
        assert foreign.value.document() == absent.value.document()
    assert await state_of(shop, sale) == before


async def test_a_command_with_an_old_version_is_refused(shop):
    sale = await bring(shop, SaleState.OPEN)
    _, version = await state_of(shop, sale)
    for command in COMMANDS.values():
        with pytest.raises(Conflict):
            await command(shop.selling, shop.staff, sale.id, version=version - 1)
    await pause_sale(shop.selling, shop.staff, sale.id, version=version)


async def test_every_command_leaves_its_row_in_the_audit(shop):
    sale = await bring(shop, SaleState.PAUSED)
    rows = await shop.rows(
        "SELECT command FROM staff_audit WHERE subject_id = :id AND actor = 'hua' ORDER BY id", id=sale.id
    )
    assert [row["command"] for row in rows] == [
        "sale.create",
        "sale.add_item",
        "sale.schedule",
        "sale.open",
        "sale.pause",
    ]


def test_versions_of_the_two_kinds_of_commands_never_meet():
    for version in range(1, 9):
        assert ledger_first(version) > version
        assert ledger_first(version) % 2 == 0
        assert gate_first(version) > version
        assert gate_first(version) % 2 == 1


def test_the_clock_alone_opens_scheduled_sales_and_ends_running_ones():
    clock_now = FakeClock().now()
    past, future = clock_now - timedelta(seconds=1), clock_now + timedelta(seconds=1)
    for state in SaleState:
        opened = state_at(state, clock_now, opens_at=past, closes_at=future)
        assert opened == (SaleState.OPEN if state is SaleState.SCHEDULED else state)
        ended = state_at(state, clock_now, opens_at=past, closes_at=clock_now)
        assert ended == (SaleState.DRAFT if state is SaleState.DRAFT else SaleState.CLOSED)
        assert state_at(state, clock_now, opens_at=None, closes_at=None) == state
