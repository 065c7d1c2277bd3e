"""What each event makes of the scene, and that no scene is changed under somebody's hands."""

from copy import deepcopy
from typing import Any

import pytest

from live.scene import EMPTY, REMOVED_MAX, Scene, fold, subject_of

PIN = {"pin_id": "p1", "no": 7, "sale_id": "s1", "item_id": "i1", "at": "2027-01-15T08:00:00.000Z"}
SESSION = {"session_id": "b1", "state": "live", "at": "2027-01-15T08:00:00.000Z", "title": "Tea", "rehearsal": False}
OPEN = {"state": "open", "opens_at": None, "closes_at": None}


def after(*events: tuple[str, Any], scene: Scene = EMPTY) -> Scene:
    for kind, body in events:
        before = deepcopy(scene)
        folded = fold(scene, kind, body)
        assert scene == before
        scene = folded
    return scene


@pytest.mark.parametrize(
    ("kind", "part", "body"),
    [
        ("session.moved", "session", SESSION),
        ("room.changed", "room", {"title": "Tea house", "cover_url": None}),
        ("shelf.changed", "shelf", {"slots": [{"no": 1, "title": "Cup"}]}),
        ("pin.set", "pin", PIN),
        ("talk.ruled", "talk", {"slow_mode_s": 5, "review": True, "muted_all": False}),
        ("announced", "announcement", {"id": "a1", "text": "Free shipping", "at": "2027-01-15T08:00:00.000Z"}),
    ],
)
def test_an_event_is_the_new_part_whole(kind: str, part: str, body: Any):
    assert after((kind, {"old": True, "session_id": "b0"}), (kind, body)) == {**EMPTY, part: body}


def test_a_cleared_pin_is_gone_but_not_the_one_that_took_its_place():
    assert after(("pin.set", PIN), ("pin.cleared", {"pin_id": "p1"}))["pin"] is None
    assert after(("pin.set", PIN), ("pin.cleared", {"pin_id": "p0"}))["pin"] == PIN
    assert after(("pin.cleared", {"pin_id": "p0"}))["pin"] is None


def test_each_sale_has_a_state_of_its_own():
    closed = OPEN | {"state": "closed"}
    moves = [("s1", OPEN), ("s2", OPEN), ("s1", closed)]
    scene = after(*(("sale.moved", {"sale_id": sale, **state}) for sale, state in moves))
    assert scene["sales"] == {"s1": closed, "s2": OPEN}


def test_another_session_begins_without_the_sales_of_the_one_before():
    scene = after(("session.moved", SESSION), ("sale.moved", {"sale_id": "s1", **OPEN}))
    assert after(("session.moved", SESSION | {"state": "ended"}), scene=scene)["sales"] == {"s1": OPEN}
    assert after(("session.moved", SESSION | {"session_id": "b2"}), scene=scene)["sales"] == {}


def test_the_last_removed_comments_are_known_each_once():
    ids = [f"c{number}" for number in range(REMOVED_MAX + 5)]
    scene = after(*(("comment.removed", {"comment_id": comment_id}) for comment_id in [*ids, ids[20]]))
    assert scene["removed"] == [*ids[5:20], *ids[21:], ids[20]]


def test_what_a_newer_program_says_changes_nothing():
    assert after(("raffle.drawn", {"winner": "w"})) == EMPTY


@pytest.mark.parametrize(
    ("kind", "body", "subject"),
    [
        ("pin.set", b'{"pin_id":"p1"}', "pin"),
        ("pin.cleared", b'{"pin_id":"p1"}', "pin"),
        ("sale.moved", b'{"sale_id":"s1","state":"open"}', "sale s1"),
        ("comment.removed", b'{"comment_id":"c1"}', ""),
        ("raffle.drawn", b"{}", ""),
    ],
)
def test_events_of_one_thing_are_known_as_such(kind: str, body: bytes, subject: str):
    assert subject_of(kind, body) == subject
