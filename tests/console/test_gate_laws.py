"""The audit's eye on the gate: every breach that is planted in Redis is seen, and work under way is none."""

import asyncio

import pytest

from console.audit import audit
from console.gate_keys import HOLD_MAX_S
from console.model import NotAuditable, Report
from inventory.book import SaleBook
from inventory.gate import Gate
from inventory.loops import Upkeep
from inventory.reconciler import Reconciler
from inventory.restock import add_units
from inventory.running import close_sale
from inventory.sweeper import Sweeper
from keel.database import create_pool
from keel.lua import connect
from orders.attempt import Placed
from tests.console.served import Served
from tests.inventory.selling import draft_sale

EQUAL = "gate-equals-ledger"
CUSTOMER = "0197c2d4-0000-7000-8000-000000000000"
ENTRY = "C0" + CUSTOMER + "f" * 32 + "1;1;1:1"

# Changes of counters, item 1 standing at 10 allocated, 9 confirmed, 1 free.
IN_COUNTERS = {
    "free more than is left": ({"1:f": 1, "1:c": -1}, {"gate-below-ledger", EQUAL}),
    "free less than is left": ({"1:f": -1, "1:c": 1}, {EQUAL}),
    "units held by nobody": ({"1:f": -1, "1:h": 1}, {EQUAL}),
    "units that do not add up": ({"1:f": -1}, {"gate-adds-up", EQUAL}),
    "fewer than none": ({"1:f": -3, "1:c": 3}, {"gate-adds-up", EQUAL}),
    "another allocation": ({"1:f": -1, "1:a": -1}, {"gate-has-allocation"}),
}


def skipped(report: Report) -> set[str]:
    return {invariant.name for invariant in report.skipped}


@pytest.mark.parametrize("breach", IN_COUNTERS)
async def test_a_breach_in_the_counters_is_seen(served: Served, breach: str):
    changes, expected = IN_COUNTERS[breach]
    key = await served.key_of("items")
    for field, units in changes.items():
        await served.shop.redis.hincrby(key, field, units)
    assert await served.broken() == expected


@pytest.mark.parametrize(("field", "value"), [("run_id", "x"), ("epoch", "0"), ("version", "1")])
async def test_a_gate_that_forgot_or_lags_is_seen(served: Served, field: str, value: str):
    await served.shop.redis.hset(f"{Gate.base(served.sale.id, 0)}:meta", field, value)
    assert await served.broken() == {"gate-is-loaded"}


async def test_an_item_that_the_gate_lost_is_seen(served: Served):
    await served.shop.redis.hdel(await served.key_of("items"), "2:a", "2:f", "2:h", "2:c", "2:l")
    assert await served.broken() == {"gate-has-allocation"}


async def test_a_key_that_the_gate_lost_is_seen(served: Served):
    key = await served.key_of("entries")
    await served.shop.redis.hdel(key, (await served.shop.redis.hkeys(key))[0])
    assert await served.broken() == {"gate-keys-are-claims"}


@pytest.mark.parametrize(("old", "new"), [(b"C0", b"R0"), (b"01a3", b"01a4"), (b";1:1", b";1:2"), (b"R0", b"C0")])
async def test_a_key_that_says_something_else_is_seen(served: Served, old: bytes, new: bytes):
    key = await served.key_of("entries")
    texts: dict[bytes, bytes] = await served.shop.redis.hgetall(key)  # type: ignore[assignment]
    field = next(field for field, text in texts.items() if old in text)
    await served.shop.redis.hset(key, field, texts[field].replace(old, new, 1))
    assert await served.broken() == {"gate-keys-are-claims"}


async def test_keys_that_nobody_claimed_are_seen_and_counted(served: Served):
    key = await served.key_of("entries")
    aliens = [part for n in range(2_500) for part in (f"{CUSTOMER}:{n}", ENTRY)]
    await served.shop.redis.hset(key, items=[*aliens, "what", "is this"])
    report = await served.audit()
    [breach] = report.breaches
    assert breach.name == "gate-keys-are-claims"
    assert breach.figures["broken"] == 2_501
    assert len(breach.detail) == 5


@pytest.mark.parametrize("units", ["1:2", "2:1", ""])
async def test_a_buyer_who_is_counted_wrongly_is_seen(served: Served, units: str):
    key = await served.key_of("buyers")
    field = next(f for f, t in (await served.shop.redis.hgetall(key)).items() if t == b"1:1")
    await (served.shop.redis.hset(key, field, units) if units else served.shop.redis.hdel(key, field))
    assert await served.broken() == {"gate-buyers-are-claims"}


async def test_a_queue_that_starts_again_is_seen(served: Served):
    await served.shop.redis.hset(f"{Gate.base(served.sale.id, 0)}:meta", "no", 3)
    assert await served.broken() == {"queue-goes-on"}


async def hold_one(served: Served) -> str:
    """A hold that nobody places; its claim id."""
    claim_id = served.shop.ids.new()
    sale_id, version = served.sale.id, (await served.shop.gate.status(served.sale.id, 0)).version
    ask = (served.shop.ids.new(), "k", claim_id, "f" * 32, "1:1", True, 0)
    await served.shop.gate.hold(sale_id, 0, now_ms=served.shop.clock.ms(), version=version, confirms=[], asks=[ask])
    return claim_id


async def test_a_hold_is_no_breach_until_it_is_forgotten(served: Served):
    await hold_one(served)
    report = await served.audit()
    assert report.breaches == ()
    assert not report.quiet
    assert {EQUAL, "gate-keys-are-claims", "gate-buyers-are-claims"} <= skipped(report)
    served.shop.clock.advance(s=HOLD_MAX_S + 1)
    assert await served.broken() == {"no-hold-is-forgotten"}


async def test_the_audit_waits_for_quiet_and_says_so(served: Served):
    await hold_one(served)
    said = asyncio.Event()
    told: list[str] = []

    def say(text: str) -> None:
        told.append(text)
        said.set()

    async def sweep() -> None:
        await said.wait()
        served.shop.clock.advance(s=4)
        config = await served.shop.ledger.sale(served.sale.id)
        assert config is not None
        await Sweeper(served.shop.gate, served.shop.ledger, served.shop.clock).sweep(config, 0)

    now = served.shop.clock.now()
    report, _ = await asyncio.gather(
        audit(served.pool, served.shop.gate, served.sale.id, wait_s=10, at=now, say=say), sweep()
    )
    assert report.quiet
    assert report.breaches == ()
    assert "1 units held" in told[0]


async def test_a_sale_that_goes_on_while_it_is_audited_breaks_nothing(served: Served):
    """Whatever the moment, no promise looks broken."""
    await add_units(served.shop.selling, served.shop.staff, served.sale.id, served.sale.item_ids[0], 900)
    done = asyncio.Event()

    async def rush() -> None:
        while not done.is_set():
            served.shop.clock.advance(ms=1)
            await asyncio.gather(*(served.order(served.shop.ids.new(), "k", 1) for _ in range(3)))

    async def look() -> None:
        for _ in range(8):
            assert await served.broken() == set()
        done.set()

    await asyncio.gather(rush(), look())


async def test_a_closed_sale_is_held_to_its_tables_and_to_leaving_nothing(served: Served):
    shop = served.shop
    await close_sale(shop.selling, shop.staff, served.sale.id)
    assert await served.broken() == {"leftovers-are-back"}
    book = SaleBook(shop.ledger)
    reconciler = Reconciler(shop.gate, shop.ledger, book, shop.clock)
    sweeper = Sweeper(shop.gate, shop.ledger, shop.clock)
    await Upkeep(shop.ledger, book, reconciler, sweeper, shop.selling.rebuilder).reconcile_all()
    report = await served.audit()
    assert report.breaches == ()
    assert "gate-is-loaded" in skipped(report)


async def test_a_draft_has_nothing_to_break(served: Served):
    sale = await draft_sale(served.shop, units=[3])
    report = await audit(served.pool, served.shop.gate, sale.id, wait_s=0, at=served.shop.clock.now())
    assert report.breaches == ()
    assert "gate-is-loaded" in skipped(report)


async def test_a_gate_that_does_not_answer_is_no_breach_but_no_audit_either(served: Served):
    redis = connect("redis://127.0.0.1:1/0")
    with pytest.raises(NotAuditable, match="Redis does not answer"):
        await audit(served.pool, Gate(redis), served.sale.id, wait_s=0)
    await redis.aclose()


async def test_a_database_that_does_not_answer_is_said_plainly(served: Served):
    with pytest.raises(NotAuditable, match="PostgreSQL does not answer"):
        async with create_pool("postgresql://x@127.0.0.1:1/x") as pool:
            await audit(pool, served.shop.gate, served.sale.id, wait_s=0)


async def test_a_buyer_of_several_orders_is_counted_whole_by_a_gate_that_was_rebuilt(served: Served):
    """The rebuilt gate has the lines of each of his orders, one after the other."""
    buyer = served.shop.ids.new()
    for key in ("first", "second"):
        assert isinstance(await served.order(buyer, key, 0, 1), Placed)
    await served.placement.drained()
    assert await served.broken() == set()
    await served.shop.redis.flushdb()
    await served.shop.selling.rebuilder.rebuild(served.sale.id, 0)
    assert await served.shop.redis.hget(await served.key_of("buyers"), buyer) in {b"2:1,2:1", "2:1,2:1"}
    assert await served.broken() == set()
    await served.shop.redis.hset(await served.key_of("buyers"), buyer, "2:1,2:1,2:1")
    assert await served.broken() == {"gate-buyers-are-claims"}
    await served.shop.redis.hset(await served.key_of("buyers"), buyer, "2:2,what")
    assert await served.broken() == {"gate-buyers-are-claims"}
