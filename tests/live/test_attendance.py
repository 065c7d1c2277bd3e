"""Who comes and goes, socket by socket, and the stays that become of it."""

from datetime import datetime, timedelta

import pytest

from keel.clock import FakeClock, from_ms
from keel.ids import Ids
from live.attendance import Attendance, Interval

T0 = 1_800_000_000_000


@pytest.fixture
def attendance() -> Attendance:
    return Attendance(Ids(FakeClock()))


def at(seconds: int) -> datetime:
    return from_ms(T0) + timedelta(seconds=seconds)


def followed(attendance: Attendance) -> Attendance:
    """Once all stays have followed the turns of their places."""
    for _ in attendance.follow():
        pass
    return attendance


def stays(intervals: list[Interval]) -> list[tuple[str, str, int, int | None]]:
    """(session, viewer, from, to) in seconds."""
    return [
        (i.session_id, i.viewer_id, second(i.started_at), None if i.ended_at is None else second(i.ended_at))
        for i in intervals
    ]


def second(moment: datetime) -> int:
    return (moment - at(0)).seconds


def test_a_stay_lasts_from_the_first_socket_to_the_last(attendance: Attendance):
    for came in (1, 2):
        attendance.joined("room", "s1", "ann", T0 + came * 1000)
    attendance.left("room", "ann", T0 + 3_000)
    assert (stays(attendance.opened), attendance.closed) == ([("s1", "ann", 1, None)], [])
    attendance.left("room", "ann", T0 + 4_000)
    assert stays(attendance.closed) == [("s1", "ann", 1, 4)]
    assert (attendance.places["room"].sockets, attendance.places["room"].dirty) == ({}, {"ann"})


def test_where_nothing_is_on_air_somebody_is_there_and_watches_nothing(attendance: Attendance):
    attendance.joined("room", None, "ann", T0)
    assert (attendance.places["room"].sockets, attendance.opened) == ({"ann": 1}, [])


def test_when_a_session_begins_all_who_wait_watch_it(attendance: Attendance):
    attendance.joined("room", None, "ann", T0)
    attendance.joined("room", "s1", "bob", T0 + 5_000)
    assert stays(followed(attendance).opened) == [("s1", "bob", 5, None), ("s1", "ann", 5, None)]


def test_when_it_is_over_their_stays_are_too(attendance: Attendance):
    attendance.joined("room", "s1", "ann", T0)
    attendance.turned("room", None, T0 + 5_000)
    attendance.left("room", "ann", T0 + 9_000)
    assert stays(attendance.closed) == [("s1", "ann", 0, 5)]


def test_a_turn_is_followed_viewer_by_viewer_and_by_whoever_leaves_at_once(attendance: Attendance):
    crowd = [f"viewer {number}" for number in range(1_000)]
    for viewer_id in crowd:
        attendance.joined("room", None, viewer_id, T0)
    attendance.turned("room", "s1", T0 + 1_000)
    assert attendance.opened == [], "whoever turned it waits for no crowd"
    attendance.left("room", "viewer 7", T0 + 2_000)
    assert stays(attendance.closed) == [("s1", "viewer 7", 1, 2)]
    for step, _ in enumerate(attendance.follow(), start=2):
        assert len(attendance.opened) == step
    assert {i.viewer_id for i in attendance.opened} == set(crowd)
    assert attendance.places["room"].turns == []


def test_several_turns_at_once_are_several_stays(attendance: Attendance):
    attendance.joined("room", "s1", "ann", T0)
    attendance.turned("room", None, T0 + 1_000)
    attendance.joined("room", None, "bob", T0 + 2_000)
    attendance.turned("room", "s2", T0 + 3_000)
    attendance.turned("room", "s3", T0 + 4_000)
    followed(attendance)
    assert sorted(stays(attendance.closed)) == [("s1", "ann", 0, 1), ("s2", "ann", 3, 4), ("s2", "bob", 3, 4)]
    assert sorted(stays(attendance.opened))[-2:] == [("s3", "ann", 4, None), ("s3", "bob", 4, None)]
    attendance.opened.clear()  # stored
    attendance.turned("room", "s4", T0 + 5_000)
    list(attendance.begin_again(at(5)))
    assert {stay[0] for stay in stays(attendance.opened)} == {"s3"}, "they go on as what they were, until they follow"


def test_who_never_came_cannot_leave(attendance: Attendance):
    attendance.left("room", "ann", T0)
    attendance.joined("room", "s1", "bob", T0)
    attendance.left("room", "ann", T0)
    assert (attendance.places["room"].dirty, attendance.closed) == ({"bob"}, [])


def test_a_clock_that_goes_back_makes_no_stay_of_less_than_nothing(attendance: Attendance):
    attendance.joined("room", "s1", "ann", T0 + 5_000)
    attendance.left("room", "ann", T0)
    assert stays(attendance.closed) == [("s1", "ann", 5, 5)]


def test_stays_that_were_stored_go_on_where_they_were_ended_and_the_others_stay_as_they_are(attendance: Attendance):
    attendance.joined("room", "s1", "ann", T0)
    attendance.opened.clear()  # stored
    attendance.joined("room", "s1", "bob", T0 + 8_000)
    list(attendance.begin_again(at(7)))
    assert stays(attendance.opened) == [("s1", "bob", 8, None), ("s1", "ann", 7, None)]


def test_stays_go_on_viewer_by_viewer_and_nobody_who_comes_or_goes_meanwhile_is_there_twice(attendance: Attendance):
    for viewer in ("ann", "bob", "cat"):
        attendance.joined("room", "s1", viewer, T0)
    attendance.opened.clear()  # stored
    steps = attendance.begin_again(at(7))
    next(steps)
    assert stays(attendance.opened) == [("s1", "ann", 7, None)], "others have their turn between two viewers"
    attendance.left("room", "bob", T0 + 8_000)
    attendance.joined("room", "s1", "dan", T0 + 8_000)
    attendance.left("room", "cat", T0 + 8_000)
    attendance.joined("room", "s1", "cat", T0 + 9_000)
    list(steps)
    assert sorted(stays(attendance.opened)) == [("s1", "ann", 7, None), ("s1", "cat", 9, None), ("s1", "dan", 8, None)]


def test_places_are_let_go_once_nothing_is_left_to_tell(attendance: Attendance):
    attendance.joined("room", None, "ann", T0)
    attendance.left("room", "ann", T0)
    attendance.forget_empty()
    assert list(attendance.places) == ["room"]
    attendance.places["room"].dirty.clear()
    attendance.forget_empty()
    assert attendance.places == {}
