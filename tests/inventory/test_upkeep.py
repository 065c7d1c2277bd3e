"""What keeps the gate in step with the ledger: rebuild, reconciler, sweeper, releases, and the lease on saying no."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from msgspec import structs

from inventory.book import LEASE_S, SaleBook
from inventory.faults import GateSilent, LedgerFault, NotSent
from inventory.ledger import Ledger
from inventory.loops import Upkeep
from inventory.metrics import DRIFT
from inventory.model import SaleConfig
from inventory.rebuild import Rebuilder
from inventory.reconciler import QUIET_S, TICKS_TO_ALARM, Reconciler
from inventory.releases import GateReleases
from inventory.running import close_sale
from inventory.sweeper import LOOK_AFTER_MS, Sweeper
from inventory.verdicts import EndedVerdict, Held, Repeated
from keel.outbox import Fact, Handled
from tests.inventory.selling import Sale, Shop, check_books, hold, open_sale, open_shop


class Monotonic:
    """A monotonic clock that is moved by hand."""

    def __init__(self) -> None:
        self.s = 1_000.0

    def __call__(self) -> float:
        return self.s


@dataclass
class Mill:
    """A shop with its upkeep, ticked by hand."""

    shop: Shop
    book: SaleBook
    upkeep: Upkeep
    clock_s: Monotonic

    async def config(self, sale: Sale) -> SaleConfig:
        config = await self.book.refresh(sale.id)
        assert config is not None
        return config

    async def reconcile(self, times: int = 1) -> None:
        for _ in range(times):
            await self.book.tick()
            await self.upkeep.reconcile_all()

    async def place(self, sale: Sale, ask: tuple[str, str, str], *, epoch: int = 1, no: int = 1) -> None:
        """Commit a hold of one unit of the first item as the ledger's own function does."""
        customer, key, claim_id = ask
        shop = self.shop
        config = await self.config(sale)
        item = config.items[0]
        await shop.pool.execute(
            """SELECT * FROM orders_place($1, $2, 0::smallint, $3, false, 'CNY', $4, $5, NULL, '{}', ARRAY[$6]::uuid[],
               ARRAY[$7]::uuid[], ARRAY[$8], ARRAY[$9], ARRAY['1:1'], ARRAY[1], ARRAY[$10]::bigint[],
               ARRAY[$11]::bigint[], ARRAY[$12]::bigint[], ARRAY[NULL]::text[], ARRAY[$6]::uuid[],
               ARRAY[1]::smallint[], ARRAY[$13]::uuid[],
               ARRAY[$14]::uuid[], ARRAY[1], ARRAY[$12]::bigint[], '{}', '{}', '{}', '{}')""",
            config.merchant_id, sale.id, epoch, shop.clock.now(), shop.clock.now() + timedelta(seconds=900), claim_id,
            customer, key, "f" * 32, no, shop.clock.ms(), item.price, item.id, item.version_id,
        )  # fmt: skip


@pytest.fixture
async def mill(database_url: str, redis_url: str) -> AsyncIterator[Mill]:
    async with open_shop(database_url, redis_url) as shop:
        clock_s = Monotonic()
        book = SaleBook(shop.ledger, clock_s)
        rebuilder = Rebuilder(shop.pool, shop.ledger, shop.gate, trust_s=0.0)
        reconciler = Reconciler(shop.gate, shop.ledger, book, rebuilder, shop.clock, clock_s)
        sweeper = Sweeper(shop.gate, shop.ledger, shop.clock)
        yield Mill(shop, book, Upkeep(shop.ledger, book, reconciler, sweeper), clock_s)


def drift(law: str) -> float:
    return DRIFT.labels(law=law)._value.get()


async def held(mill: Mill, sale: Sale, units: int = 1) -> tuple[str, str, str]:
    """Hold units at the gate; the hold's name."""
    config = await mill.config(sale)
    name = mill.shop.ids.new(), "key", mill.shop.ids.new()
    ask = (*name, "f" * 32, f"1:{units}", True, 0)
    reply = await mill.shop.gate.hold(
        sale.id, 0, now_ms=mill.shop.clock.ms(), version=config.version, confirms=[], asks=[ask]
    )
    assert isinstance(reply.verdicts[0], Held)  # type: ignore[union-attr]
    return name


async def test_a_gate_that_forgot_is_rebuilt_from_the_claims(mill: Mill):
    sale = await open_sale(mill.shop, units=[10])
    bought, only_held = await held(mill, sale), await held(mill, sale, units=3)
    await mill.place(sale, bought)
    await mill.shop.redis.flushdb()

    await mill.reconcile()

    status = await mill.shop.gate.status(sale.id, 0)
    assert (status.loaded, status.epoch, status.entries) == (True, 2, 1)
    assert (status.items[0].free, status.items[0].held, status.items[0].confirmed) == (9, 0, 1)
    config = await mill.config(sale)
    asks = [(*name[:2], mill.shop.ids.new(), "f" * 32, "1:1", True, 0) for name in (bought, only_held)]
    reply = await mill.shop.gate.hold(
        sale.id, 0, now_ms=mill.shop.clock.ms(), version=config.version, confirms=[], asks=asks
    )
    assert isinstance(reply.verdicts[0], Repeated)  # type: ignore[union-attr]
    assert isinstance(reply.verdicts[1], Held)  # type: ignore[union-attr]


async def test_the_numbers_of_the_queue_go_on_after_a_rebuild(mill: Mill):
    sale = await open_sale(mill.shop, units=[10])
    await mill.place(sale, await held(mill, sale), no=7)
    await mill.shop.redis.flushdb()
    await mill.reconcile()
    assert (await hold(mill.shop, sale)).no == 8


async def test_one_rebuilder_at_a_time(mill: Mill):
    sale = await open_sale(mill.shop)
    async with mill.shop.pool.acquire() as guard, guard.transaction():
        assert await Ledger.guard_rebuild(guard, sale.id, 0)
        assert await mill.upkeep.reconciler.rebuilder.rebuild(sale.id, 0) is False
    assert await mill.upkeep.reconciler.rebuilder.rebuild(sale.id, 0) is True


async def test_an_engine_that_changes_during_the_load_is_noticed(mill: Mill):
    """The run_id is noted before anything; here another one was noted, as after a restart in between."""
    sale = await open_sale(mill.shop)
    rebuilder = mill.upkeep.reconciler.rebuilder

    class Restarting:
        """Says another run_id once, as an engine does that is restarted right after."""

        def __init__(self) -> None:
            self.said = 0

        def __getattr__(self, name: str) -> object:
            return getattr(mill.shop.gate, name)

        async def status(self, sale_id: str, segment: int) -> object:
            self.said += 1
            status = await mill.shop.gate.status(sale_id, segment)
            return status if self.said > 1 else structs.replace(status, run_id="0" * 40)

    assert await replace(rebuilder, gate=Restarting()).rebuild(sale.id, 0)  # type: ignore[arg-type]
    assert (await mill.shop.gate.status(sale.id, 0)).epoch == 3  # begun at 2, begun again at 3


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
    await mill.shop.redis.hincrby(f"{mill.shop.gate.base(sale.id, 0)}:1:items", "1:f", 1)  # type: ignore[misc]
    await mill.reconcile(times=TICKS_TO_ALARM)
    assert drift("free <= allocated - sold") == alarms + 1
    assert (await mill.shop.gate.status(sale.id, 0)).items[0].free == 10


async def test_units_that_the_gate_lost_raise_an_alarm_once_it_is_quiet(mill: Mill):
    sale = await open_sale(mill.shop, units=[10])
    alarms = drift("equality when quiet")
    await mill.shop.redis.hincrby(f"{mill.shop.gate.base(sale.id, 0)}:1:items", "1:f", -1)  # type: ignore[misc]
    await mill.reconcile(times=TICKS_TO_ALARM + 1)
    assert drift("equality when quiet") == alarms
    mill.clock_s.s += QUIET_S
    await mill.reconcile()
    assert drift("equality when quiet") == alarms + 1
    assert (await mill.shop.gate.status(sale.id, 0)).items[0].free == 10


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
    await mill.upkeep.reconciler.rebuilder.rebuild(sale.id, 0)
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

    async def job(config: SaleConfig) -> None:
        seen.append(config.id)
        raise GateSilent("no answer") if config.id == first.id else NotSent("no connection")

    await mill.upkeep._each(job)
    assert set(seen) == {first.id, second.id}
    assert issubclass(NotSent, LedgerFault)
