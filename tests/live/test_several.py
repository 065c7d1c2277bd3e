"""Who is in several rooms, and together with whom."""

from typing import Any

from live.several import Several

ANN: Any = "ann"
BOB: Any = "bob"


def test_who_is_in_the_same_rooms_is_one_group_whatever_came_first():
    several = Several()
    several.moved(ANN, ["a"])
    assert several.groups() == []
    several.moved(ANN, ["a", "b"])
    several.moved(BOB, ["b", "a"])
    assert several.groups() == [(frozenset("ab"), [ANN, BOB])]
    several.moved(BOB, ["a", "b", "c"])
    assert several.places() == {ANN: frozenset("ab"), BOB: frozenset("abc")}


def test_who_is_in_one_room_is_in_no_group():
    several = Several()
    several.moved(ANN, ["a", "b"])
    before = several.places()
    several.moved(ANN, ["b"])
    several.moved(BOB, [])
    assert (several.groups(), several.places()) == ([], {})
    assert before == {ANN: frozenset("ab")}, "what stood then"
