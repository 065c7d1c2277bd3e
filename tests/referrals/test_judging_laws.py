"""Laws of credit, for all histories, on real engines: it never changes, and is the same whenever it is worked out."""

import asyncio
import sys
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from referrals import store_judging, store_rules
from referrals.attributing import decide
from referrals.crediting import WHOLE
from referrals.rule import rulebook_at
from tests.eventually import eventually_async
from tests.referrals.courts import Court, open_court

MODELS = "last_touch", "first_touch", "linear", "permanent_bind"
PEOPLE, SHARES = 4, 4  # everybody shares the same room, and may come through his own link too
WHO, WHICH = st.integers(0, PEOPLE - 1), st.integers(0, SHARES - 1)
STEP = st.one_of(
    st.tuples(st.just("visit"), WHO, WHICH),
    st.tuples(st.just("visit"), WHO, WHICH),
    st.tuples(st.just("order"), WHO, st.none() | WHICH),
    st.tuples(st.just("order"), WHO, st.none() | WHICH),
    st.tuples(st.just("signs_in"), WHO, WHO),
    st.tuples(st.just("rule"), st.sampled_from(MODELS), st.sampled_from(["allow", "refuse", "hold"])),
    st.tuples(st.just("wait"), st.sampled_from([60, 700, 90_000]), st.just(0)),
    st.tuples(st.just("judge"), st.just(0), st.just(0)),
)


class History:
    """A court in which things happen, to people and shares by their numbers."""

    def __init__(self, court: Court) -> None:
        self.court, self.people, self.shares = court, list[Any](), list[Any]()
        self.orders: list[str] = []

    async def open(self) -> None:
        room = await self.court.grove.target("room")
        self.people = [await self.court.grove.person() for _ in range(PEOPLE)]
        self.shares = [await self.court.grove.share(who, room) for who in self.people]

    async def step(self, kind: str, first: Any, second: Any) -> None:
        court = self.court
        if kind == "visit":
            await court.grove.visit(self.people[first], self.shares[second])
        elif kind == "order":
            code = None if second is None else self.shares[second].code
            self.orders.append(await court.order(self.people[first], code=code, total=101))
        elif kind == "signs_in":
            await self.signs_in(first, second)
        elif kind == "rule":
            protected = {} if first == "permanent_bind" else {"protected_for_s": 86_400}
            await court.rule(first, self_purchase=second, **protected)
        elif kind == "wait":
            court.grove.shop.clock.advance(s=first)
        else:
            await court.judge_all()

    async def signs_in(self, guest: int, customer: int) -> None:
        """Once for each guest, as in the shop."""
        court, link = self.court, "SELECT FROM customer_guest WHERE guest_id = $1"
        court.grove.shop.clock.advance(s=1)
        if guest != customer and not await court.grove.run(link, self.people[guest].sub):
            await court.grove.signs_in(self.people[guest], self.people[customer])


async def as_now(court: Court, order_ids: list[str]) -> dict[str, Any]:
    """What each order would come to if it were judged now for the first time."""
    merchant_id = court.grove.merchant_id
    async with court.grove.shop.pool.acquire() as connection:
        versions = await store_rules.versions(connection, merchant_id)
        found = await store_judging.of_ids(connection, merchant_id, order_ids)
    decided = {order.id: decide(order.case, rulebook_at(versions, order.case.placed_at)) for order in found}
    return {
        order_id: (it.outcome.value, it.reason, {credit.share_id: credit.part for credit in it.credits})
        for order_id, it in decided.items()
    }


async def as_written(court: Court, order_ids: list[str]) -> dict[str, Any]:
    said = {}
    for order_id in order_ids:
        found = await court.judgement(order_id)
        assert found is not None, "every order is judged"
        said[order_id] = found["outcome"], found["reason"], await court.credits(order_id)
    return said


@given(steps=st.lists(STEP, min_size=4, max_size=14))
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_the_same_whenever_it_is_worked_out_and_never_another(database_url, redis_url, steps):
    """Judged now and then, or all at once in the end: what was known at an order's time is all that counts."""
    async with open_court(database_url, redis_url) as court:
        history = History(court)
        await history.open()
        for step in steps:
            await history.step(*step)
        await court.judge_all()
        written = await as_written(court, history.orders)
        assert await as_now(court, history.orders) == written
        before = await court.written()
        await everything_moves(history)
        assert await as_now(court, history.orders) == written, "of what came later nothing was known"
        await court.grove.run(LATE, court.grove.merchant_id)
        assert (await court.judge_all(), await court.judge.late()) == (0, 0)
        assert await court.written() == before


async def everything_moves(history: History) -> None:
    """Guests turn out to be one, rules change, and everybody comes again through other links."""
    for number in range(PEOPLE):
        await history.signs_in(number, (number + 1) % PEOPLE)
        await history.step("rule", MODELS[number], "allow")
        await history.step("visit", number, (number + 2) % SHARES)


async def test_a_worker_killed_in_the_middle_and_two_that_follow_at_once_do_it_once(court, database_url, redis_url):
    grove, count = court.grove, 900
    share = await grove.share(await grove.person(), await grove.target("room"))
    buyer = await grove.person()
    template, now = await court.order(buyer, code=share.code), grove.shop.clock.now()
    await grove.run(COPIES, template, now, count - 1)
    await court.pass_by()
    program = [sys.executable, "-m", "tests.referrals.judge_apart", database_url, str(grove.shop.clock.ms())]
    victim = await asyncio.create_subprocess_exec(*program)

    async def begun() -> bool:
        return bool(await grove.run("SELECT FROM attribution LIMIT 1"))

    try:
        await eventually_async(begun, within_s=60)
    finally:
        victim.kill()
        await victim.wait()
    assert await halves(court) == 0, "nothing is half done"
    followers = [await asyncio.create_subprocess_exec(*program) for _ in range(2)]
    assert [await follower.wait() for follower in followers] == [0, 0]
    await court.judge.tick()
    assert await halves(court) == 0
    (sums,) = await grove.run(SUMS, grove.merchant_id)
    assert dict(sums) == {"judged": count, "facts": count, "credits": count, "whole": count}


async def halves(court: Court) -> int:
    """Judgements without their fact or credit."""
    (row,) = await court.grove.run(
        "SELECT count(*)::int AS n FROM attribution a "
        "WHERE NOT EXISTS (SELECT FROM credit c WHERE c.order_id = a.order_id)"
        " OR NOT EXISTS (SELECT FROM outbox_event e WHERE e.aggregate = a.order_id)"
    )
    return int(row["n"])


LATE = "UPDATE touch SET at = at - interval '1 day' WHERE merchant_id = $1"  # visits that nobody knew of
COPIES = """
    INSERT INTO orders SELECT (jsonb_populate_record(o, jsonb_build_object('id', row_id($2)))).*
    FROM orders o, generate_series(1, $3::int) WHERE o.id = $1
"""
SUMS = f"""
    SELECT (SELECT count(*)::int FROM attribution WHERE merchant_id = $1) AS judged,
           (SELECT count(*)::int FROM outbox_event WHERE topic = 'order.attributed') AS facts,
           count(*)::int AS credits, count(*) FILTER (WHERE part = {WHOLE})::int AS whole
    FROM credit WHERE merchant_id = $1
"""
