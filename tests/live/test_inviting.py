"""Who runs a room invites to its rehearsals, and to nothing else."""

from datetime import timedelta

import pytest

from keel.errors import Conflict, Forbidden, NotFound
from keel.identity import Principal, Role
from live.invitations import Invitations
from live.inviting import invite
from tests.live.ponds import SECRET, open_pond


@pytest.fixture
async def pond(database_url, redis_url):
    async with open_pond(database_url, redis_url) as pond:
        yield pond


async def test_an_invitation_opens_the_rehearsal_and_is_on_the_record(pond):
    rehearsal = await pond.session(await pond.room(), rehearsal=True)
    invitations = Invitations({"test": SECRET}, pond.shop.clock)
    invited = await invite(pond.rooms, invitations, pond.by, rehearsal.id, ttl_s=600)
    assert invited.place == rehearsal.id
    assert invited.expires_at - pond.shop.clock.now() <= timedelta(seconds=600)
    assert invitations.admits(invited.invitation, rehearsal.id)
    (row,) = await pond.run("SELECT subject_id::text AS id FROM staff_audit WHERE command = 'rehearsal.invite'")
    assert row["id"] == rehearsal.id


async def test_a_room_takes_none_and_neither_does_what_is_over(pond):
    room = await pond.room()
    session, rehearsal = await pond.session(room), await pond.session(room, rehearsal=True)
    await pond.stop(rehearsal)
    invitations = Invitations({"test": SECRET}, pond.shop.clock)
    for row in (session, rehearsal):
        with pytest.raises(Conflict):
            await invite(pond.rooms, invitations, pond.by, row.id, ttl_s=600)


async def test_only_who_may_begin_the_session_invites(pond):
    rehearsal = await pond.session(await pond.room(), rehearsal=True)
    invitations = Invitations({"test": SECRET}, pond.shop.clock)
    with pytest.raises(Forbidden):
        await invite(pond.rooms, invitations, await pond.member(Role.ANALYST), rehearsal.id, ttl_s=600)
    elsewhere = Principal(pond.shop.ids.new(), pond.by.subject, Role.OWNER)
    with pytest.raises(NotFound):
        await invite(pond.rooms, invitations, elsewhere, rehearsal.id, ttl_s=600)
