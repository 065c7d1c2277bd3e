"""What is told of an order: to its buyer without ids, to staff with all, to others nothing."""

from dataclasses import replace

import pytest

from keel.errors import NotFound
from referrals import store_explaining
from referrals.explaining import for_buyer, for_staff
from tests.inventory.selling import make_merchant
from tests.referrals.courts import TOTAL, Court


async def test_a_buyer_is_told_of_what_he_ordered_as_a_guest_too(court: Court):
    grove = court.grove
    guest, buyer = await grove.person(), await grove.person()
    order_id = await court.order(guest)
    known = await grove.signs_in(guest, buyer)
    assert (await for_buyer(grove.shop.ledger, known, order_id))["state"] == "pending"
    with pytest.raises(NotFound):
        await for_buyer(grove.shop.ledger, buyer, order_id)


async def test_what_staff_are_told_is_what_is_written(court: Court):
    grove = court.grove
    links = await grove.chain(await grove.target("room"), 3)
    buyer = await grove.person()
    await grove.visit(buyer, links[0][1])
    order_id = await court.order(buyer, code=links[2][1].code)
    await court.judge_all()
    told = await for_staff(grove.shop.ledger, grove.shop.staff, order_id)
    (credit,) = told["credits"]
    assert (credit["sharer_id"], credit["amount"]) == (links[2][0].sub, TOTAL)
    assert credit["chain"] == [share.node.id for _, share in links]
    (other,) = told["others"]
    assert (other["sharer_id"], other["why"]) == (links[0][0].sub, "not_last")
    assert (told["rule"]["version"], told["visits"]) == (0, 1)
    buyers = await for_buyer(grove.shop.ledger, buyer, order_id)
    hidden = {credit["sharer_id"], credit["share_id"], other["sharer_id"], other["share_id"]}
    assert not [each for each in hidden if each in str(buyers)]


async def test_rehearsals_and_orders_that_ended_are_told_as_such(court: Court):
    grove, buyer = court.grove, await court.grove.person()
    rehearsal, lapsed = await court.order(buyer, rehearsal=True), await court.order(buyer)
    await court.ends(buyer, lapsed)
    await court.judge_all()
    told = await for_buyer(grove.shop.ledger, buyer, rehearsal)
    assert (told["state"], told["reason"]) == ("none", "rehearsal")
    told = await for_buyer(grove.shop.ledger, buyer, lapsed)
    assert (told["state"], told["reason"], told["ended"]) == ("none", "no_touch", "cancelled")
    assert "ended unpaid" in told["words"]


async def test_another_merchants_order_is_not_there(court: Court):
    grove = court.grove
    order_id = await court.order(await grove.person())
    stranger = await make_merchant(grove.shop.selling, "Another pond")
    assert await store_explaining.find(grove.shop.ledger, stranger.merchant_id, order_id, None) is None
    with pytest.raises(NotFound):
        await for_staff(grove.shop.ledger, replace(grove.shop.staff, merchant_id=stranger.merchant_id), order_id)
