"""Orders are judged once, from what was known when they were placed, whoever dies and whatever is learned later."""

import asyncio
from typing import Any

import asyncpg
import pytest

from keel.ids import Ids
from referrals import judging, store_judging, store_nobody
from referrals.crediting import WHOLE
from referrals.gathering import Touches
from referrals.judging import ORDER_ATTRIBUTED, Judge
from referrals.model import new_code
from tests.referrals.courts import TOTAL, Court
from tests.referrals.groves import another_merchant


async def test_whoever_brought_the_buyer_is_credited_with_the_whole_chain(court: Court):
    room = await court.grove.target("room")
    links = await court.grove.chain(room, 3)
    buyer = await court.grove.person()
    await court.grove.visit(buyer, links[-1][1])
    order_id = await court.order(buyer)
    assert await court.judge_all() == 1
    (credit,) = await court.grove.run("SELECT * FROM credit")
    assert [str(each) for each in credit["chain"]] == [share.node.id for _, share in links]
    assert (credit["part"], credit["amount"], str(credit["sharer_id"])) == (WHOLE, TOTAL, links[-1][0].sub)
    assert await court.outcome(order_id) == ("credited", "last_touch")
    assert await court.judge_all() == 0, "once"


async def test_the_fact_is_in_the_outbox_with_the_judgement(court: Court):
    hua, buyer = await court.grove.person(), await court.grove.person()
    share = await court.grove.share(hua, await court.grove.target("room"))
    order_id = await court.order(buyer, code=share.code)
    await court.judge_all()
    (fact,) = await court.grove.run(
        "SELECT e.*, d.subscriber FROM outbox_event e JOIN outbox_delivery d ON d.event_id = e.id"
    )
    assert (fact["topic"], str(fact["aggregate"]), fact["subscriber"]) == (ORDER_ATTRIBUTED, order_id, "board")
    assert share.node.id in fact["payload"]


async def test_an_order_waits_for_visits_that_a_living_process_has_not_stored_yet(court: Court, monkeypatch):
    grove = court.grove
    hua, buyer = await grove.person(), await grove.person()
    share = await grove.share(hua, await grove.target("room"))
    slow = Touches(grove.shop.pool, Ids(grove.shop.clock), grove.shop.clock)
    await slow.tick()
    gate, store = asyncio.Event(), slow._store

    async def held_up(*args: Any) -> None:
        await gate.wait()
        await store(*args)

    monkeypatch.setattr(slow, "_store", held_up)
    grove.shop.clock.advance(s=1)
    slow.visited(buyer.mid, share.code, buyer.sub)
    order_id = await court.order(buyer)
    assert await court.judge_all() == 0
    gate.set()
    await slow.close()
    assert await court.judge_all() == 1
    assert await court.credits(order_id) == {share.node.id: WHOLE}


async def test_what_is_learned_later_changes_nothing(court: Court):
    grove = court.grove
    hua, lan, guest, buyer = [await grove.person() for _ in range(4)]
    room = await grove.target("room")
    first, second = await grove.share(hua, room), await grove.share(lan, room)
    await grove.visit(guest, second)
    grove.shop.clock.advance(s=600)
    await grove.visit(buyer, first)
    orders = [await court.order(buyer), await court.order(guest)]
    await court.judge_all()
    before = await court.written()
    await grove.signs_in(guest, buyer)
    await grove.visit(buyer, second)
    await court.rule("first_touch")
    late = "UPDATE touch SET at = at - interval '1 hour'"
    await grove.run(late)
    await grove.run("UPDATE attribution_reach SET order_id = '00000000-0000-0000-0000-000000000000'")
    assert await court.judge_all() == 0
    assert await court.written() == before
    assert [await court.credits(order_id) for order_id in orders] == [{first.node.id: WHOLE}, {second.node.id: WHOLE}]


async def test_a_guests_visits_count_once_it_is_known_who_he_is(court: Court):
    grove = court.grove
    hua, guest, buyer = [await grove.person() for _ in range(3)]
    share = await grove.share(hua, await grove.target("room"))
    await grove.visit(guest, share)
    before = await court.order(buyer)
    grove.shop.clock.advance(s=1)
    await grove.signs_in(guest, buyer)
    after = await court.order(buyer)
    await court.judge_all()
    assert (await court.credits(before), await court.credits(after)) == ({}, {share.node.id: WHOLE})


async def test_no_code_stops_an_order_and_the_reason_is_kept(court: Court):
    grove = court.grove
    buyer, stranger = await grove.person(), await another_merchant(grove)
    foreign = await grove.share(await grove.person(stranger), await grove.target("room", stranger))
    winter = await grove.target("campaign", name="winter", ends_at=grove.shop.clock.now() + judging.FOLLOWS_BY)
    over = await grove.share(await grove.person(), winter)
    grove.shop.clock.advance(s=61)
    codes = {"unknown": new_code(), "foreign": foreign.code, "expired": over.code}
    orders = {state: await court.order(buyer, code=code) for state, code in codes.items()}
    hostile = await court.order(buyer, code="'; DROP TABLE share; --")
    await court.judge_all()
    for state, order_id in [*orders.items(), ("unknown", hostile)]:
        found = await court.judgement(order_id)
        assert found is not None
        assert (found["outcome"], found["reason"], found["code_state"]) == ("none", f"code_{state}", state)


async def test_rehearsals_bring_nobody_anything(court: Court):
    share = await court.grove.share(await court.grove.person(), await court.grove.target("room"))
    order_id = await court.order(await court.grove.person(), code=share.code, rehearsal=True)
    await court.judge_all()
    assert await court.outcome(order_id) is None


async def test_the_rule_of_the_orders_time_counts(court: Court):
    grove = court.grove
    buyer, room = await grove.person(), await grove.target("room")
    shares = [await grove.share(await grove.person(), room) for _ in range(2)]
    for share in shares:
        await grove.visit(buyer, share)
    before = await court.order(buyer)
    await court.rule("linear")
    after = await court.order(buyer, total=101)
    await court.judge_all()
    assert await court.credits(before) == {shares[1].node.id: WHOLE}
    assert await court.credits(after) == {share.node.id: WHOLE // 2 for share in shares}
    amounts = await grove.run("SELECT amount FROM credit WHERE order_id = $1 ORDER BY no", after)
    assert [row["amount"] for row in amounts] == [51, 50]


async def test_two_workers_at_once_judge_every_order_once(court: Court):
    share = await court.grove.share(await court.grove.person(), await court.grove.target("room"))
    orders = [await court.order(await court.grove.person(), code=share.code) for _ in range(30)]
    await court.pass_by()
    shop = court.grove.shop
    judges = [Judge(shop.pool, shop.ids, shop.clock, ("board",)) for _ in range(3)]
    await asyncio.gather(*(judge.tick() for judge in judges), *(judge.late() for judge in judges))
    assert [await court.credits(order_id) for order_id in orders] == [{share.node.id: WHOLE}] * len(orders)
    (facts,) = await court.grove.run("SELECT count(*)::int AS n FROM outbox_event")
    assert facts["n"] == len(orders)


@pytest.mark.parametrize("step", ["take", "waiting", "write", "announce", "reach"])
async def test_a_worker_that_dies_between_two_steps_leaves_nothing_half_done(court: Court, monkeypatch, step: str):
    """Its connection goes with it, as with a process that is killed."""
    share = await court.grove.share(await court.grove.person(), await court.grove.target("room"))
    order_id = await court.order(await court.grove.person(), code=share.code)
    await court.pass_by()
    real = getattr(store_judging, step)

    async def last_words(connection: asyncpg.Connection, *args: Any, **kwargs: Any) -> Any:
        await real(connection, *args, **kwargs)
        connection.terminate()
        raise ConnectionError("killed")

    monkeypatch.setattr(store_judging, step, last_words)
    with pytest.raises((ConnectionError, asyncpg.InterfaceError)):
        await court.judge.tick()
    assert await court.written() == ([], [])
    monkeypatch.undo()
    assert await court.judge_all() == 1
    assert await court.credits(order_id) == {share.node.id: WHOLE}
    assert len(await court.grove.run("SELECT FROM outbox_event")) == 1


@pytest.fixture
def sick(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Merchants of whom no more than so many orders are judged in time, by id."""
    most: dict[str, int] = {}
    real_judge, real_waiting = store_nobody.judge, store_judging.waiting

    async def judge(connection: Any, merchant_id: str, **options: Any) -> Any:
        if options["count"] > 50 * most.get(merchant_id, options["count"]):
            raise TimeoutError
        return await real_judge(connection, merchant_id, **options)

    async def waiting(connection: Any, merchant_id: str, order_ids: Any) -> Any:
        if len(order_ids) > most.get(merchant_id, len(order_ids)):
            raise TimeoutError
        return await real_waiting(connection, merchant_id, order_ids)

    monkeypatch.setattr(store_nobody, "judge", judge)
    monkeypatch.setattr(store_judging, "waiting", waiting)
    return most


async def test_what_cannot_be_judged_in_time_keeps_no_other_merchant_waiting_and_is_halved(court: Court, sick):
    grove, orders = court.grove, {}
    for shop in (grove.merchant_id, await another_merchant(grove)):
        share = await grove.share(await grove.person(shop), await grove.target("room", shop))
        buyer = await grove.person(shop)
        orders[buyer.mid] = [await court.order(buyer, code=share.code) for _ in range(9)]
    sick[grove.merchant_id] = 2
    assert await court.judge_all() == 9
    ((judged,),) = await grove.run("SELECT DISTINCT merchant_id::text FROM attribution")
    assert judged != grove.merchant_id
    for _ in range(12):
        await court.judge.tick()
    for order_id in orders[grove.merchant_id]:
        assert await court.outcome(order_id) == ("credited", "last_touch"), "however few at a time"


async def test_an_order_that_cannot_be_judged_at_all_is_told_of_and_waits(court: Court, sick, caplog):
    share = await court.grove.share(await court.grove.person(), await court.grove.target("room"))
    order_id = await court.order(await court.grove.person(), code=share.code)
    sick[court.grove.merchant_id] = 0
    assert await court.judge_all() == 0
    for _ in range(10):
        await court.judge.tick()
    assert "a set of 1 cannot be judged" in caplog.text
    sick.clear()
    assert (await court.judge_all(), await court.outcome(order_id)) == (1, ("credited", "last_touch"))


async def test_what_is_stored_a_little_late_is_found_soon_and_the_rest_of_the_minute_is_seldom_looked_at(court: Court):
    """An order that was stored ten seconds after its id was made; one that took two is judged with the next tick."""
    share = await court.grove.share(await court.grove.person(), await court.grove.target("room"))
    buyer, ids, clock = await court.grove.person(), court.grove.shop.ids, court.grove.shop.clock
    await court.order(buyer)
    await court.judge_all()
    late_id = ids.new()
    clock.advance(s=8)
    soon_id = ids.new()
    await court.judge_all()
    placed_at = clock.now()
    for order_id in (late_id, soon_id):
        await court.order(buyer, code=share.code, id=order_id, placed_at=placed_at)
    await court.judge_all()
    assert (await court.credits(late_id), await court.credits(soon_id)) == ({}, {share.node.id: WHOLE})
    clock.advance(ms=judging.WHOLE_EVERY_MS)
    await court.judge_all()
    assert await court.credits(late_id) == {share.node.id: WHOLE}


async def test_what_is_stored_long_after_its_time_is_found_by_the_late_round(court: Court):
    share = await court.grove.share(await court.grove.person(), await court.grove.target("room"))
    buyer, old_id = await court.grove.person(), court.grove.shop.ids.new()
    await court.order(buyer)
    court.grove.shop.clock.advance(s=600)
    await court.judge_all()
    await court.order(buyer, code=share.code, id=old_id)
    assert await court.judge_all() == 0
    assert await court.judge.late() == 1
    assert await court.credits(old_id) == {share.node.id: WHOLE}


async def test_a_long_history_is_judged_in_batches_and_no_order_is_passed_over(court: Court, monkeypatch):
    monkeypatch.setattr(judging, "BATCH_MAX", 3)
    monkeypatch.setattr(judging, "SET_MAX", 5)
    share = await court.grove.share(await court.grove.person(), await court.grove.target("room"))
    buyer = await court.grove.person()
    nobody = await court.order(await court.grove.person())
    old = [await court.order(buyer, code=share.code) for _ in range(7)]
    court.grove.shop.clock.advance(s=600)
    fresh = [await court.order(buyer, code=share.code) for _ in range(4)]
    assert (await court.judge_all(), await court.judge.tick()) == (12, 0)
    assert await court.outcome(nobody) == ("none", "no_touch")
    for order_id in (*old, *fresh):
        assert await court.credits(order_id) == {share.node.id: WHOLE}
