"""What keeps the gate in step with the ledger: rebuild, reconciler, sweeper, releases, and the lease on saying no."""

import asyncio

import pytest

from inventory import loops
from inventory.book import LEASE_S
from inventory.faults import GateSilent, LedgerFault, NotSent
from inventory.metrics import DRIFT
from inventory.model import SaleConfig
from inventory.reconciler import QUIET_S, TICKS_TO_ALARM
from inventory.releases import GateReleases
from inventory.running import close_sale
from inventory.sweeper import LOOK_AFTER_MS
from inventory.verdicts import EndedVerdict
from keel.metrics import LOOP_FAILURES
from keel.outbox import Fact, Handled
from tests.eventually import eventually_async
from tests.inventory.mills import Mill, held
from tests.inventory.selling import check_books, hold, open_sale


def drift(law: str) -> float:
    return float(DRIFT.labels(law=law)._value.get())


async def test_a_configuration_that_did_not_reach_the_gate_is_pushed(mill: Mill):
    sale = await open_sale(mill.shop, units=[10])
    await mill.shop.pool.execute("UPDATE sale SET version = version + 2, limit_per_customer = 4 WHERE id = $1", sale.id)
    await mill.reconcile()
    status = await mill.shop.gate.status(sale.id, 0)
    assert (status.version, status.meta["limit"]) == ((await mill.config(sale)).version, "4")


async def test_a_gate_first_command_that_was_not_committed_is_undone(mill: Mill):
    sale = await open_sale(mill.shop)
    config, status = await mill.config(sale), await mill.shop.gate.status(sale.id, 0)
    await mill.shop.gate.configure(
        sale.id, 0, epoch=status.epoch, version=config.version + 1, fields={"state": "paused"}, items=[]
    )
    await mill.reconcile(times=TICKS_TO_ALARM + 1)
    status = await mill.shop.gate.status(sale.id, 0)
    assert (status.meta["state"], status.version) == ("open", (await mill.config(sale)).version)


async def test_units_that_the_gate_should_not_have_raise_an_alarm_and_a_rebuild(mill: Mill):
    sale = await open_sale(mill.shop, units=[10])
    alarms = drift("free <= allocated - sold")
    await mill.shop.redis.hincrby(f"{mill.shop.gate.base(sale.id, 0)}:1:items", "1:f", 1)
    await mill.reconcile(times=TICKS_TO_ALARM)
    assert drift("free <= allocated - sold") == alarms + 1
    assert (await mill.shop.gate.status(sale.id, 0)).items[0].free == 10


async def test_units_that_the_gate_lost_raise_an_alarm_once_it_is_quiet(mill: Mill):
    sale = await open_sale(mill.shop, units=[10])
    alarms = drift("equality when quiet")
    await mill.shop.redis.hincrby(f"{mill.shop.gate.base(sale.id, 0)}:1:items", "1:f", -1)
    await mill.reconcile(times=TICKS_TO_ALARM + 1)
    assert drift("equality when quiet") == alarms
    mill.clock_s.s += QUIET_S
    await mill.reconcile()
    assert drift("equality when quiet") == alarms + 1
    assert (await mill.shop.gate.status(sale.id, 0)).items[0].free == 10


async def test_a_gate_that_has_more_out_than_the_ledger_allocates_is_rebuilt_not_asked_for_ever(mill: Mill):
    shop = mill.shop
    sale = await open_sale(shop, units=[10])
    await held(mill, sale, units=8)
    alarms = drift("held + confirmed <= allocated")
    await shop.pool.execute("UPDATE stock SET allocated = 5 WHERE sale_id = $1", sale.id)
    await shop.pool.execute("UPDATE sale SET version = version + 2 WHERE id = $1", sale.id)
    await mill.reconcile()
    assert drift("held + confirmed <= allocated") == alarms + 1
    status = await shop.gate.status(sale.id, 0)
    assert (status.version, status.items[0].free) == ((await mill.config(sale)).version, 5)


async def test_a_release_that_was_given_up_on_does_not_hide_units_that_the_gate_lost(mill: Mill):
    shop = mill.shop
    sale = await open_sale(shop, units=[10])
    fact_id = shop.ids.new()
    await shop.pool.execute(
        "INSERT INTO outbox_event (id, topic, aggregate, payload, at) "
        "VALUES ($1, 'order.lapsed', $1, jsonb_build_object('sale_id', $2::text), $3)",
        fact_id, sale.id, shop.clock.now(),
    )  # fmt: skip
    await shop.pool.execute(
        "INSERT INTO outbox_delivery (event_id, subscriber, lane, aggregate, due_at, state) "
        "VALUES ($1, 'gate-releases', 1, $1, $2, 'waiting')",
        fact_id, shop.clock.now(),
    )  # fmt: skip
    assert await shop.ledger.open_releases(sale.id) == 1
    await shop.pool.execute("UPDATE outbox_delivery SET state = 'dead'")
    assert await shop.ledger.open_releases(sale.id) == 0


async def test_what_was_seen_of_a_sale_is_forgotten_when_it_no_longer_runs(mill: Mill):
    sale = await open_sale(mill.shop)
    await mill.reconcile()
    assert list(mill.upkeep.reconciler._watches) == [(sale.id, 0)]
    await close_sale(mill.shop.selling, mill.shop.staff, sale.id)
    await mill.reconcile(times=3)
    assert mill.upkeep.reconciler._watches == {}


async def test_a_hold_that_nobody_places_is_voided_and_given_back(mill: Mill):
    sale = await open_sale(mill.shop, units=[10])
    customer, key, claim_id = await held(mill, sale, units=2)
    await mill.upkeep.sweep_all()
    assert (await mill.shop.gate.status(sale.id, 0)).held == 1  # too young to look at
    mill.shop.clock.advance(ms=LOOK_AFTER_MS + 1)
    await mill.upkeep.sweep_all()
    assert (await mill.shop.gate.status(sale.id, 0)).items[0].free == 10
    claims = await mill.shop.ledger.claims(sale.id, [(customer, key)])
    assert (claims[customer, key].state, claims[customer, key].id) == ("void", claim_id)


async def test_a_hold_whose_confirmation_got_lost_is_confirmed(mill: Mill):
    sale = await open_sale(mill.shop, units=[10])
    await mill.place(sale, await held(mill, sale))
    mill.shop.clock.advance(ms=LOOK_AFTER_MS + 1)
    await mill.upkeep.sweep_all()
    item = (await mill.shop.gate.status(sale.id, 0)).items[0]
    assert (item.free, item.held, item.confirmed) == (9, 0, 1)


async def test_what_a_closed_sale_has_left_returns_once_no_hold_is_open(mill: Mill):
    shop = mill.shop
    sale = await open_sale(shop, units=[10])
    await mill.place(sale, await held(mill, sale))
    await close_sale(shop.selling, shop.staff, sale.id)
    await mill.reconcile()
    assert (await mill.config(sale)).allocated == 10  # one hold is open: its confirmation is on the way
    shop.clock.advance(ms=LOOK_AFTER_MS + 1)
    await mill.upkeep.sweep_all()
    await mill.reconcile()
    assert (await mill.config(sale)).allocated == 1
    await check_books(shop)
    assert await shop.redis.pttl(f"{shop.gate.base(sale.id, 0)}:meta") > 0
    assert isinstance(await hold(shop, sale), EndedVerdict)


async def test_a_hold_of_before_the_settlement_can_no_longer_become_an_order(mill: Mill):
    shop = mill.shop
    sale = await open_sale(shop, units=[10])
    late = await held(mill, sale)
    await shop.redis.flushdb()
    await close_sale(shop.selling, shop.staff, sale.id)
    await mill.reconcile()
    assert (await mill.config(sale)).allocated == 0
    with pytest.raises(Exception, match="epoch 1 is over"):
        await mill.place(sale, late)


async def test_a_release_fact_waits_for_a_gate_of_its_epoch(mill: Mill):
    shop = mill.shop
    sale = await open_sale(shop, units=[10])
    customer, key, claim_id = await held(mill, sale)
    payload = {"sale_id": sale.id, "segment": 0, "customer_id": customer, "key": key, "id": claim_id, "epoch": 2}
    fact = Fact(shop.ids.new(), "order.lapsed", claim_id, payload, shop.clock.now(), 0)
    releases = GateReleases(shop.gate, shop.ledger)

    assert await releases([fact]) == [Handled.LATER]  # the gate is at epoch 1
    await mill.upkeep.rebuilder.rebuild(sale.id, 0)
    assert await releases([fact]) == [Handled.DONE]
    await shop.redis.flushdb()
    assert await releases([fact]) == [Handled.LATER]  # never done on not_loaded
    await close_sale(shop.selling, shop.staff, sale.id)
    assert await releases([fact]) == [Handled.DONE]  # a closed sale's gate is never loaded again


async def test_a_no_is_believed_only_while_the_epoch_is_freshly_read(mill: Mill):
    sale = await open_sale(mill.shop)
    await mill.config(sale)
    assert mill.book.trusts(sale.id, 0, 1)
    assert not mill.book.trusts(sale.id, 0, 2)
    mill.clock_s.s += LEASE_S
    assert not mill.book.trusts(sale.id, 0, 1)
    await mill.book.tick()
    assert mill.book.trusts(sale.id, 0, 1)
    await mill.shop.ledger.bump_epoch(sale.id, 0)
    await mill.book.tick()
    assert not mill.book.trusts(sale.id, 0, 1)


async def test_a_sale_whose_upkeep_fails_does_not_stop_the_others(mill: Mill):
    first, second = await open_sale(mill.shop), await open_sale(mill.shop)
    seen: list[str] = []

    async def job(config: SaleConfig) -> list[int]:
        seen.append(config.id)
        raise GateSilent("no answer") if config.id == first.id else NotSent("no connection")

    await mill.upkeep._each(job)
    assert set(seen) == {first.id, second.id}
    assert issubclass(NotSent, LedgerFault)


async def test_a_sale_whose_upkeep_fails_in_an_unknown_way_does_not_stop_the_others(mill: Mill):
    first, second = await open_sale(mill.shop), await open_sale(mill.shop)
    failures, done = LOOP_FAILURES.labels(loop="upkeep of a sale")._value, []
    before = failures.get()

    async def job(config: SaleConfig) -> list[int]:
        if config.id == first.id:
            raise ZeroDivisionError
        await mill.shop.ledger.sale(config.id)  # long enough for a group to be cancelled
        done.append(config.id)
        return []

    await mill.upkeep._each(job)
    assert done == [second.id]
    assert failures.get() == before + 1


async def test_the_loops_go_on_by_themselves_until_they_are_stopped(mill: Mill):
    sale, stop = await open_sale(mill.shop), asyncio.Event()
    await mill.shop.redis.flushdb()

    async def loaded() -> bool:
        return (await mill.shop.gate.status(sale.id, 0)).loaded

    async with asyncio.TaskGroup() as group:
        group.create_task(loops.reconcile(mill.upkeep, stop))
        group.create_task(loops.sweep(mill.upkeep, stop))
        assert await eventually_async(loaded)
        stop.set()
