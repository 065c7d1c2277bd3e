"""Touches are forgotten once they are old and can count for nothing; what was counted of them stays."""

from datetime import timedelta

import pytest

from keel.ids import Ids
from referrals import forgetting
from referrals.forgetting import Forgetting
from referrals.gathering import Touches
from referrals.tallying import Tallying
from tests.referrals.courts import Court
from tests.referrals.groves import Grove

KEPT = timedelta(days=30)
DAY_S = 86_400


async def touches(grove: Grove) -> int:
    return len(await grove.run("SELECT FROM touch"))


def forgetting_of(grove: Grove, kept: timedelta = KEPT) -> Forgetting:
    return Forgetting(grove.shop.pool, grove.shop.clock, kept)


async def test_what_is_too_old_is_forgotten_and_stays_counted(grove: Grove, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(forgetting, "PIECE_MAX", 2)
    share = (await grove.chain(await grove.target("room"), 1))[0][1]
    for _ in range(5):
        await grove.visit(await grove.person(), share)
    await Tallying(grove.shop.pool, grove.shop.clock).tick()
    grove.shop.clock.advance(s=DAY_S * 20)
    await grove.visit(await grove.person(), share)
    worker = forgetting_of(grove)
    assert await worker.tick() == 0
    grove.shop.clock.advance(s=DAY_S * 11)
    assert await worker.tick() == 5
    assert await touches(grove) == 1
    await Tallying(grove.shop.pool, grove.shop.clock).tick()
    (node,) = await grove.run("SELECT visitors FROM tree_node WHERE share_id = $1", share.node.id)
    assert node["visitors"] == 6
    grove.shop.clock.advance(s=DAY_S * 20)
    assert await worker.tick() == 1, "each round begins anew"


@pytest.mark.parametrize(("model", "days"), [("last_touch", 60), ("permanent_bind", None)])
async def test_what_a_rule_still_counts_is_kept(court: Court, model: str, days: int | None):
    grove, buyer = court.grove, await court.grove.person()
    share = (await grove.chain(await grove.target("room"), 1))[0][1]
    await court.rule(model, valid_for_s=None if days is None else days * DAY_S)
    await grove.visit(buyer, share)
    grove.shop.clock.advance(s=DAY_S * 59)
    assert await forgetting_of(grove).tick() == 0
    order_id = await court.order(buyer)
    await court.judge_all()
    assert await court.outcome(order_id) == ("credited", model)
    grove.shop.clock.advance(s=DAY_S * 3)
    await court.judge_all()
    assert await forgetting_of(grove).tick() == (0 if days is None else 1)


@pytest.mark.parametrize("campaign", [None, "spring"])
async def test_what_the_rule_of_the_house_counts_is_kept_where_the_shop_has_none(court: Court, campaign: str | None):
    """Also where a campaign has one."""
    grove, buyer = court.grove, await court.grove.person()
    if campaign is not None:
        await grove.target("campaign", name=campaign)
        await court.rule(valid_for_s=60, campaign=campaign)
    grove.shop.clock.advance(s=DAY_S * 3)
    share = (await grove.chain(await grove.target("room"), 1))[0][1]
    await grove.visit(buyer, share)
    grove.shop.clock.advance(s=DAY_S * 3)
    worker = forgetting_of(grove, timedelta(days=1))
    assert await worker.tick() == 0
    order_id = await court.order(buyer)
    await court.judge_all()
    assert await court.outcome(order_id) == ("credited", "last_touch")
    grove.shop.clock.advance(s=DAY_S * 6)
    await court.judge_all()
    assert await worker.tick() == 1


async def test_what_counts_for_an_order_is_kept_until_it_is_judged_however_long_no_worker_ran(court: Court):
    grove, buyer = court.grove, await court.grove.person()
    share = (await grove.chain(await grove.target("room"), 1))[0][1]
    await court.rule(valid_for_s=60 * DAY_S)
    await grove.visit(buyer, share)
    grove.shop.clock.advance(s=DAY_S * 59)
    order_id = await court.order(buyer)
    grove.shop.clock.advance(s=DAY_S * 30)
    worker = forgetting_of(grove)
    assert await worker.tick() == 0, "it begins with this, before anything is judged"
    await court.judge_all()
    assert await court.outcome(order_id) == ("credited", "last_touch")
    assert await worker.tick() == 1


async def test_who_signed_in_from_where_goes_with_the_last_visit_from_there(grove: Grove):
    share = (await grove.chain(await grove.target("room"), 1))[0][1]
    early, late, never = [await grove.person() for _ in range(3)]
    await grove.visit(early, share)
    for visitor in (early, late, never):
        grove.touches.signed_in(grove.merchant_id, visitor.sub, grove.shop.ids.new())
    grove.shop.clock.advance(s=DAY_S * 20)
    await grove.visit(late, share)
    worker = forgetting_of(grove)
    await worker.tick()
    assert len(await grove.run("SELECT FROM touch_person")) == 3
    grove.shop.clock.advance(s=DAY_S * 11)
    await worker.tick()
    (left,) = await grove.run("SELECT visitor_id::text AS who FROM touch_person")
    assert left["who"] == late.sub


async def test_a_process_that_was_killed_leaves_no_row_for_ever(grove: Grove):
    killed = Touches(grove.shop.pool, Ids(grove.shop.clock), grove.shop.clock)
    await killed.tick()
    worker = forgetting_of(grove)
    await worker.tick()
    assert len(await grove.run("SELECT FROM touch_writer")) == 1
    grove.shop.clock.advance(s=DAY_S * 2)
    await grove.touches.tick()
    await worker.tick()
    (living,) = await grove.run("SELECT seen_at FROM touch_writer")
    assert living["seen_at"] == grove.shop.clock.now()
