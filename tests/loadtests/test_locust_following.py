"""What a viewer of a load test calls missed: a number that the gateway went over, and nothing else."""

from typing import Any

import pytest

from loadtests.locust_following import EventMissed, Following


def room(seq: int, *events: int, epoch: int = 1, **more: Any) -> dict[str, Any]:
    return {"epoch": epoch, "seq": seq, "events": [{"seq": number} for number in events], **more}


def seqs(events: list[dict[str, Any]]) -> list[int]:
    return [event["seq"] for event in events]


def here(epoch: int = 1, seq: int = 5) -> Following:
    return Following(epoch, seq)


def test_who_is_new_begins_with_a_snapshot():
    following = Following()
    assert following.since is None
    assert following.take(room(7, snapshot={})) == []
    assert following.since == {"epoch": 1, "seq": 7}


def test_events_in_order_are_news_and_what_is_known_is_passed_over():
    following = here()
    assert seqs(following.take(room(7, 6, 7))) == [6, 7]
    assert seqs(following.take(room(8, 7, 8))) == [8]
    assert following.take(room(8)) == []
    assert following.take(room(7)) == [], "of a slower gateway"
    assert following.since == {"epoch": 1, "seq": 8}


@pytest.mark.parametrize(
    "told",
    [
        room(7, 7),
        room(8, 6, 8),
        room(6),
        room(7, 6),
        room(6, 6, epoch=2),
        room(5, epoch=2),
    ],
)
def test_a_gap_is_missed_and_told_once(told):
    following = here()
    with pytest.raises(EventMissed):
        following.take(told)
    assert following.since == {"epoch": told["epoch"], "seq": told["seq"]}
    assert seqs(following.take(room(told["seq"] + 1, told["seq"] + 1, epoch=told["epoch"]))) == [told["seq"] + 1]


def test_nobody_begins_without_a_snapshot():
    with pytest.raises(EventMissed):
        Following().take(room(1, 1))


def test_another_epoch_comes_with_a_snapshot():
    following = here()
    assert following.take(room(2, epoch=2, snapshot={})) == []
    assert following.since == {"epoch": 2, "seq": 2}
