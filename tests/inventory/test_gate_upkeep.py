"""The gate's other scripts: release, stale, configure, load and flip; another engine, and memory that is full."""

from collections.abc import Callable

import pytest

from inventory.faults import GateFull
from inventory.gate import Gate
from inventory.replies import Incomplete, NotEnoughFree, NotLoaded, Ok, Older, OtherEngine, StaleHolds
from inventory.verdicts import Held, OverLimitVerdict, Repeated
from keel.lua import connect
from millpond.engines import Engines
from tests.inventory.gates import NOW_MS, PRINT, SALE, Bench, LoadEntry, ask, customer_of, hold_at, id_of, ref

DAY_MS = 86_400_000


def entry(claim: int, *, customer: int = 1, key: str = "k", state: str = "C", lines: str = "1:1") -> LoadEntry:
    return customer_of(customer), key, state, id_of(claim), PRINT, claim, NOW_MS, lines


@pytest.mark.parametrize("mode", ["not_sent", "voided", "lapsed"])
async def test_a_release_compares_the_id_and_touches_nothing_else(bench: Bench, mode: str):
    await bench.load()
    await bench.one(ask(2))
    before = await bench.contents()

    assert await bench.release(mode, hold_at(1), hold_at(3), hold_at(2, key="x")) == ["already"] * 3

    assert await bench.contents() == before


@pytest.mark.parametrize(
    ("mode", "outcomes"),
    [
        ("not_sent", ["released", "already", "already"]),
        ("voided", ["released", "already", "already"]),
        ("lapsed", ["released", "released", "already"]),
    ],
)
async def test_what_each_kind_of_release_may_touch(bench: Bench, mode: str, outcomes: list[str]):
    """In this order: a hold, a confirmed one, a released one."""
    await bench.load()
    await bench.hold(*(ask(n, customer=n) for n in (1, 2, 3)))
    await bench.hold(confirms=[ref(2, customer=2), ref(3, customer=3)])
    await bench.release("lapsed", hold_at(3, customer=3))

    holds = [hold_at(n, customer=n) for n in (1, 2, 3)]
    assert await bench.release(mode, *holds) == outcomes
    assert await bench.release(mode, *holds) == ["already"] * 3, "safe to repeat"
    assert await bench.counts() == ((10, 0, 0) if mode == "lapsed" else (9, 0, 1))
    assert (await bench.status()).held == 0


async def test_a_voided_key_is_forgotten_and_a_lapsed_one_answers_repeated(bench: Bench):
    await bench.load()
    await bench.hold(ask(1), ask(2, customer=2))
    await bench.release("voided", hold_at(1))
    await bench.release("lapsed", hold_at(2, customer=2))

    assert await bench.hold(ask(3), ask(4, customer=2)) == [Held(3, NOW_MS), Repeated(2, NOW_MS, "R", id_of(2))]


async def test_not_sent_is_believed_in_its_own_epoch_only(bench: Bench):
    await bench.load(epoch=3)
    await bench.one(ask(1))
    assert await bench.release("not_sent", hold_at(1, epoch=2)) == ["already"]
    assert await bench.release("not_sent", hold_at(1, epoch=3)) == ["released"]


async def test_a_gate_below_the_facts_epoch_counts_as_not_loaded(bench: Bench):
    await bench.load(epoch=3)
    await bench.hold(ask(1), ask(2, customer=2))
    outcomes = await bench.release("lapsed", hold_at(1, epoch=4), hold_at(2, customer=2, epoch=3))
    assert outcomes == ["not_loaded", "released"]


async def test_one_hold_named_twice_is_released_once(bench: Bench):
    await bench.load()
    await bench.one(ask(1, lines={1: 3}))
    assert await bench.release("voided", hold_at(1), hold_at(1)) == ["released", "already"]
    assert await bench.counts() == (10, 0, 0)


async def test_stale_lists_open_holds_oldest_first(bench: Bench):
    await bench.load(epoch=2)
    for n in (3, 1, 2, 4):
        await bench.one(ask(n, customer=n, key="a:b"), now_ms=NOW_MS + n)
    await bench.hold(confirms=[ref(2, customer=2, key="a:b")])

    stale = await bench.gate.stale(SALE, 0, before_ms=NOW_MS + 4, count=9)

    assert isinstance(stale, StaleHolds)
    assert stale.epoch == 2
    assert [(h.customer_id, h.key, h.claim_id, h.lines) for h in stale.holds] == [
        (customer_of(n), "a:b", id_of(n), "1:1") for n in (1, 3)
    ]
    assert [h.no for h in stale.holds] == [2, 1], "numbered in the order of service"


async def test_configure_moves_free_by_the_difference_and_keeps_what_is_out(bench: Bench):
    await bench.load({1: 10})
    await bench.hold(ask(1, lines={1: 4}))
    fields: dict[str, str | int] = {"state": "paused", "limit": 2}

    reply = await bench.gate.configure(SALE, 0, epoch=1, version=2, fields=fields, items=[(1, 6, 1), (2, 5, 0)])

    assert reply == Ok()
    assert (await bench.counts(1), await bench.counts(2)) == ((2, 4, 0), (5, 0, 0))
    assert (await bench.status()).meta["state"] == "paused"


@pytest.mark.parametrize("version", [0, 1])
async def test_configure_never_goes_back_to_an_older_version(bench: Bench, version: int):
    await bench.load()
    before = await bench.contents()
    reply = await bench.gate.configure(SALE, 0, epoch=1, version=version, fields={"state": "closed"}, items=[(1, 0, 0)])
    assert reply == Older(1)
    assert await bench.contents() == before


async def test_configure_takes_no_more_than_is_free(bench: Bench):
    await bench.load({1: 10, 2: 10})
    await bench.hold(ask(1, lines={1: 4}))
    before = await bench.contents()
    items = [(2, 3, 0), (1, 3, 0)]
    assert await bench.gate.configure(SALE, 0, epoch=1, version=2, fields={}, items=items) == NotEnoughFree(1, 6)
    assert await bench.contents() == before, "not a part of it"


@pytest.mark.parametrize("epoch", [1, 3])
async def test_configure_means_one_epoch(bench: Bench, epoch: int):
    await bench.load(epoch=2)
    assert await bench.gate.configure(SALE, 0, epoch=epoch, version=2, fields={}, items=[]) == NotLoaded()


async def test_a_flip_brings_placed_and_released_keys_and_the_units_a_buyer_has(bench: Bench):
    await bench.load(epoch=1)
    await bench.one(ask(50, customer=5))
    entries = [entry(1), entry(2, customer=2, state="R"), entry(3, key="k2", lines="1:2,2:1")]

    await bench.load({1: 10, 2: 5}, epoch=2, entries=entries, sold={1: 3, 2: 1}, limit=4)

    assert (await bench.counts(1), await bench.counts(2)) == ((7, 0, 3), (4, 0, 1))
    verdicts = await bench.hold(ask(60), ask(61, customer=2), ask(62, key="new"), ask(63, customer=5))
    assert verdicts == [
        Repeated(1, NOW_MS, "C", id_of(1)),
        Repeated(2, NOW_MS, "R", id_of(2)),
        OverLimitVerdict(0, 4, 4),
        Held(1, NOW_MS),  # the hold of the epoch before is gone with it
    ]


async def test_a_load_that_is_repeated_counts_its_units_once(bench: Bench):
    run_id = await bench.run_id()
    for _ in range(2):
        await bench.load_piece(run_id=run_id, epoch=1, entries=[entry(1, lines="1:2"), entry(2, key="k2")])
    await bench.load(entries=[entry(1, lines="1:2"), entry(2, key="k2")], sold={1: 3}, limit=4)
    assert await bench.one(ask(3, key="k3", lines={1: 2})) == OverLimitVerdict(0, 4, 3)


@pytest.mark.parametrize("epoch", [1, 2])
async def test_neither_load_nor_flip_goes_below_the_standing_epoch(bench: Bench, epoch: int):
    await bench.load(epoch=2)
    before, run_id = await bench.contents(), await bench.run_id()
    assert await bench.load_piece(run_id=run_id, epoch=epoch, entries=[entry(1)]) == Older(2)
    flip = bench.gate.flip(SALE, 0, run_id=run_id, epoch=epoch, version=9, fields={}, items=[(1, 99, 0, 0)], loaded=0)
    assert await flip == Older(2)
    assert await bench.contents() == before


async def test_neither_load_nor_flip_takes_an_engine_other_than_the_noted_one(bench: Bench):
    other = "0" * 40
    assert await bench.load_piece(run_id=other, epoch=1, entries=[entry(1)]) == OtherEngine()
    flip = bench.gate.flip(SALE, 0, run_id=other, epoch=1, version=1, fields={}, items=[(1, 9, 0, 0)], loaded=0)
    assert await flip == OtherEngine()
    assert await bench.contents() == {}


async def test_a_flip_refuses_a_load_of_which_something_is_missing(bench: Bench):
    run_id = await bench.run_id()
    await bench.load_piece(run_id=run_id, epoch=1, entries=[entry(1)])
    flip = bench.gate.flip(SALE, 0, run_id=run_id, epoch=1, version=1, fields={}, items=[(1, 9, 2, 0)], loaded=2)
    assert await flip == Incomplete(1)
    assert (await bench.status()).loaded is False


async def test_a_given_up_load_does_not_stay_for_ever_and_a_flipped_one_does(bench: Bench):
    await bench.load_piece(run_id=await bench.run_id(), epoch=1, entries=[entry(1)])
    await bench.load(epoch=2, entries=[entry(1)], sold={1: 1})
    base = bench.gate.base(SALE, 0)
    assert 0 < await bench.redis.pttl(f"{base}:1:entries") <= 600_000
    meta_ms = await bench.redis.pttl(f"{base}:meta")
    assert meta_ms > 6 * DAY_MS
    for name in ("items", "entries", "buyers"):
        assert await bench.redis.pttl(f"{base}:2:{name}") > meta_ms


async def test_a_sale_that_is_looked_at_keeps_its_keys_and_every_key_has_an_end(bench: Bench):
    await bench.load({1: 1})
    await bench.one(ask(1))
    await bench.one(ask(2, customer=2))  # sold out: a counter of the refused is born
    base = bench.gate.base(SALE, 0)
    keys = {"meta": 7, "1:items": 8, "1:entries": 8, "1:buyers": 8, "1:holds": 8, "refused:1": 8}
    await bench.redis.pexpire(f"{base}:meta", 3 * DAY_MS)
    await bench.redis.pexpire(f"{base}:1:items", 3 * DAY_MS)
    await bench.status()
    for name, days in keys.items():
        assert (days - 1) * DAY_MS < await bench.redis.pttl(f"{base}:{name}") <= days * DAY_MS, name
    await bench.redis.pexpire(f"{base}:1:items", 5 * DAY_MS)
    await bench.status()
    assert await bench.redis.pttl(f"{base}:1:items") <= 5 * DAY_MS, "nothing is written while more than half is left"


async def test_the_keys_of_a_retired_sale_go_together_whoever_looks_at_them(bench: Bench):
    await bench.load({1: 1})
    await bench.one(ask(1))
    await bench.one(ask(2, customer=2))
    base = bench.gate.base(SALE, 0)
    await bench.redis.hset(f"{base}:meta", "state", "closed")
    await bench.gate.retire(SALE, 0, ttl_ms=60_000)
    await bench.status()
    keys = [key async for key in bench.redis.scan_iter(f"{base}*")]
    assert len(keys) == 6
    for key in keys:
        assert 0 < await bench.redis.pttl(key) <= 60_000, key


async def test_an_engine_with_another_run_id_has_forgotten_everything(bench: Bench):
    await bench.load()
    await bench.one(ask(1))
    await bench.redis.hset(f"{bench.gate.base(SALE, 0)}:meta", "run_id", "0" * 40)
    before = await bench.contents()

    assert await bench.gate.hold(SALE, 0, now_ms=NOW_MS, version=1, confirms=[ref(1)], asks=[ask(1)]) == NotLoaded()
    assert await bench.gate.release(SALE, 0, "voided", [hold_at(1)]) == NotLoaded()
    assert await bench.gate.confirm(SALE, 0, [ref(1)]) == NotLoaded()
    assert await bench.gate.stale(SALE, 0, before_ms=NOW_MS * 2, count=9) == NotLoaded()
    assert await bench.gate.configure(SALE, 0, epoch=1, version=9, fields={}, items=[]) == NotLoaded()
    status = await bench.status()
    assert (status.loaded, status.items) == (False, [])
    assert await bench.contents() == before


async def test_retire_lets_a_sales_keys_lapse(bench: Bench):
    await bench.load()
    await bench.one(ask(1))
    await bench.gate.retire(SALE, 0, ttl_ms=60_000)
    names = await bench.redis.keys("*")
    assert len(names) == 5
    assert all([0 < await bench.redis.pttl(name) <= 60_000 for name in names])


async def test_a_full_memory_refuses_what_takes_and_lets_through_what_gives(
    private_engines: Callable[..., Engines],
):
    redis = connect(private_engines(postgres=False).redis_url)
    bench = Bench(Gate(redis), redis)
    await bench.load()
    await bench.hold(*(ask(n, customer=n) for n in (1, 2, 3, 4)))
    await redis.config_set("maxmemory", 1)
    before = await bench.contents()

    with pytest.raises(GateFull):
        await bench.hold(ask(9), confirms=[ref(1)])
    with pytest.raises(GateFull):
        await bench.gate.configure(SALE, 0, epoch=1, version=2, fields={}, items=[])
    with pytest.raises(GateFull):
        await bench.load(epoch=2)
    assert await bench.contents() == before, "not a part of it, the confirmation neither"

    assert isinstance(await bench.gate.stale(SALE, 0, before_ms=NOW_MS + 1, count=9), StaleHolds)
    await bench.gate.confirm(SALE, 0, [ref(1)])
    assert await bench.release("not_sent", hold_at(2, customer=2)) == ["released"]
    assert await bench.release("voided", hold_at(3, customer=3)) == ["released"]
    assert await bench.release("lapsed", hold_at(4, customer=4)) == ["released"]
    assert await bench.counts() == (9, 0, 1)
    await redis.aclose()
