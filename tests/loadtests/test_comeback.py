"""The measurement of a room that all comes back: it works, and it would see what goes wrong."""

import json

import pytest

from loadtests.comeback import LOSSES, bench, is_kept
from loadtests.comeback_viewers import Guest, read

KEPT = {
    "live": 50, "still_live": 50, "events_missed": 0, "events_doubled": 0, "behind": 0, "p99_ms": 5_100.0,
}  # fmt: skip


@pytest.mark.long
def test_a_small_room_that_loses_the_network_misses_nothing(tmp_path):
    document = bench(viewers=50, folder=tmp_path)
    assert document["kept"]
    for loss in LOSSES:
        figures = document[loss]
        assert figures["live"] == figures["still_live"] == 50
        assert (figures["events_missed"], figures["events_doubled"], figures["behind"]) == (0, 0, 0)
        assert figures["snapshots"] == 0, "the log reaches back over a few seconds"
        assert 1_000 < figures["p99_ms"] < 10_000, "they come back over five seconds, not at once"


@pytest.mark.parametrize(
    "wrong",
    [
        {"live": 49},
        {"still_live": 49},
        {"events_missed": 1},
        {"events_doubled": 1},
        {"behind": 1},
        {"p99_ms": 10_001},
    ],
)
def test_whatever_goes_wrong_breaks_the_promise(wrong):
    assert is_kept(KEPT, 50)
    assert not is_kept(KEPT | wrong, 50)


def _message(kind: str, seq: int, *events: tuple[int, int], **more: object) -> bytes:
    told = [{"seq": at, "id": "x", "kind": "announced", "body": {"text": str(number)}} for at, number in events]
    room = {"epoch": 7, "seq": seq, "events": told} | more
    return json.dumps({"type": kind} | (room if kind == "joined" else {"rooms": [room]})).encode()


def _guest(*messages: bytes) -> Guest:
    guest = Guest("room", lambda _: None)
    for message in (_message("joined", 4), *messages):
        guest.hear(read(message))
    return guest


def test_whoever_hears_every_number_once_missed_nothing():
    guest = _guest(
        _message("tick", 6, (5, 5), (6, 6)), _message("joined", 8, (7, 7), (8, 8)), _message("tick", 8, (8, 8))
    )
    assert (guest.missed, guest.doubled, guest.number) == (0, 0, 8)


def test_a_number_that_was_left_out_is_missed():
    assert _guest(_message("tick", 7, (5, 5), (7, 7))).missed == 1


def test_a_number_that_comes_as_another_event_is_doubled():
    assert _guest(_message("tick", 6, (5, 5), (6, 5))).doubled == 1


def test_what_only_a_snapshot_has_is_missed_too():
    guest = _guest(_message("joined", 9, snapshot={}), _message("tick", 10, (10, 10)))
    assert (guest.snapshots, guest.missed) == (1, 5)
