"""A share grows where its sharer came from, is written once, and is the same however often it is asked for."""

import asyncio
from dataclasses import replace

import pytest

from accounts.tokens import Claims
from keel.errors import NotFound
from keel.ids import Ids
from referrals import sharing, store_shares
from referrals.model import DEPTH_MAX, TargetKind
from referrals.sharing import Sharing, Wish
from tests.referrals.groves import Grove, another_merchant


async def test_a_share_grows_under_the_one_through_which_its_sharer_came(grove: Grove):
    room = await grove.target("room")
    links = await grove.chain(room, 3)
    nodes = [share.node for _, share in links]
    assert [node.path for node in nodes] == [(), (nodes[0].id,), (nodes[0].id, nodes[1].id)]
    assert {node.root_id for node in nodes} == {nodes[0].id}
    assert [node.depth for node in nodes] == [0, 1, 2]


async def test_sharing_again_gives_the_same_share(grove: Grove):
    room = await grove.target("room")
    (_, first), (lan, second) = await grove.chain(room, 2)
    assert await grove.share(lan, room) == second
    assert await grove.share(lan, room) != first


async def test_many_taps_at_once_in_two_processes_give_one_share(grove: Grove):
    room, who = await grove.target("room"), await grove.person()
    other = Sharing(grove.shop.ledger, Ids(grove.shop.clock), grove.shop.clock)
    shares = await asyncio.gather(*(sharing.share(here, who, room) for here in (grove.here, other) * 10))
    assert len({share.code for share in shares}) == 1
    assert len(await grove.run("SELECT FROM share")) == 1


async def test_a_session_grows_under_its_room_and_another_room_does_not(grove: Grove):
    room, other = await grove.target("room"), await grove.target("room")
    session = await grove.target("session", room_id=room.target_id)
    hua, lan = await grove.person(), await grove.person()
    first = await grove.share(hua, room)
    await grove.visit(lan, first)
    assert (await grove.share(lan, session)).node.parent_id == first.node.id
    assert (await grove.share(lan, other)).node.parent_id is None


async def test_the_last_visit_counts_and_ones_own_link_brings_nobody(grove: Grove):
    room = await grove.target("room")
    hua, mei, lan = [await grove.person() for _ in range(3)]
    first, second = await grove.share(hua, room), await grove.share(mei, room)
    await grove.visit(lan, first)
    await grove.visit(lan, second)
    third = await grove.share(lan, room)
    assert third.node.parent_id == second.node.id
    await grove.visit(lan, third)
    assert await grove.share(lan, room) == third


async def test_friends_who_go_back_and_forth_make_no_deep_tree(grove: Grove):
    room = await grove.target("room")
    (hua, first), (lan, second) = await grove.chain(room, 2)
    for _ in range(3):
        await grove.visit(hua, second)
        assert await grove.share(hua, room) == first
        await grove.visit(lan, first)
        assert await grove.share(lan, room) == second


async def test_below_the_greatest_depth_a_tree_grows_in_breadth(grove: Grove):
    room = await grove.target("room")
    links = await grove.chain(room, DEPTH_MAX + 3)
    depths = [share.node.depth for _, share in links]
    assert depths == [*range(DEPTH_MAX + 1), DEPTH_MAX, DEPTH_MAX]
    assert {share.node.parent_id for _, share in links[DEPTH_MAX:]} == {links[DEPTH_MAX - 1][1].node.id}


async def test_what_a_guest_came_through_counts_when_he_has_signed_in(grove: Grove):
    room = await grove.target("room")
    hua, guest, lan = [await grove.person() for _ in range(3)]
    first = await grove.share(hua, room)
    await grove.visit(guest, first)
    assert (await grove.share(lan, room)).node.parent_id is None
    assert (await grove.share(await grove.signs_in(guest, lan), room)).node.parent_id == first.node.id


async def test_what_a_guest_shared_is_the_customers_share_too(grove: Grove):
    room, other = await grove.target("room"), await grove.target("room")
    guest, lan = await grove.person(), await grove.person()
    as_guest, own = await grove.share(guest, room), await grove.share(lan, other)
    await grove.share(guest, other)
    lan = await grove.signs_in(guest, lan)
    assert await grove.share(lan, room) == as_guest
    assert await grove.share(lan, other) == own, "what he had under his own name stays his"
    await grove.run("INSERT INTO customer_profile VALUES ($1, $2, 'Lan')", lan.mid, lan.sub)
    shown = await store_shares.show(grove.shop.ledger, as_guest.code)
    assert shown is not None
    assert shown.sharer_name == "Lan"


@pytest.mark.parametrize("kind", list(TargetKind))
async def test_what_is_not_there_or_is_another_merchants_cannot_be_shared(grove: Grove, kind: TargetKind):
    who, foreign_id = await grove.person(), await another_merchant(grove)
    room = await grove.target("room", foreign_id)
    columns = {"session": {"room_id": room.target_id}, "campaign": {"name": "spring"}}.get(kind, {})
    foreign = await grove.target(kind, foreign_id, **columns)
    for wish in (foreign, Wish(kind, grove.shop.ids.new())):
        with pytest.raises(NotFound):
            await grove.share(who, wish)
    assert await grove.run("SELECT FROM share") == []


async def test_rehearsals_and_what_was_put_away_are_not_shared(grove: Grove):
    who, room = await grove.person(), await grove.target("room")
    rehearsal = await grove.target("session", room_id=room.target_id, rehearsal=True)
    gone = await grove.target("product", archived_at=grove.shop.clock.now())
    over = await grove.target("campaign", name="spring", ends_at=grove.shop.clock.now())
    for wish in (rehearsal, gone, over, replace(room, campaign="spring"), replace(room, campaign="winter")):
        with pytest.raises(NotFound):
            await grove.share(who, wish)


async def test_a_share_for_a_campaign_is_another_one(grove: Grove):
    who, room = await grove.person(), await grove.target("room")
    spring = await grove.target("campaign", name="spring")
    plain, for_spring = await grove.share(who, room), await grove.share(who, replace(room, campaign="spring"))
    assert plain.code != for_spring.code
    assert [plain.campaign, for_spring.campaign] == [None, "spring"]
    assert (await grove.share(who, spring)).campaign == "spring"
    assert [s.code for s in await sharing.page(grove.here, who, below=None, count=2)][-1] == for_spring.code


async def test_who_has_no_row_of_ours_shares_as_he_buys(grove: Grove):
    """Tokens made by hand name customers that nobody wrote down; orders take them too."""
    room = await grove.target("room")
    nobody = replace_sub(await grove.person(), grove.shop.ids.new())
    assert await grove.share(nobody, room) == await grove.share(nobody, room)


def replace_sub(who: Claims, customer_id: str) -> Claims:
    """The same merchant's customer under another id."""
    return Claims(customer_id, who.mid, who.exp)
