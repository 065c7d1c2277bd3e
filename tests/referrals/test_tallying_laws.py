"""The law of tallies: whatever happened in which order, they are what the rows say, and all their sums agree."""

from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from referrals.store_tallies import recount
from tests.referrals.recounted import assert_sums, counted_otherwise, tallied
from tests.referrals.spread import Spread, open_spread

NAMES = ["hua", "lan", "mei", "bo", "an"]
WHAT = ["room", "session", "product"]
few = st.integers(0, 30)
steps = st.one_of(
    st.tuples(st.just("share"), st.sampled_from(NAMES), st.one_of(st.none(), few), st.sampled_from(WHAT)),
    st.tuples(
        st.just("visit"), st.sampled_from(NAMES), few, few, st.integers(-2000, 2000), st.sampled_from(["", "g1"])
    ),
    st.tuples(st.just("watch"), st.sampled_from(NAMES), few),
    st.tuples(st.just("order"), st.sampled_from(NAMES), st.lists(few, min_size=1, max_size=3), few, few),
    st.tuples(st.just("end"), few, st.sampled_from(["paid", "expired", "cancelled"])),
    st.tuples(st.just("tally"), st.integers(1, 3), st.booleans()),
)


# What brings somebody into a broadcast is part of the room's tree, though a product was shared.
PRODUCT_IN_A_BROADCAST: list[tuple[Any, ...]] = [
    ("share", "lan", None, "product"),
    ("share", "bo", 1, "product"),
    ("visit", "mei", 2, 0, 0, "g1"),
    ("order", "mei", [2], 0, 9),
    ("tally", 3, False),
    ("visit", "an", 2, 1, 0, ""),
]
WATCHED_BEFORE_THE_VISIT_IS_HEARD: list[tuple[Any, ...]] = [
    ("watch", "mei", 0),
    ("visit", "mei", 0, 0, 0, ""),
    ("tally", 2, False),
]


async def live_through(spread: Spread, history: list[tuple[Any, ...]]) -> None:
    """Do it all; what names something that is not there yet is left out."""
    sessions = [await spread.session(), await spread.session(), None]
    product_id = (await spread.grove.target("product")).target_id
    targets: dict[str, dict[str, Any]] = {
        "room": {},
        "session": {"session_id": sessions[0]},
        "product": {"product_id": product_id},
    }
    shares, orders, of_product = [await spread.share("hua")], list[str](), set[str]()
    for what, *how in history:
        if what == "share":
            name, parent, of = how
            above = None if parent is None else shares[parent % len(shares)]
            fits = (above in of_product) == (of == "product")
            shares.append(await spread.share(name, above if fits else None, **targets[of]))
            of_product |= {shares[-1]} if of == "product" else set()
        elif what == "visit":
            name, through, where, s, community = how
            session = sessions[where % 3]
            await spread.visit(name, shares[through % len(shares)], session, s=s, community=community or None)
        elif what == "watch":
            await spread.watch(how[0], str(sessions[how[1] % 2]))
        elif what == "order":
            name, to, where, amount = how
            parts = {shares[number % len(shares)]: amount + place for place, number in enumerate(to)}
            touches = [
                str(row["id"])
                for row in await spread.run(
                    "SELECT id FROM touch WHERE merchant_id = $1 ORDER BY id LIMIT 2", spread.grove.merchant_id
                )
            ]
            orders.append(await spread.order(name, parts, sessions[where % 3], touches=touches))
        elif what == "end" and orders:
            await spread.end(orders[how[0] % len(orders)], how[1])
        elif what == "tally":
            await tally_a_bit(spread, *how)


async def tally_a_bit(spread: Spread, count: int, killed: bool) -> None:
    async with spread.grove.shop.pool.acquire() as connection:
        part = connection.transaction()
        await part.start()
        taken = "SELECT counted FROM tree_tally($1, $2, $3)"
        await connection.fetchval(taken, spread.grove.merchant_id, count, spread.grove.shop.clock.now())
        await (part.rollback() if killed else part.commit())


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(history=st.lists(steps, max_size=25))
@example(history=PRODUCT_IN_A_BROADCAST)
@example(history=WATCHED_BEFORE_THE_VISIT_IS_HEARD)
async def test_tallies_are_what_the_rows_say_after_any_history(database_url, redis_url, history):
    async with open_spread(database_url, redis_url) as spread:
        await live_through(spread, history)
        await spread.tally()
        expected = await counted_otherwise(spread)
        assert await tallied(spread) == expected
        await assert_sums(spread, spread.room_id, is_room=True)
        for session in await spread.mine("SELECT merchant_id, id FROM session"):
            await assert_sums(spread, str(session["id"]))
        await spread.run(
            "INSERT INTO tree_due (kind, merchant_id, share_id, session_id, who) "
            "SELECT 'visitor', merchant_id, share_id, session_id, visitor_id FROM touch"  # told again
        )
        await spread.tally()
        assert await tallied(spread) == expected
        await recount(spread.grove.shop.pool, spread.grove.merchant_id)
        await spread.tally()
        assert await tallied(spread) == expected
