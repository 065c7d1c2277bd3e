"""The log numbers events without gaps, takes each once, forgets the oldest, and says so rather than leave one out."""

import asyncio
import json
from typing import Any

import pytest
from redis.asyncio import Redis

from keel.clock import FakeClock
from keel.ids import Ids
from keel.lua import connect
from live import roomlog
from live.roomlog import Event, LogSilent, Position, RoomLog

PLACE = "01a3185c-9000-7000-8000-000000000001"
OTHER_PLACE = "01a3185c-9000-7000-8000-000000000002"
SALE = {"session_id": "b1", "sale_id": "s1"}
IDS = Ids(FakeClock())


def remark(number: int) -> bytes:
    return json.dumps({"comment_id": f"c{number}"}).encode()


async def say(log: RoomLog, count: int, *, place: str = PLACE) -> list[str]:
    """Publish so many events; their ids."""
    ids = [IDS.new() for _ in range(count)]
    for number, event_id in enumerate(ids):
        await log.publish(place, event_id, "comment.removed", remark(number))
    return ids


async def seqs(log: RoomLog, after: Position, *, place: str = PLACE) -> list[int] | None:
    events = await log.since(place, after)
    return None if events is None else [event.seq for event in events]


async def test_events_are_numbered_from_one_and_come_back_as_they_were(room_log: RoomLog):
    start = await room_log.position(PLACE)
    body = '{"text": "你好 \\u0000 one two"}'.encode()
    event_id = IDS.new()
    end = await room_log.publish(PLACE, event_id, "announced", body)
    assert (start.seq, end) == (0, Position(start.epoch, 1))
    assert await room_log.since(PLACE, start) == [Event(1, event_id, "announced", body)]
    assert await room_log.since(PLACE, end) == []


async def test_an_event_told_twice_is_in_the_log_once(room_log: RoomLog):
    start = await room_log.position(PLACE)
    event_id = IDS.new()
    told = [room_log.publish(PLACE, event_id, "comment.removed", remark(1)) for _ in range(5)]
    ends = await asyncio.gather(*told)
    assert {end.seq for end in ends} == {1}
    assert await seqs(room_log, start) == [1]


async def test_an_event_is_known_again_long_after_it_left_the_log(room_log: RoomLog, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(roomlog, "EVENTS_MAX", 3)
    first, *_ = await say(room_log, 10)
    assert (await room_log.publish(PLACE, first, "comment.removed", remark(0))).seq == 10


async def test_places_do_not_share_their_numbers(room_log: RoomLog):
    await say(room_log, 2)
    await say(room_log, 1, place=OTHER_PLACE)
    assert ((await room_log.position(PLACE)).seq, (await room_log.position(OTHER_PLACE)).seq) == (2, 1)


@pytest.mark.parametrize(
    ("kind", "body", "again"),
    [
        ("pin.set", {"pin_id": "p1"}, {"pin_id": "p2"}),
        ("sale.moved", {**SALE, "state": "open"}, {**SALE, "state": "closed"}),
        ("talk.ruled", {"slow_mode_s": 5}, {"slow_mode_s": 0}),
    ],
)
async def test_what_is_told_late_does_not_undo_what_came_after_it(room_log: RoomLog, kind: str, body: Any, again: Any):
    start = await room_log.position(PLACE)
    older, newer = IDS.new(), IDS.new()
    await room_log.publish(PLACE, newer, kind, json.dumps(again).encode())
    await room_log.publish(PLACE, older, kind, json.dumps(body).encode())
    events = await room_log.since(PLACE, start)
    assert events is not None
    assert [event.id for event in events] == [newer]


async def test_what_is_told_late_of_another_thing_is_told(room_log: RoomLog):
    older, newer = IDS.new(), IDS.new()
    await room_log.publish(PLACE, newer, "sale.moved", json.dumps(SALE).encode())
    assert (await room_log.publish(PLACE, older, "sale.moved", json.dumps(SALE | {"sale_id": "s2"}).encode())).seq == 2


async def test_the_log_keeps_so_many_events_and_says_when_it_does_not_reach_back(
    room_log: RoomLog, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(roomlog, "EVENTS_MAX", 5)
    start = await room_log.position(PLACE)
    await say(room_log, 5)
    assert await seqs(room_log, start) == [1, 2, 3, 4, 5]
    await say(room_log, 1)
    assert await seqs(room_log, start) is None
    assert await seqs(room_log, Position(start.epoch, 1)) == [2, 3, 4, 5, 6]


async def test_the_log_keeps_so_many_bytes(room_log: RoomLog, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(roomlog, "EVENTS_BYTES_MAX", 1_000)
    start = await room_log.position(PLACE)
    for _ in range(20):
        await room_log.publish(PLACE, IDS.new(), "announced", json.dumps({"text": "x" * 300}).encode())
    assert await seqs(room_log, Position(start.epoch, 18)) == [19, 20]
    assert await seqs(room_log, Position(start.epoch, 16)) is None


async def test_a_position_ahead_of_the_log_is_not_covered(room_log: RoomLog):
    start = await room_log.position(PLACE)
    assert await room_log.since(PLACE, Position(start.epoch, 1)) is None
    assert await room_log.since(PLACE, Position(start.epoch - 1, 0)) is None


async def test_a_log_that_was_wiped_begins_another_epoch(room_log: RoomLog, redis: Redis):
    await say(room_log, 3)
    before = await room_log.position(PLACE)
    await redis.flushdb()
    assert await room_log.since(PLACE, before) is None
    after = await room_log.position(PLACE)
    assert (after.epoch != before.epoch, after.seq) == (True, 0)


async def test_everything_that_is_kept_lapses_and_is_bounded(
    room_log: RoomLog, redis: Redis, monkeypatch: pytest.MonkeyPatch
):
    for name in ("EVENTS_MAX", "SEEN_MAX", "SUBJECTS_MAX"):
        monkeypatch.setattr(roomlog, name, 4)
    for number in range(10):
        await room_log.publish(PLACE, IDS.new(), "sale.moved", json.dumps(SALE | {"sale_id": f"s{number}"}).encode())
    found: list[Any] = await redis.keys("*")
    keys = sorted(key.decode() for key in found)
    base = roomlog.channel_of(PLACE)
    assert keys == [f"{base}:{name}" for name in ("events", "latest", "meta", "seen")]
    assert f"{{room:{PLACE}}}" in base
    assert all([await redis.pttl(key) > 0 for key in keys])
    sizes = await redis.llen(f"{base}:events"), await redis.zcard(f"{base}:seen"), await redis.hlen(f"{base}:latest")
    assert sizes == (4, 4, 4)


async def test_a_body_too_large_is_refused_before_it_is_sent(room_log: RoomLog):
    body = b'"' + b"x" * roomlog.BODY_BYTES_MAX + b'"'
    with pytest.raises(ValueError, match="bytes"):
        await room_log.publish(PLACE, IDS.new(), "announced", body)
    with pytest.raises(ValueError, match="bytes"):
        await room_log.put(PLACE, "counts", body)


async def test_an_engine_that_is_not_there_is_silent():
    redis = connect("redis://127.0.0.1:1/0")
    with pytest.raises(LogSilent):
        await RoomLog(redis, FakeClock()).position(PLACE)
    await redis.aclose()
