"""What each event makes of the scene, and that no scene is changed under somebody's hands."""

from copy import deepcopy
from typing import Any

import pytest

from live.scene import EMPTY, KINDS, REMOVED_MAX, Scene, fold, sale_event_id, subject_of

PIN = {"pin_id": "p1", "no": 7, "sale_id": "s1", "item_id": "i1", "at": "2027-01-15T08:00:00.000Z"}
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
        ("room.changed", "room", {"title": "Tea house", "cover_url": None}),
        ("shelf.changed", "shelf", {"slots": [{"no": 1, "title": "Cup"}]}),
        ("pin.set", "pin", PIN),
        ("talk.ruled", "talk", {"slow_mode_s": 5, "review": True, "muted_all": False}),
        ("announced", "announcement", {"id": "a1", "text": "Free shipping", "at": "2027-01-15T08:00:00.000Z"}),
    ],
)
def test_an_event_is_the_new_part_whole(kind: str, part: str, body: Any):
    assert after((kind, {"old": True}), (kind, body)) == {**EMPTY, part: body}


def test_a_cleared_pin_is_gone_but_not_the_one_that_took_its_place():
    assert after(("pin.set", PIN), ("pin.cleared", {"pin_id": "p1"}))["pin"] is None
    assert after(("pin.set", PIN), ("pin.cleared", {"pin_id": "p0"}))["pin"] == PIN
    assert after(("pin.cleared", {"pin_id": "p0"}))["pin"] is None


def test_each_sale_has_a_state_of_its_own():
    closed = OPEN | {"state": "closed"}
    moves = [("s1", OPEN), ("s2", OPEN), ("s1", closed)]
    scene = after(session(1, "live"), *(sold(sale, state) for sale, state in moves))
    assert scene["sales"] == {"s1": closed, "s2": OPEN}


def test_a_sale_that_left_is_gone_and_comes_back():
    left = "sale.left", {"session_id": "b1", "sale_id": "s1"}
    scene = after(session(1, "live"), sold("s1", OPEN), sold("s2", OPEN), left, left)
    assert scene["sales"] == {"s2": OPEN}
    assert after(sold("s1", OPEN), scene=scene)["sales"] == {"s1": OPEN, "s2": OPEN}


def test_what_is_told_of_a_sale_of_another_session_changes_nothing():
    scene = after(session(1, "live"), sold("s1", OPEN))
    closed = OPEN | {"state": "closed"}
    assert after(sold("s1", closed, "b2"), sold("s2", OPEN, "b2"), scene=scene) == scene
    assert after(("sale.left", {"session_id": "b2", "sale_id": "s1"}), scene=scene) == scene


def test_ids_of_a_sales_events_grow_with_the_link_then_the_version_then_the_cause():
    causes = ["", "01900000-0000-7000-8000-000000000001", "f1900000-0000-7000-8000-000000000001"]
    ids = [
        sale_event_id("b1", "s1", link_no=link_no, version=version, cause=cause)
        for link_no in (0, 9, 10)
        for version in (0, 99, 100)
        for cause in causes
    ]
    assert ids == sorted(set(ids))
    assert len({sale_event_id(session_id, sale_id, link_no=0) for session_id in "ab" for sale_id in "xy"}) == 4


def session(number: int, state: str, *, minute: int = 0) -> tuple[str, Any]:
    at = f"2027-01-15T08:{minute:02d}:00.000Z"
    body = {"session_id": f"b{number}", "state": state, "at": at, "title": None, "rehearsal": False}
    return "session.moved", body


def sold(sale_id: str, state: Any, session_id: str = "b1") -> tuple[str, Any]:
    return "sale.moved", {"session_id": session_id, "sale_id": sale_id, **state}


def staged(*moves: tuple[str, Any]) -> tuple[str, str]:
    shown = after(*moves)["session"]
    return shown["session_id"], shown["state"]


def test_on_stage_is_the_session_on_air_else_the_one_planned_first_else_the_last_one():
    planned = session(1, "scheduled"), session(2, "scheduled")
    assert staged(*planned) == ("b1", "scheduled")
    assert staged(*planned, session(2, "live")) == ("b2", "live")
    assert staged(*planned, session(2, "live"), session(1, "ended"), session(3, "scheduled")) == ("b2", "live")
    assert staged(*planned, session(2, "interrupted"), session(2, "ended")) == ("b1", "scheduled")
    assert staged(session(2, "ended", minute=1), session(1, "ended", minute=2)) == ("b1", "ended")


def test_of_the_sessions_that_are_over_one_is_remembered():
    scene = after(*(session(number, "ended", minute=number) for number in (1, 3, 2)), session(4, "scheduled"))
    assert sorted(scene["sessions"]) == ["b3", "b4"]


def test_another_session_on_stage_begins_without_the_sales_of_the_one_before():
    scene = after(session(1, "live"), sold("s1", OPEN))
    assert after(session(2, "scheduled"), session(1, "interrupted"), scene=scene)["sales"] == {"s1": OPEN}
    assert after(session(2, "scheduled"), session(1, "ended"), scene=scene)["sales"] == {}


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
        ("sale.moved", b'{"session_id":"b1","sale_id":"s1","state":"open"}', "sale b1 s1"),
        ("sale.left", b'{"session_id":"b1","sale_id":"s1"}', "sale b1 s1"),
        ("session.moved", b'{"session_id":"b1","state":"live"}', "session b1"),
        ("comment.removed", b'{"comment_id":"c1"}', ""),
        ("raffle.drawn", b"{}", ""),
    ],
)
def test_events_of_one_thing_are_known_as_such(kind: str, body: bytes, subject: str):
    assert subject_of(kind, body) == subject


def test_of_each_kind_it_is_known_whether_an_older_event_may_undo_a_newer():
    body = b'{"session_id":"b1","sale_id":"s1"}'
    assert {kind for kind in KINDS if not subject_of(kind, body)} == {"comment.removed"}, "what is removed stays so"
