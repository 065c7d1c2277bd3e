"""The law of the room, at a gateway: whatever a viewer was told, and whenever, adds up to what everybody sees."""

import json
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from live.audience import COMMENTS_MAX, RECENT_MAX, SAID_MAX, Audience
from live.feed import LogItem, Resync, StateItem
from live.messages import Joined, Since
from live.roomlog import Event, Position
from live.scene import EMPTY, Scene, fold

PLACE = "01a3185c-5000-7009-8e45-b0f67c226c88"


def event(seq: int) -> Event:
    return Event(seq, f"id-{seq}", "announced", b'{"id":"id-%d","text":"%d","at":"now"}' % (seq, seq))


def heard(*seqs: int, epoch: int = 1) -> LogItem:
    return LogItem(PLACE, Position(epoch, seqs[-1]), [event(seq) for seq in seqs])


def scene_at(seq: int) -> Scene:
    scene: Scene = EMPTY
    for number in range(1, seq + 1):
        scene = fold(scene, "announced", json.loads(event(number).body))
    return scene


def opened(seq: int = 0) -> Audience[str]:
    audience: Audience[str] = Audience(PLACE, "a merchant")
    audience.open(Position(1, seq), scene_at(seq))
    return audience


def ticked(audience: Audience[Any]) -> dict[str, Any] | None:
    part = audience.take_tick()
    return None if part is None else dict(json.loads(part))


class Client:
    """Follows docs/protocol.md to the letter."""

    def __init__(self, joined: Joined) -> None:
        self.seq, self.scene = joined.seq, dict(joined.snapshot or {})

    def take(self, tick: dict[str, Any]) -> None:
        if "snapshot" in tick:
            self.scene = tick["snapshot"]
        for one in tick.get("events", ()):
            if one["seq"] > self.seq:
                assert one["seq"] == self.seq + 1
                self.seq, self.scene = one["seq"], dict(fold(self.scene, one["kind"], one["body"]))
        self.seq = max(self.seq, tick["seq"])


@given(steps=st.lists(st.sampled_from(["event", "tick", "join", "gap"]), max_size=60))
def test_everybody_sees_the_same_whenever_he_came(steps):
    audience, clients, seq = opened(), list[Client](), 0
    for step in [*steps, "tick"]:
        match step:
            case "event":
                seq += 1
                audience.hear(heard(seq))
            case "join":
                audience.viewers[f"viewer {len(clients)}"] = None
                clients.append(Client(audience.joined(None)))
            case "gap":
                seq += 3
                audience.hear(heard(seq))
                assert not audience.is_current
                audience.hear(heard(seq + 1))
                seq += 1
                audience.open(Position(1, seq - 1), scene_at(seq - 1))
            case "tick":
                tick = ticked(audience)
                for client in clients:
                    client.take(tick or {"seq": 0})
    for client in clients:
        assert (client.seq, client.scene) == (seq, scene_at(seq))


def test_events_before_the_snapshot_are_told_to_whoever_comes_back():
    audience: Audience[str] = Audience(PLACE, "a merchant")
    audience.hear(heard(4, 5, 6))
    audience.open(Position(1, 5), scene_at(5), [event(4), event(5), event(6)])
    assert audience.joined(Position(1, 5)).events == []
    assert [one.seq for one in audience.joined(Position(1, 3)).events] == [4, 5]
    assert audience.joined(Position(1, 2)).snapshot == scene_at(5)
    assert [one["seq"] for one in (ticked(audience) or {})["events"]] == [6]


def test_whoever_is_ahead_of_this_gateway_is_told_nothing_twice():
    audience = opened(5)
    ahead = audience.joined(Position(1, 6))
    assert (ahead.snapshot, ahead.events, ahead.seq) == (None, [], 5)
    assert audience.joined(Position(1, 5 + RECENT_MAX + 1)).snapshot is not None


def test_a_resync_holds_everything_back_until_there_is_a_snapshot_and_then_shows_it():
    audience = opened(2)
    audience.viewers["somebody"] = None
    audience.hear(Resync(PLACE))
    assert not audience.is_current
    audience.hear(heard(9))
    assert ticked(audience) is None
    audience.open(Position(2, 9), scene_at(9))
    tick = ticked(audience)
    assert tick is not None
    assert (tick["epoch"], tick["seq"], tick["snapshot"]) == (2, 9, scene_at(9))
    assert ticked(audience) is None


def test_another_epoch_is_a_gap():
    audience = opened(2)
    audience.hear(heard(3, epoch=2))
    assert not audience.is_current


def test_a_flood_of_comments_is_told_as_a_sample_and_the_latest_value_of_the_state():
    audience = opened()
    for number in range(1_000):
        audience.hear(StateItem(PLACE, "comments", b'{"comments":[{"id":"%d"}]}' % number))
        audience.hear(StateItem(PLACE, "counts", b'{"likes":%d}' % number))
    tick = ticked(audience)
    assert tick is not None
    assert tick["state"] == {"counts": {"likes": 999}}
    assert [one["id"] for one in tick["comments"]] == [str(number) for number in range(990, 1_000)]
    assert ticked(audience) is None


def test_a_flood_takes_no_moderators_comment_off_the_screens():
    audience = opened()
    audience.hear(StateItem(PLACE, "comments", b'{"comments":[{"id":"seller","first":true}]}'))
    for number in range(1_000):
        audience.hear(StateItem(PLACE, "comments", b'{"comments":[{"id":"%d"}]}' % number))
    tick = ticked(audience)
    assert tick is not None
    assert [one["id"] for one in tick["comments"]] == ["seller", *(str(number) for number in range(991, 1_000))]
    for number in range(1_000):
        audience.hear(StateItem(PLACE, "comments", b'{"comments":[{"id":"%d","first":true}]}' % number))
    tick = ticked(audience)
    assert tick is not None
    assert len(tick["comments"]) == COMMENTS_MAX


def test_a_value_that_stands_still_is_told_once_and_shown_to_whoever_comes():
    audience = opened()
    audience.hear(StateItem(PLACE, "counts", b'{"online":2}'))
    assert ticked(audience) is not None
    audience.hear(StateItem(PLACE, "counts", b'{"online":2}'))
    assert ticked(audience) is None
    assert audience.joined(None).state == {"counts": msgspec.Raw(b'{"online":2}')}
    audience.hear(StateItem(PLACE, "counts", b'{"online":3}'))
    audience.hear(StateItem(PLACE, "counts", b'{"online":2}'))
    tick = ticked(audience)
    assert tick is not None
    assert tick["state"] == {"counts": {"online": 2}}


def comment(number: int) -> bytes:
    return b'{"id":"c%03d","text":"%d"}' % (number, number)


def sample(*numbers: int) -> StateItem:
    return StateItem(PLACE, "comments", b'{"comments":[%s]}' % b",".join(map(comment, numbers)))


def removal(seq: int, number: int) -> LogItem:
    body = b'{"comment_id":"c%03d"}' % number
    return LogItem(PLACE, Position(1, seq), [Event(seq, f"id-{seq}", "comment.removed", body)])


def read_by_whoever_comes(audience: Audience[Any]) -> list[int]:
    answer = json.loads(audience.welcome(None, None))
    return [int(one["text"]) for one in answer.get("comments", ())]


def test_whoever_comes_in_reads_what_was_said_last():
    audience: Audience[str] = Audience(PLACE, "a merchant")
    audience.hear(sample(3, 4))
    audience.open(Position(1, 0), EMPTY, [], [comment(1), comment(2), comment(3)])
    assert read_by_whoever_comes(audience) == [1, 2, 3, 4]
    for number in range(5, 100):
        audience.hear(sample(number))
        ticked(audience)
    assert read_by_whoever_comes(audience) == list(range(100 - SAID_MAX, 100))


def test_what_was_removed_is_read_by_nobody_whichever_is_heard_first():
    audience = opened()
    audience.hear(sample(1, 2, 3))
    audience.hear(removal(1, 2))
    ticked(audience)
    assert read_by_whoever_comes(audience) == [1, 3]
    audience.hear(removal(2, 4))
    ticked(audience)
    audience.hear(sample(4, 5))
    assert read_by_whoever_comes(audience) == [1, 3, 5]
    audience.hear(Resync(PLACE))
    audience.open(Position(1, 9), {**EMPTY, "removed": ["c003"]}, [], [comment(1), comment(5)])
    assert read_by_whoever_comes(audience) == [1, 5]


def test_a_crowd_that_is_shown_the_room_anew_is_answered_alike_wherever_it_was():
    audience = opened(5)
    shown = audience.welcome(None, None)
    assert all(audience.welcome(Since(2, seq), None) is shown for seq in range(200))
    assert audience.welcome(Since(1, 5), None) is not shown


def test_a_crowd_from_one_place_is_answered_alike_and_each_with_his_own_ref():
    audience = opened(5)
    for seq in (6, 7):
        audience.hear(heard(seq))
    assert json.loads(audience.welcome(Since(1, 4), None))["seq"] == 5, "what was told by now"
    ticked(audience)
    first, second = audience.welcome(Since(1, 5), None), audience.welcome(Since(1, 5), None)
    assert first is second
    assert [one["seq"] for one in json.loads(first)["events"]] == [6, 7]
    assert json.loads(audience.welcome(Since(1, 5), 'mine "1"')) == json.loads(first) | {"ref": 'mine "1"'}
    audience.hear(StateItem(PLACE, "counts", b'{"likes":1}'))
    assert json.loads(audience.welcome(Since(1, 5), None))["state"] == {"counts": {"likes": 1}}
