"""How far back a merchant's rules look: those that judge orders now, or will."""

from datetime import timedelta

from referrals.store_forgetting import reaches
from tests.referrals.courts import Court

DAY_S = 86_400


async def test_a_rule_that_was_replaced_looks_back_no_more(court: Court):
    pool, clock, merchant_id = court.grove.shop.pool, court.grove.shop.clock, court.grove.merchant_id
    assert await reaches(pool, clock.now()) == {}
    await court.rule("permanent_bind")
    assert await reaches(pool, clock.now()) == {merchant_id: None}
    await court.rule(valid_for_s=90 * DAY_S, in_force_at=clock.now() + timedelta(days=3))
    assert await reaches(pool, clock.now()) == {merchant_id: None}, "not yet"
    clock.advance(s=4 * DAY_S)
    assert await reaches(pool, clock.now()) == {merchant_id: timedelta(days=90)}


async def test_the_rule_of_a_campaign_looks_back_for_itself(court: Court):
    grove = court.grove
    await grove.target("campaign", name="spring")
    await court.rule(valid_for_s=90 * DAY_S)
    await court.rule(valid_for_s=9 * DAY_S, campaign="spring")
    assert await reaches(grove.shop.pool, grove.shop.clock.now()) == {grove.merchant_id: timedelta(days=90)}
