"""A crowd at a door asks once, and is told the same."""

import asyncio
from typing import Any

import pytest

from accounts.tokens import Claims
from inventory.faults import LedgerFault
from keel.buckets import TokenBuckets
from keel.clock import FakeClock, rfc3339
from keel.errors import NotFound, TooManyRequests, Unavailable
from keel.identity import Principal, Role
from live.errors_talk import Banned
from live.places import KNOWN_FOR_S, Places
from live.store_places import Place
from live.talk_rules import RoomTalk, Silence
from live.viewers import Viewer

CLOCK = FakeClock()
BANNED = "01a3185c-5000-7009-8e45-b0f67c226c77"
PLACE = Place("01a3185c-5000-7009-8e45-b0f67c226c88", "a merchant", "a room", is_rehearsal=False)
HERE = "10.0.0.1"
GUEST = Viewer("a guest")


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

    return Places(nobody, talk, CLOCK, TokenBuckets(per_s=0.001, burst=burst), lambda: now_s[0])


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


async def test_who_is_banned_does_not_come_in_by_whatever_he_was_called(now_s, monkeypatch):
    door = places(Asked(PLACE, PLACE), now_s, monkeypatch)
    claims = Claims("somebody else", PLACE.merchant_id, 2**40, was=(BANNED,))
    for viewer in (Viewer(BANNED), Viewer(claims.sub, claims)):
        with pytest.raises(Banned) as refused:
            await door.enter(viewer, PLACE.id, HERE)
        assert refused.value.until == rfc3339(CLOCK.ms() + 60_000)
    works_here = Viewer(BANNED, principal=Principal(PLACE.merchant_id, BANNED, Role.HOST))
    assert await door.enter(works_here, PLACE.id, HERE) == PLACE
