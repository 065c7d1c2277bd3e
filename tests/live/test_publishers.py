"""Who is the picture, for every history of calls."""

from typing import Final

from hypothesis import given
from hypothesis.strategies import integers, lists, sampled_from, tuples

from live.publishers import GONE_FOR_MS, GONE_MAX, THERE_FOR_MS, TURNED_AWAY_WITHIN_MS, Change, Publishers

CALLS: Final = lists(tuples(sampled_from(["came", "left", "lives"]), sampled_from("abc"), integers(0, 20_000)))


@given(calls=CALLS)
def test_only_the_pictures_own_leaving_takes_it_away(calls):
    now_ms, publishers = 0, Publishers()
    for name, client, passed_ms in calls:
        now_ms += passed_ms
        before = publishers.client
        change, publishers = getattr(publishers, name)(client, now_ms)
        if change is Change.LEFT:
            assert (name, before, publishers.client) == ("left", client, None)
        elif change is Change.BACK:
            assert (name, before) == ("left", client)
            assert publishers.client not in {None, client, *(gone for gone, _ in publishers.gone)}
        elif change is Change.CAME:
            assert publishers.client == client != before
            assert name == "came" or before is None
        else:
            assert publishers.client == before
        assert Publishers.read(publishers.client, publishers.others) == publishers


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


def test_who_was_turned_away_gives_the_picture_back():
    _, publishers = Publishers().came("on", 0)
    _, both = publishers.came("second", 60_000)
    change, after = both.left("second", 60_000 + TURNED_AWAY_WITHIN_MS)
    assert (change, after.client) == (Change.BACK, "on")
    assert after.left("on", 80_000)[0] is Change.LEFT


def test_nobody_gets_the_picture_back_who_left_or_may_be_dead_for_long():
    both = Publishers().came("on", 0)[1].came("second", 0)[1]
    assert both.left("on", 1)[1].left("second", 2)[0] is Change.LEFT
    assert both.left("second", TURNED_AWAY_WITHIN_MS + 1)[0] is Change.LEFT
    assert both.fell_silent().came("third", 3)[1].left("third", 4)[0] is Change.LEFT


def test_who_says_that_it_is_there_gets_the_picture_back_however_late():
    both = Publishers().came("on", 0)[1].came("second", 0)[1]
    _, both = both.lives("on", 60_000)
    assert both.left("second", 60_000 + THERE_FOR_MS)[0] is Change.BACK
    assert both.left("second", 60_001 + THERE_FOR_MS)[0] is Change.LEFT
