"""Rules are changed by writing the next version, and nobody is judged by one that he could not have known."""

from datetime import timedelta

import pytest

from keel.errors import Conflict, NotFound
from referrals import rules
from referrals.campaigns import Campaigns, add_campaign
from referrals.crediting import WHOLE
from referrals.rule import Model, SelfPurchase
from referrals.rules import LEAD, NewRule, set_rule
from tests.inventory.selling import make_merchant
from tests.referrals.courts import Court

LINEAR = NewRule(Model.LINEAR, 3_600, 0, SelfPurchase.REFUSE)


def plans_of(court: Court) -> Campaigns:
    selling = court.grove.shop.selling
    return Campaigns(selling.sessions, selling.ids, selling.clock)


async def test_a_change_is_a_new_version_that_counts_a_minute_later(court: Court):
    grove, staff = court.grove, court.grove.shop.staff
    buyer, room = await grove.person(), await grove.target("room")
    for _ in range(2):
        await grove.visit(buyer, await grove.share(await grove.person(), room))
    row = await set_rule(plans_of(court), staff, LINEAR)
    assert (row.version, row.in_force_at) == (1, grove.shop.clock.now() + LEAD)
    before = await court.order(buyer)
    grove.shop.clock.advance(s=LEAD.seconds)
    after = await court.order(buyer)
    await court.judge_all()
    assert list((await court.credits(before)).values()) == [WHOLE]
    assert list((await court.credits(after)).values()) == [WHOLE // 2] * 2


async def test_staff_who_did_not_know_what_stands_change_nothing(court: Court):
    plans, staff = plans_of(court), court.grove.shop.staff
    await set_rule(plans, staff, NewRule(Model.LINEAR, 3_600, 0, SelfPurchase.REFUSE, known=0))
    with pytest.raises(Conflict):
        await set_rule(plans, staff, NewRule(Model.LINEAR, 7_200, 0, SelfPurchase.REFUSE, known=0))
    assert [row.version for row in await rules.page(plans, staff, below=None, count=9)] == [1]


async def test_a_campaign_has_versions_of_its_own(court: Court):
    plans, staff = plans_of(court), court.grove.shop.staff
    spring = NewRule(Model.PERMANENT_BIND, None, None, SelfPurchase.HOLD, campaign="spring")
    with pytest.raises(NotFound):
        await set_rule(plans, staff, spring)
    await add_campaign(plans, staff, name="spring", title="Spring", ends_at=None)
    for new in (LINEAR, spring, LINEAR):
        await set_rule(plans, staff, new)
    rows = await rules.page(plans, staff, below=None, count=9)
    assert [(row.campaign, row.version) for row in rows] == [(None, 2), ("spring", 1), (None, 1)]
    audit = await court.grove.run("SELECT command FROM staff_audit WHERE command LIKE 'attribution%'")
    assert len(audit) == 3


async def test_a_rule_may_come_into_force_later_and_never_sooner_than_in_a_minute(court: Court):
    plans, now = plans_of(court), court.grove.shop.clock.now()
    for wished, given in ((timedelta(days=7), timedelta(days=7)), (timedelta(0), LEAD), (-timedelta(days=1), LEAD)):
        new = NewRule(Model.LINEAR, 3_600, 0, SelfPurchase.REFUSE, in_force_at=now + wished)
        assert (await set_rule(plans, court.grove.shop.staff, new)).in_force_at == now + given


async def test_another_merchants_rules_are_not_seen_and_do_not_count(court: Court):
    plans = plans_of(court)
    stranger = await make_merchant(court.grove.shop.selling, "Another pond")
    await set_rule(plans, stranger, LINEAR)
    assert await rules.page(plans, court.grove.shop.staff, below=None, count=9) == []
    court.grove.shop.clock.advance(s=LEAD.seconds)
    order_id = await court.order(await court.grove.person())
    await court.judge_all()
    found = await court.judgement(order_id)
    assert found is not None
    assert found["rule_id"] is None
