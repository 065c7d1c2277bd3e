"""A right refusal is no failure of a load test, and a wrong answer is."""

import pytest

from loadtests.locust_answers import PAUSE_MAX_S, TRIES_MAX, Told, insisted


def refused(status: int, slug: str, **more: object) -> Told:
    return Told.refused({"type": f"urn:millpond:problem:{slug}", "status": status, **more})


@pytest.mark.parametrize(
    ("told", "name"),
    [
        (Told(201, order_id="1"), "order: placed"),
        (Told(200, order_id="1", replayed=True), "order: the same again"),
        (refused(409, "sold-out"), "order: sold out"),
        (refused(409, "over-limit"), "order: over limit"),
        (refused(429, "too-many-requests"), "order: told to wait"),
        (refused(503, "gate-rebuilding"), "order: told to wait"),
        (Told(200), "order"),
    ],
)
def test_a_right_answer_has_a_line_of_its_own(told, name):
    assert (told.name("order"), told.fault) == (name, "")


@pytest.mark.parametrize(
    ("told", "name", "fault"),
    [
        (refused(409, "price-changed"), "order: price changed", "409 price-changed"),
        (refused(401, "not-signed-in"), "order: not signed in", "401 not-signed-in"),
        (refused(500, "internal"), "order: internal", "500 internal"),
        (Told(0), "order: no answer", "no answer"),
        (Told(502), "order", "502"),
    ],
)
def test_a_wrong_one_is_a_failure(told, name, fault):
    assert (told.name("order"), told.fault) == (name, fault)


def test_who_is_told_to_wait_waits_and_sends_the_same_until_the_last_word():
    answers = [refused(429, "too-many-requests", retry_after_s=2.0), Told(0), Told(201, order_id="1"), Told(500)]
    pauses: list[float] = []
    assert insisted(lambda: answers.pop(0), pauses.append).order_id == "1"
    assert 2 <= pauses[0] <= 3
    assert 0 <= pauses[1] <= 1
    assert len(answers) == 1


def test_patience_has_an_end():
    pauses: list[float] = []
    told = insisted(lambda: refused(503, "unavailable", retry_after_s=3_600.0), pauses.append)
    assert told.later
    assert len(pauses) == TRIES_MAX - 1
    assert max(pauses) <= PAUSE_MAX_S + 1
