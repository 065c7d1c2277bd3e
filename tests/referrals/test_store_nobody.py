"""Orders that nobody brought are judged in sets, to the very rows that they would come to one by one."""

from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from keel.database import create_pool
from keel.ids import NIL_ID
from referrals import judging, store_judging, store_nobody, store_rules
from referrals.attributing import decide
from referrals.judgements import in_turn, judgement
from referrals.judging import Judge
from referrals.rule import rulebook_at
from tests.plans import explained, nobody_counts, rows_touched
from tests.referrals.courts import Court, open_court
from tests.referrals.test_judging_laws import MODELS, WHICH, WHO, History

STEP = st.one_of(
    st.tuples(st.just("visit"), WHO, WHICH),
    st.tuples(st.just("order"), WHO, st.none()),
    st.tuples(st.just("order"), WHO, st.none() | WHICH),
    st.tuples(st.just("signs_in"), WHO, WHO),
    st.tuples(st.just("knows"), WHO, WHO),
    st.tuples(st.just("rule"), st.sampled_from(MODELS), st.sampled_from(["allow", "refuse", "hold"])),
    st.tuples(st.just("ends"), st.sampled_from(["expired", "cancelled"]), st.just(0)),
    st.tuples(st.just("wait"), st.sampled_from([60, 90_000]), st.just(0)),
    st.tuples(st.just("judge"), st.just(0), st.just(0)),
)


class Longer(History):
    """The same, with visitors of the socket, and orders that end before anybody judged them, or after."""

    async def step(self, kind: str, first: Any, second: Any) -> None:
        grove = self.court.grove
        if kind == "knows":
            grove.shop.clock.advance(s=1)
            grove.touches.signed_in(grove.merchant_id, self.people[first].sub, self.people[second].sub)
            await grove.stored()
        elif kind == "ends":
            waits = [order_id for order_id in self.orders if await self.court.judgement(order_id) is None]
            for order_id in waits[-1:]:
                still = await grove.run("SELECT FROM orders WHERE id = $1 AND state = 'awaiting_payment'", order_id)
                for _ in still:
                    await self.court.ends(self.people[0], order_id, first)
        else:
            await super().step(kind, first, second)


async def one_by_one(court: Court) -> list[dict[str, Any]]:
    """What every order that was judged would come to if it were looked at by itself, as a row."""
    written = {str(row["order_id"]): row["decided_at"] for row in (await court.written())[0]}
    async with court.grove.shop.pool.acquire() as connection:
        versions = await store_rules.versions(connection, court.grove.merchant_id)
        found = await store_judging.of_ids(connection, court.grove.merchant_id, list(written))
        rows = [
            judgement(order, decide(order.case, rulebook_at(versions, order.case.placed_at)), at=written[order.id])
            for order in found
        ]
        encoded = store_judging._encode(rows).decode()
        return [dict(row) for row in await connection.fetch(AS_ROWS, encoded, court.grove.merchant_id)]


@given(steps=st.lists(STEP, min_size=4, max_size=16))
@example(steps=[("order", 0, None), ("visit", 1, 2), ("signs_in", 1, 0), ("order", 0, None), ("judge", 0, 0)])
@example(steps=[("order", 0, None), ("rule", "linear", "hold"), ("order", 0, None), ("ends", "expired", 0)])
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_a_set_comes_to_the_very_rows_of_one_by_one(database_url, redis_url, steps):
    async with open_court(database_url, redis_url) as court:
        history = Longer(court)
        await history.open()
        for step in steps:
            await history.step(*step)
        await court.judge_all()
        rows = await court.grove.run(ROWS, court.grove.merchant_id)
        assert len(rows) == len(history.orders), "every order is judged"
        assert [dict(row) for row in rows] == await one_by_one(court)


async def test_none_of_them_is_looked_at_by_itself(court: Court, monkeypatch):
    async def not_one_by_one(*_: Any) -> None:
        raise AssertionError("an order that nobody brought was looked at by itself")

    monkeypatch.setattr(store_judging, "waiting", not_one_by_one)
    monkeypatch.setattr(judging, "SET_MAX", 3)
    share = await court.grove.share(await court.grove.person(), await court.grove.target("room"))
    buyer, guest = await court.grove.person(), await court.grove.person()
    await court.grove.signs_in(guest, buyer)
    orders = [await court.order(buyer) for _ in range(7)]
    await court.grove.visit(guest, share)
    assert await court.judge_all() == 7
    for order_id in orders:
        assert await court.outcome(order_id) == ("none", "no_touch")


async def test_a_buyer_of_very_many_names_takes_no_time_of_the_others(court: Court, database_url: str):
    """Guests who signed in, and visitors of the socket with each of them, all links of their own."""
    grove, buyer = court.grove, await court.grove.person()
    await grove.run(GUESTS, grove.merchant_id, 199)
    await grove.run(SIGNED_IN, grove.merchant_id, buyer.sub)
    await grove.run(VISITORS, grove.merchant_id, 199)
    orders = [await court.order(buyer) for _ in range(100)]
    orders.append(await court.order(await grove.person()))
    await court.pass_by()
    async with create_pool(database_url) as pool:
        assert await Judge(pool, grove.shop.ids, grove.shop.clock).tick() == len(orders)
    for order_id in orders:
        assert await court.outcome(order_id) == ("none", "no_touch")


@pytest.mark.parametrize("counted", ["empty", "small", "never"])
async def test_what_an_order_costs_does_not_grow_with_the_sale_though_nobody_counted_since(court: Court, counted: str):
    """Half of them are judged already, and looked at once more."""
    grove = court.grove
    async with grove.shop.pool.acquire() as connection:
        await nobody_counts(connection, GROWING)
    if counted == "small":
        await fill(court, 1, 20)
    if counted != "never":
        await grove.run("ANALYZE " + ", ".join(GROWING))
    await fill(court, 21, 800)
    async with grove.shop.pool.acquire() as connection:
        rules = store_nobody._encode(in_turn(await store_rules.versions(connection, grove.merchant_id))).decode()
        now = grove.shop.clock.now()
        asked = (grove.merchant_id, NIL_ID, now, judging.SET_MAX, rules, now, store_nobody.KNOWN_AS_MAX)
        plan = await explained(connection, store_nobody._JUDGE, *asked)
    assert rows_touched(plan) < 60 * 800


async def fill(court: Court, first: int, last: int) -> None:
    """Orders of buyers whom nobody brought; half of them are judged."""
    now = court.grove.shop.clock.now()
    await court.grove.run(ORDERS, court.grove.merchant_id, now, first, last)
    await court.grove.run(JUDGED, first, (first + last) // 2)


async def test_nothing_follows_from_an_order_that_nobody_brought(court: Court):
    """No fact, and nothing for the tallies of trees to look at; of one that somebody brought, both."""
    share = await court.grove.share(await court.grove.person(), await court.grove.target("room"))
    buyer = await court.grove.person()
    await court.grove.run("DELETE FROM tree_due")
    await court.order(buyer)
    await court.judge_all()
    assert (await court.grove.run(DUE), await court.grove.run("SELECT FROM outbox_event")) == ([], [])
    brought = await court.order(buyer, code=share.code)
    await court.judge_all()
    assert [str(row["who"]) for row in await court.grove.run(DUE)] == [brought]
    assert len(await court.grove.run("SELECT FROM outbox_event")) == 1


async def test_an_order_that_nobody_brought_is_never_credited_even_by_sql(court: Court):
    share = await court.grove.share(await court.grove.person(), await court.grove.target("room"))
    order_id = await court.order(await court.grove.person())
    await court.judge_all()
    before = await court.written()
    with pytest.raises(asyncpg.CheckViolationError, match="do not come to the whole"):
        await court.grove.run(CREDIT, order_id, share.node.id)
    assert await court.written() == before


async def test_nor_is_a_judgement_without_credit_written_together_with_one(court: Court):
    share = await court.grove.share(await court.grove.person(), await court.grove.target("room"))
    buyer = await court.grove.person()
    judged = await court.order(buyer)
    await court.judge_all()
    other, copy = court.grove.shop.ids.new(), "INSERT INTO attribution SELECT (jsonb_populate_record(a, $2)).* "
    async with court.grove.shop.pool.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        named = f'{{"order_id": "{other}"}}'
        await connection.execute(f"{copy} FROM attribution a WHERE order_id = $1", judged, named)
        await connection.execute(CREDIT, other, share.node.id)
        with pytest.raises(asyncpg.CheckViolationError, match="do not come to the whole"):
            await transaction.commit()


GROWING = "orders", "order_history", "attribution", "touch", "touch_person", "customer_guest"
ORDERS = """
    INSERT INTO orders (merchant_id, id, sale_id, segment, customer_id, claim_key, state, currency, lines_total, total,
        placed_at, expires_at)
    SELECT $1, lpad(n::text, 32, '0')::uuid, $1, 0, gen_random_uuid(), n::text, 'awaiting_payment', 'CNY', 1, 1, $2, $2
    FROM generate_series($3::int, $4::int) AS n
"""
JUDGED = """
    INSERT INTO attribution (order_id, merchant_id, customer_id, sale_id, currency, total, code_state, outcome, reason,
        rule, touches, considered, placed_at, decided_at)
    SELECT id, merchant_id, customer_id, sale_id, currency, total, 'none', 'none', 'no_touch', '{}', 0, '[]', placed_at,
           placed_at
    FROM orders WHERE claim_key::int BETWEEN $1 AND $2
"""
ROWS = "SELECT * FROM attribution WHERE merchant_id = $1 ORDER BY order_id"
AS_ROWS = """
    SELECT * FROM jsonb_populate_recordset(NULL::attribution, $1::text::jsonb) WHERE merchant_id = $2 ORDER BY order_id
"""
GUESTS = """
    INSERT INTO customer (id, merchant_id, created_at)
    SELECT gen_random_uuid(), $1, '2020-01-01' FROM generate_series(1, $2::int)
"""
SIGNED_IN = """
    INSERT INTO customer_guest (merchant_id, guest_id, customer_id, at)
    SELECT $1, id, $2, created_at FROM customer WHERE created_at = '2020-01-01'
"""
VISITORS = """
    INSERT INTO touch_person (merchant_id, visitor_id, customer_id, at)
    SELECT $1, gen_random_uuid(), c.id, c.created_at FROM customer c CROSS JOIN generate_series(1, $2::int)
    WHERE c.created_at = '2020-01-01'
"""
DUE = "SELECT who FROM tree_due WHERE kind = 'order'"
CREDIT = """
    INSERT INTO credit (order_id, no, merchant_id, share_id, sharer_id, root_id, chain, part, amount, touched_at)
    SELECT $1, 1, s.merchant_id, s.id, s.sharer_id, s.id, ARRAY[s.id], 1000000, 14900, s.created_at
    FROM share s WHERE s.id = $2
"""
