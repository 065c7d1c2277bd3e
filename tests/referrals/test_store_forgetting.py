"""How far back the rules of a merchant look: those that judge what is not judged yet, or will be."""

from datetime import timedelta

from referrals.store_forgetting import Reach, reaches
from tests.referrals.courts import Court

DAY_S = 86_400
DAY = timedelta(days=1)


async def reach_of(court: Court) -> Reach:
    return (await reaches(court.grove.shop.pool, court.grove.shop.clock.now(), DAY))[court.grove.merchant_id]


async def test_a_rule_that_was_replaced_looks_back_no_more(court: Court):
    clock = court.grove.shop.clock
    assert await reach_of(court) == Reach(clock.now() - DAY, timedelta(0), by_house_rule=True)
    await court.rule("permanent_bind")
    assert (await reach_of(court)).valid_for is None
    await court.rule(valid_for_s=90 * DAY_S, in_force_at=clock.now() + timedelta(days=3))
    assert (await reach_of(court)).valid_for is None, "not yet"
    clock.advance(s=5 * DAY_S)
    assert await reach_of(court) == Reach(clock.now() - DAY, timedelta(days=90), by_house_rule=False)


async def test_the_rule_of_a_campaign_looks_back_for_itself_and_the_houses_judges_the_rest(court: Court):
    grove = court.grove
    await grove.target("campaign", name="spring")
    await court.rule(valid_for_s=9 * DAY_S, campaign="spring")
    grove.shop.clock.advance(s=2 * DAY_S)
    reach = await reach_of(court)
    assert (reach.valid_for, reach.by_house_rule) == (timedelta(days=9), True)
    await court.rule(valid_for_s=90 * DAY_S)
    reach = await reach_of(court)
    assert (reach.valid_for, reach.by_house_rule) == (timedelta(days=90), True), "of an hour ago it still judges"
    grove.shop.clock.advance(s=2 * DAY_S)
    assert (await reach_of(court)).by_house_rule is False


async def test_an_order_that_is_not_judged_is_looked_back_from(court: Court):
    clock = court.grove.shop.clock
    await court.order(await court.grove.person())
    placed_at = clock.now()
    clock.advance(s=30 * DAY_S)
    assert (await reach_of(court)).since == placed_at - DAY
    await court.judge_all()
    assert (await reach_of(court)).since == clock.now() - DAY
