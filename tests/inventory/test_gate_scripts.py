"""The gate's verdicts: the key first, then state, window, version, limits and stock; all lines or none."""

from typing import Any

import pytest

from inventory.replies import NotLoaded
from inventory.verdicts import (
    BelowEpoch,
    EndedVerdict,
    Held,
    KeyReused,
    NotOpenVerdict,
    OverLimitVerdict,
    Own,
    PausedVerdict,
    PriceChangedVerdict,
    Repeated,
    SoldOutVerdict,
    StaleConfig,
    UnknownItemVerdict,
)
from tests.inventory.gates import NOW_MS, OTHER_PRINT, SALE, Bench, ask, hold_at, id_of, ref


async def test_a_winner_holds_all_lines_and_gets_the_next_number(bench: Bench):
    await bench.load({1: 10, 2: 5})

    assert await bench.one(ask(1, lines={1: 2, 2: 1})) == Held(1, NOW_MS)
    assert await bench.one(ask(2, customer=2)) == Held(2, NOW_MS)

    assert await bench.counts(1) == (7, 3, 0)
    assert await bench.counts(2) == (4, 1, 0)


async def test_of_several_lines_all_are_held_or_none(bench: Bench):
    await bench.load({1: 10, 2: 1})
    before = await bench.contents()

    assert await bench.one(ask(1, lines={1: 2, 2: 2})) == SoldOutVerdict(2, 1, 0)

    refused = b"gate:{sale:%s:0}:refused:2" % SALE.encode()
    assert {name: value for name, value in (await bench.contents()).items() if name != refused} == before


async def test_the_same_call_again_answers_own_and_takes_nothing_more(bench: Bench):
    await bench.load()
    await bench.one(ask(1))
    before = await bench.contents()

    assert await bench.one(ask(1), now_ms=NOW_MS + 50) == Own(1, NOW_MS, "H")

    assert await bench.contents() == before


async def test_own_tells_how_far_the_hold_has_come(bench: Bench):
    await bench.load()
    await bench.hold(ask(1), ask(2, customer=2))
    await bench.hold(confirms=[ref(1)])
    await bench.release("lapsed", hold_at(2, customer=2))

    assert await bench.hold(ask(1), ask(2, customer=2)) == [Own(1, NOW_MS, "C"), Own(2, NOW_MS, "R")]


async def test_another_id_under_the_same_key_is_repeated_and_joins_the_hold(bench: Bench):
    await bench.load()
    await bench.one(ask(1))

    assert await bench.one(ask(2)) == Repeated(1, NOW_MS, "H", id_of(1))

    assert await bench.release("not_sent", hold_at(1)) == ["already"], "somebody may be placing under this id"
    assert await bench.counts() == (9, 1, 0)


async def test_own_does_not_join(bench: Bench):
    await bench.load()
    await bench.one(ask(1))
    await bench.one(ask(1))

    assert await bench.release("not_sent", hold_at(1)) == ["released"]


async def test_two_with_one_key_in_one_batch_share_the_hold(bench: Bench):
    await bench.load()

    assert await bench.hold(ask(1), ask(2)) == [Held(1, NOW_MS), Repeated(1, NOW_MS, "H", id_of(1))]

    assert await bench.counts() == (9, 1, 0)
    assert await bench.release("not_sent", hold_at(1)) == ["already"]


async def test_a_key_with_another_body_is_refused_in_every_state(bench: Bench):
    await bench.load()
    await bench.hold(ask(1), ask(2, customer=2), ask(3, customer=3))
    await bench.hold(confirms=[ref(2, customer=2)])
    await bench.release("lapsed", hold_at(3, customer=3))

    again = [ask(9, customer=customer, fingerprint=OTHER_PRINT) for customer in (1, 2, 3)]
    assert await bench.hold(*again) == [KeyReused()] * 3


@pytest.mark.parametrize("fields", [{"state": "paused"}, {"state": "closed"}, {"closes_ms": NOW_MS}, {"limit": 1}])
async def test_the_key_comes_before_everything_else(bench: Bench, fields: Any):
    await bench.load({1: 1})
    await bench.one(ask(1))
    await bench.redis.hset(f"{bench.gate.base(SALE, 0)}:meta", mapping=fields)
    bench.version += 1

    assert await bench.one(ask(2, priced=False, lines={9: 1})) == Repeated(1, NOW_MS, "H", id_of(1))


@pytest.mark.parametrize(
    ("fields", "verdict"),
    [
        ({"state": "paused"}, PausedVerdict()),
        ({"state": "closed"}, EndedVerdict()),
        ({"closes_ms": NOW_MS}, EndedVerdict()),
        ({"state": "scheduled", "opens_ms": NOW_MS + 1}, NotOpenVerdict(NOW_MS + 1)),
        ({"state": "scheduled"}, NotOpenVerdict(0)),
    ],
)
async def test_outside_its_window_a_sale_gives_nothing(bench: Bench, fields: dict[str, Any], verdict: object):
    await bench.load(**fields)

    assert await bench.one(ask(1)) == verdict
    assert await bench.counts() == (10, 0, 0)


@pytest.mark.parametrize(
    "fields",
    [
        {"state": "scheduled", "opens_ms": NOW_MS},
        {"closes_ms": NOW_MS + 1},
        {"opens_ms": NOW_MS + 1},  # opened by hand on a process whose clock is ahead
    ],
)
async def test_inside_its_window_a_sale_sells(bench: Bench, fields: dict[str, Any]):
    await bench.load(**fields)
    assert await bench.one(ask(1)) == Held(1, NOW_MS)


async def test_the_window_comes_before_version_items_price_and_limits(bench: Bench):
    await bench.load({1: 0}, state="paused")
    bench.version += 1
    assert await bench.one(ask(1, lines={9: 1}, priced=False)) == PausedVerdict()


async def test_another_version_is_stale_before_anything_of_the_order_is_judged(bench: Bench):
    await bench.load({1: 0})
    bench.version += 1
    assert await bench.one(ask(1, lines={9: 1}, priced=False)) == StaleConfig()


async def test_an_unknown_item_and_a_changed_price_hold_nothing(bench: Bench):
    await bench.load()
    assert await bench.hold(ask(1, lines={1: 1, 9: 1}), ask(2, priced=False)) == [
        UnknownItemVerdict(9),
        PriceChangedVerdict(),
    ]
    assert await bench.counts() == (10, 0, 0)


async def test_a_buyer_has_at_most_an_items_limit(bench: Bench):
    await bench.load({1: 10, 2: 10}, limits={1: 2})
    assert await bench.one(ask(1, key="a", lines={1: 2})) == Held(1, NOW_MS)
    assert await bench.one(ask(2, key="b", lines={1: 1, 2: 1})) == OverLimitVerdict(1, 2, 2)
    assert await bench.one(ask(3, key="c", lines={2: 9})) == Held(2, NOW_MS), "the other item has no limit"
    assert await bench.one(ask(4, key="a", customer=2, lines={1: 3})) == OverLimitVerdict(1, 2, 0)


async def test_a_buyer_has_at_most_a_sales_limit_over_all_items(bench: Bench):
    await bench.load({1: 10, 2: 10}, limit=3)
    verdicts = await bench.hold(
        ask(1, key="a", lines={1: 2}), ask(2, key="b", lines={2: 2}), ask(3, key="c", lines={2: 1}), ask(4, key="d")
    )
    assert verdicts == [Held(1, NOW_MS), OverLimitVerdict(0, 3, 2), Held(2, NOW_MS), OverLimitVerdict(0, 3, 3)]


@pytest.mark.parametrize("mode", ["not_sent", "voided", "lapsed"])
async def test_a_release_gives_back_units_and_what_the_limit_counted(bench: Bench, mode: str):
    await bench.load(limit=1)
    await bench.one(ask(1, key="a"))

    assert await bench.release(mode, hold_at(1, key="a")) == ["released"]

    assert await bench.counts() == (10, 0, 0)
    assert await bench.one(ask(2, key="b")) == Held(2, NOW_MS)


async def test_sold_out_counts_the_customers_that_were_refused_once_each(bench: Bench):
    await bench.load({1: 1})
    await bench.one(ask(1))
    for _ in range(2):
        refused = await bench.hold(*(ask(n, customer=n, key="x") for n in range(2, 7)))
        assert refused == [SoldOutVerdict(1, 0, 1)] * 5
    assert (await bench.item()).refused == 5


async def test_numbers_and_times_never_go_back(bench: Bench):
    await bench.load()
    assert await bench.one(ask(1, customer=1)) == Held(1, NOW_MS)
    assert await bench.one(ask(2, customer=2), now_ms=NOW_MS - 400) == Held(2, NOW_MS)
    assert await bench.one(ask(3, customer=3), now_ms=NOW_MS + 7) == Held(3, NOW_MS + 7)


async def test_a_gate_that_is_not_above_the_refused_epoch_is_of_no_use(bench: Bench):
    await bench.load(epoch=4)
    wanted = [ask(1, above_epoch=4), ask(2, customer=2, above_epoch=3)]
    assert await bench.hold(*wanted) == [BelowEpoch(), Held(1, NOW_MS)]


async def test_confirmations_ride_along_and_come_first(bench: Bench):
    await bench.load({1: 2})
    await bench.one(ask(1))

    assert await bench.hold(ask(2), ask(3, customer=3), confirms=[ref(1)]) == [
        Repeated(1, NOW_MS, "C", id_of(1)),
        Held(2, NOW_MS),
    ]
    assert await bench.counts() == (0, 1, 1)
    assert (await bench.status()).held == 1


async def test_a_confirmation_that_does_not_find_its_id_held_does_nothing(bench: Bench):
    await bench.load()
    await bench.hold(ask(1), ask(2, customer=2))
    await bench.release("lapsed", hold_at(2, customer=2))
    before = await bench.contents()

    names = [ref(9), ref(1, key="unknown"), ref(2, customer=2), ref(1, customer=7)]
    await bench.hold(confirms=names)
    await bench.gate.confirm(SALE, 0, names)

    assert await bench.contents() == before


async def test_a_confirmation_twice_is_one(bench: Bench):
    await bench.load()
    await bench.one(ask(1))
    await bench.hold(confirms=[ref(1), ref(1)])
    await bench.gate.confirm(SALE, 0, [ref(1)])
    assert await bench.counts() == (9, 0, 1)


async def test_before_the_first_load_no_script_answers(bench: Bench):
    not_loaded = NotLoaded()
    assert await bench.gate.hold(SALE, 0, now_ms=NOW_MS, version=1, confirms=[ref(1)], asks=[ask(1)]) == not_loaded
    assert await bench.gate.release(SALE, 0, "voided", [hold_at(1)]) == not_loaded
    assert await bench.gate.confirm(SALE, 0, [ref(1)]) == not_loaded
    assert await bench.gate.stale(SALE, 0, before_ms=NOW_MS, count=9) == not_loaded
    assert await bench.gate.configure(SALE, 0, epoch=1, version=9, fields={}, items=[]) == not_loaded
    assert (await bench.status()).loaded is False
    assert await bench.contents() == {}
