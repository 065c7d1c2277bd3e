"""A crowd at a door asks once, and is told the same."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from accounts.tokens import Claims
from inventory.faults import LedgerFault
from keel.buckets import TokenBuckets
from keel.clock import FakeClock, rfc3339
from keel.errors import NotFound, TooManyRequests, Unavailable
from keel.identity import Principal, Role
from live.errors_talk import Banned
from live.invitations import Invitations
from live.places import KNOWN_FOR_S, REMEMBERED_FOR_S, Places
from live.store_places import Place
from live.talk_rules import RoomTalk, Silence
from live.viewers import Viewer

CLOCK = FakeClock()
BANNED = "01a3185c-5000-7009-8e45-b0f67c226c77"
PLACE = Place("01a3185c-5000-7009-8e45-b0f67c226c88", "a merchant", "a room", is_rehearsal=False)
REHEARSAL = replace(PLACE, is_rehearsal=True)
HERE = "10.0.0.1"
GUEST = Viewer("a guest")
INVITATIONS = Invitations({"test": "a secret that only the tests know, 32 b"}, CLOCK)


class Asked:
    """Stands for PostgreSQL: says what is there and counts the questions."""

    def __init__(self, *answers: Place | LedgerFault | None) -> None:
        self.answers, self.questions = list(answers), 0

    async def __call__(self, _: object, place_id: str) -> Place | None:
        self.questions += 1
        await asyncio.sleep(0)
        answer = self.answers.pop(0)
        if isinstance(answer, LedgerFault):
            raise answer
        return answer


@pytest.fixture
def now_s() -> list[float]:
    return [0.0]


def places(asked: Asked, now_s: list[float], monkeypatch: pytest.MonkeyPatch, *, burst: int = 100) -> Places:
    monkeypatch.setattr("live.places.place_of", asked)
    nobody: Any = None

    async def talk(merchant_id: str, room_id: str) -> RoomTalk:
        return RoomTalk(room_id, merchant_id, silences={(BANNED, Silence.BAN): CLOCK.ms() + 60_000})

    addresses = TokenBuckets(per_s=0.001, burst=burst)
    return Places(
        reader=nobody, talk=talk, invitations=INVITATIONS, clock=CLOCK, addresses=addresses, clock_s=lambda: now_s[0]
    )


async def test_a_crowd_is_one_question_and_the_answer_is_kept_for_a_while(now_s, monkeypatch):
    asked = Asked(PLACE, None)
    door = places(asked, now_s, monkeypatch)
    assert await asyncio.gather(*(door.enter(GUEST, PLACE.id, HERE) for _ in range(50))) == [PLACE] * 50
    assert asked.questions == 1
    now_s[0] = KNOWN_FOR_S + 1
    with pytest.raises(NotFound):
        await door.enter(GUEST, PLACE.id, HERE)
    with pytest.raises(NotFound):
        await door.enter(GUEST, PLACE.id, HERE)
    assert asked.questions == 2


async def test_a_silent_database_is_unavailable_and_asked_again(now_s, monkeypatch):
    door = places(Asked(LedgerFault(), PLACE), now_s, monkeypatch)
    with pytest.raises(Unavailable):
        await door.enter(GUEST, PLACE.id, HERE)
    assert await door.enter(GUEST, PLACE.id, HERE) == PLACE


async def test_whoever_asks_for_made_up_rooms_pays_for_each_and_known_ones_are_free(now_s, monkeypatch):
    asked = Asked(PLACE, *[None] * 10)
    door = places(asked, now_s, monkeypatch, burst=3)
    assert await door.enter(GUEST, PLACE.id, HERE) == PLACE
    for number in range(2):
        with pytest.raises(NotFound):
            await door.enter(GUEST, f"made up {number}", HERE)
    with pytest.raises(TooManyRequests):
        await door.enter(GUEST, "made up too", HERE)
    assert await door.enter(GUEST, PLACE.id, HERE) == PLACE
    with pytest.raises(NotFound):
        await door.enter(GUEST, "made up too", "10.0.0.2")
    assert asked.questions == 4
    assert not door._locks


async def test_a_room_that_was_known_is_there_for_a_while_without_the_database(now_s, monkeypatch):
    asked = Asked(PLACE, LedgerFault(), LedgerFault(), PLACE)
    door = places(asked, now_s, monkeypatch)
    assert await door.enter(GUEST, PLACE.id, HERE) == PLACE
    now_s[0] = REMEMBERED_FOR_S
    assert await door.enter(GUEST, PLACE.id, HERE) == PLACE
    now_s[0] = REMEMBERED_FOR_S + 1
    with pytest.raises(Unavailable):
        await door.enter(GUEST, PLACE.id, HERE)
    assert await door.enter(GUEST, PLACE.id, HERE) == PLACE
    assert (asked.answers, len(door._locks)) == ([], 0)


async def test_who_is_banned_does_not_come_in_by_whatever_he_was_called(now_s, monkeypatch):
    door = places(Asked(PLACE, PLACE), now_s, monkeypatch)
    claims = Claims("somebody else", PLACE.merchant_id, 2**40, was=(BANNED,))
    for viewer in (Viewer(BANNED), Viewer(claims.sub, claims)):
        with pytest.raises(Banned) as refused:
            await door.enter(viewer, PLACE.id, HERE)
        assert refused.value.until == rfc3339(CLOCK.ms() + 60_000)
    works_here = Viewer(BANNED, principal=Principal(PLACE.merchant_id, BANNED, Role.HOST))
    assert await door.enter(works_here, PLACE.id, HERE) == PLACE


async def test_a_rehearsal_is_there_for_staff_and_whom_they_invite(now_s, monkeypatch):
    door = places(Asked(REHEARSAL), now_s, monkeypatch)
    invitation = INVITATIONS.sign(PLACE.id, expires_s=CLOCK.ms() // 1000 + 60)
    elsewhere = INVITATIONS.sign(BANNED, expires_s=CLOCK.ms() // 1000 + 60)
    customer, stranger = (Viewer(f"of {shop}", Claims(shop, shop, 2**40)) for shop in (PLACE.merchant_id, "another"))
    staff = Viewer(BANNED, principal=Principal(PLACE.merchant_id, BANNED, Role.ANALYST))
    assert await door.enter(staff, PLACE.id, HERE) == REHEARSAL
    for viewer in (GUEST, customer):
        assert await door.enter(viewer, PLACE.id, HERE, invitation) == REHEARSAL
        for none in (None, "", elsewhere):
            with pytest.raises(NotFound):
                await door.enter(viewer, PLACE.id, HERE, none)
    with pytest.raises(NotFound):
        await door.enter(stranger, PLACE.id, HERE, invitation)
