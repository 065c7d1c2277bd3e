"""A crowd at a door asks once, and is told the same."""

import asyncio

import pytest

from inventory.faults import LedgerFault
from keel.errors import NotFound, Unavailable
from live.places import KNOWN_FOR_S, Places
from live.store_places import Place
from live.viewers import Viewer

PLACE = Place("01a3185c-5000-7009-8e45-b0f67c226c88", "a merchant", is_rehearsal=False)
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


def places(asked: Asked, now_s: list[float], monkeypatch: pytest.MonkeyPatch) -> Places:
    monkeypatch.setattr("live.places.place_of", asked)
    nobody: object = None
    return Places(nobody, lambda: now_s[0])  # type: ignore[arg-type]


async def test_a_crowd_is_one_question_and_the_answer_is_kept_for_a_while(now_s, monkeypatch):
    asked = Asked(PLACE, None)
    door = places(asked, now_s, monkeypatch)
    assert await asyncio.gather(*(door.enter(GUEST, PLACE.id) for _ in range(50))) == [PLACE] * 50
    assert asked.questions == 1
    now_s[0] = KNOWN_FOR_S + 1
    with pytest.raises(NotFound):
        await door.enter(GUEST, PLACE.id)
    with pytest.raises(NotFound):
        await door.enter(GUEST, PLACE.id)
    assert asked.questions == 2


async def test_a_silent_database_is_unavailable_and_asked_again(now_s, monkeypatch):
    door = places(Asked(LedgerFault(), PLACE), now_s, monkeypatch)
    with pytest.raises(Unavailable):
        await door.enter(GUEST, PLACE.id)
    assert await door.enter(GUEST, PLACE.id) == PLACE
