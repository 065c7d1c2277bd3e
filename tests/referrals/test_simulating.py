"""Any rule can be tried on what was, and nothing changes by it."""

import asyncio
from datetime import timedelta
from typing import Any

from keel.jobs import JobRunner, Jobs
from referrals.crediting import WHOLE
from referrals.rule import HOUSE_RULE, Model, Rule, SelfPurchase
from referrals.simulating import KIND, Simulation, options_of
from tests.referrals.courts import TOTAL, Court

LINEAR = Rule(Model.LINEAR, 86_400, 0, SelfPurchase.REFUSE)


async def simulated(court: Court, rule: Rule, *, session_id: str | None = None, **span: Any) -> dict[str, Any]:
    """What trying a rule on the orders of the last day comes to."""
    shop = court.grove.shop
    jobs = Jobs(shop.selling.sessions, shop.ids, shop.clock)
    times = {"placed_from": shop.clock.now() - timedelta(days=1), "placed_to": None} | span
    job = await jobs.ask(shop.staff, KIND, key=shop.ids.new(), options=options_of(rule, session_id, **times), body=b"")
    runner = JobRunner(shop.selling.sessions, shop.clock, {KIND: Simulation(shop.pool)}, asyncio.Event())
    assert await runner.tick()
    job = await jobs.read(shop.staff, job.id)
    assert (job.state, job.result is not None) == ("done", True)
    return dict(job.result or {})


async def test_the_rule_in_force_comes_to_what_is_written(court: Court):
    links = await court.grove.chain(await court.grove.target("room"), 3)
    for who, share in links:
        await court.grove.visit(await court.grove.person(), share)
        await court.order(who, code=share.code)
        await court.order(await court.grove.person(), code=share.code)
    await court.judge_all()
    before = await court.written()
    found = await simulated(court, HOUSE_RULE)
    assert (found["orders"], found["differ"], found["differing"]) == (6, 0, [])
    assert all(sharer["written"] == sharer["simulated"] for sharer in found["sharers"])
    assert await court.written() == before


async def test_another_rule_says_who_would_gain_and_lose_and_writes_nothing(court: Court):
    grove, room = court.grove, await court.grove.target("room")
    hua, lan, buyer = [await grove.person() for _ in range(3)]
    first, second = await grove.share(hua, room), await grove.share(lan, room)
    for share in (first, second):
        await grove.visit(buyer, share)
    order_id = await court.order(buyer)
    lapsed = await court.order(buyer)
    await court.ends(buyer, lapsed)
    await court.judge_all()
    before = await court.written()
    found = await simulated(court, LINEAR)
    assert (found["orders"], found["ended"], found["differ"]) == (2, 1, 2)
    sums = {each["sharer_id"]: (each["written"], each["simulated"]) for each in found["sharers"]}
    assert sums == {hua.sub: (0, TOTAL // 2), lan.sub: (TOTAL, TOTAL // 2)}, "what ended brought nobody anything"
    (told,) = [each for each in found["differing"] if each["order_id"] == order_id]
    assert [credit["part"] for credit in told["simulated"]["credits"]] == [WHOLE // 2] * 2
    assert [credit["share_id"] for credit in told["written"]["credits"]] == [second.node.id]
    assert await court.written() == before


async def test_a_simulation_looks_at_its_span_and_session_only(court: Court):
    buyer, session_id = await court.grove.person(), court.grove.shop.ids.new()
    start = court.grove.shop.clock.now()
    await court.order(buyer)
    court.grove.shop.clock.advance(s=7_200)
    await court.order(buyer, session_id=session_id)
    await court.order(buyer)
    await court.judge_all()
    later = start + timedelta(hours=1)
    assert (await simulated(court, LINEAR, placed_from=later))["orders"] == 2
    assert (await simulated(court, LINEAR, placed_from=start, placed_to=later))["orders"] == 1
    assert (await simulated(court, LINEAR, session_id=session_id, placed_from=None))["orders"] == 1


async def test_a_campaigns_rule_is_tried_in_place_of_that_campaigns_alone(court: Court):
    buyer, room = await court.grove.person(), await court.grove.target("room")
    for _ in range(2):
        await court.grove.visit(buyer, await court.grove.share(await court.grove.person(), room))
    await court.order(buyer)
    await court.judge_all()
    spring = Rule(Model.LINEAR, 86_400, 0, SelfPurchase.REFUSE, campaign="spring")
    assert (await simulated(court, spring))["differ"] == 0


async def test_a_rule_that_binds_keeps_a_buyer_from_a_campaign_in_a_simulation_as_in_earnest(court: Court):
    grove, room = court.grove, await court.grove.target("room")
    spring = await grove.target("campaign", name="spring")
    hua, lan, buyer = [await grove.person() for _ in range(3)]
    await grove.visit(buyer, await grove.share(hua, room))
    await grove.visit(buyer, await grove.share(lan, spring))
    await court.rule(campaign="spring", version=1)
    before = await court.order(buyer)
    await court.rule("permanent_bind")
    after = await court.order(buyer)
    await court.judge_all()
    written = [list(await court.credits(order_id)) for order_id in (before, after)]
    binding = Rule(Model.PERMANENT_BIND, None, None, SelfPurchase.REFUSE)
    found = await simulated(court, binding)
    (told,) = found["differing"]
    assert told["order_id"] == before, "the one after went by this very rule"
    assert [[credit["share_id"]] for credit in told["simulated"]["credits"]] == written[1:]
    assert {each["sharer_id"]: each["simulated"] for each in found["sharers"]} == {hua.sub: 2 * TOTAL, lan.sub: 0}
