"""Sockets are found by whoever is there, under every name that he has or had."""

from typing import Any

from accounts.tokens import Claims
from live.close_codes import CloseCode
from live.crowd import SOCKETS_PER_VIEWER_MAX, Crowd
from live.viewers import Viewer

GUEST = Viewer("a guest")
CUSTOMER = Viewer("a customer", Claims("a customer", "a merchant", 2**40, was=("a guest", "an older one")))


class Line:
    """Stands for a connection."""

    def __init__(self) -> None:
        self.is_open, self.ended = True, list[int]()

    def say(self, message: object) -> None:
        """Bye."""

    def end(self, code: int, reason: str = "") -> None:
        self.ended.append(code)
        self.is_open = False


def line() -> Any:
    return Line()


def test_who_came_under_another_name_is_found_by_both():
    crowd, one, two = Crowd(), line(), line()
    crowd.changed(one, None, GUEST)
    crowd.changed(two, None, CUSTOMER)
    assert list(crowd.of("a guest")) == [one, two]
    assert list(crowd.of("an older one")) == list(crowd.of("a customer")) == [two]
    crowd.changed(one, GUEST, CUSTOMER)
    assert set(crowd.of("a customer")) == {one, two}
    crowd.changed(one, CUSTOMER, None)
    crowd.changed(two, CUSTOMER, None)
    assert [crowd.of(person) for person in ("a guest", "an older one", "a customer")] == [[], [], []]


def test_the_oldest_sockets_of_a_viewer_make_room_and_a_fresh_token_is_no_new_socket():
    crowd, lines = Crowd(), [line() for _ in range(SOCKETS_PER_VIEWER_MAX)]
    for one in lines:
        crowd.changed(one, None, CUSTOMER)
    crowd.changed(lines[0], CUSTOMER, Viewer("a customer", Claims("a customer", "a merchant", 2**41)))
    assert not any(one.ended for one in lines)
    crowd.changed(line(), None, CUSTOMER)
    assert lines[0].ended == [CloseCode.REPLACED]
    assert not any(one.ended for one in lines[1:])
