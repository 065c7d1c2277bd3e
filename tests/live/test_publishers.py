"""Who is the picture, for every history of calls."""

from typing import Final

from hypothesis import given
from hypothesis.strategies import integers, lists, sampled_from, tuples

from live.publishers import GONE_FOR_MS, GONE_MAX, Change, Publishers

CALLS: Final = lists(tuples(sampled_from(["came", "left", "lives"]), sampled_from("abc"), integers(0, 9_000)))


@given(calls=CALLS)
def test_only_the_pictures_own_leaving_takes_it_away(calls):
    now_ms, publishers = 0, Publishers()
    for name, client, passed_ms in calls:
        now_ms += passed_ms
        before = publishers.client
        change, publishers = getattr(publishers, name)(client, now_ms)
        if change is Change.LEFT:
            assert (name, before, publishers.client) == ("left", client, None)
        elif change is Change.CAME:
            assert publishers.client == client != before
            assert name == "came" or before is None
        else:
            assert publishers.client == before
        assert Publishers.read(publishers.client, [list(entry) for entry in publishers.gone]) == publishers


@given(calls=CALLS, passed_ms=integers(0, GONE_FOR_MS))
def test_who_left_does_not_come_again_for_a_while(calls, passed_ms):
    publishers = Publishers()
    for name, client, _ in calls:
        publishers = getattr(publishers, name)(client, 0)[1]
    _, publishers = publishers.left("a", 0)
    assert publishers.came("a", passed_ms)[0] is Change.SHUT_OUT
    assert publishers.lives("a", passed_ms)[0] is Change.NOTHING
    assert publishers.came("a", GONE_FOR_MS + 1)[0] is Change.CAME


def test_the_memory_of_who_left_is_bounded():
    publishers = Publishers()
    for number in range(GONE_MAX * 3):
        _, publishers = publishers.left(str(number), number)
    assert [client for client, _ in publishers.gone] == [str(n) for n in range(GONE_MAX * 2, GONE_MAX * 3)]
    _, publishers = publishers.left("late", GONE_FOR_MS * 2)
    assert publishers.gone == (("late", GONE_FOR_MS * 2),)


def test_who_fell_silent_may_speak_up_again():
    _, publishers = Publishers().came("a", 0)
    silent = publishers.fell_silent()
    assert silent.client is None
    assert silent.lives("a", 1)[0] is Change.CAME
