"""The two lanes of a room in Redis: the log, numbered and kept for a while, and the state, told and forgotten.

A *place* is a room, or a session of rehearsal. Its log has an epoch, which is another one whenever the engine may have
forgotten something, and a seq that grows by one with each event. Whoever stopped at a position gets what came after it,
or None: then a snapshot has to make up for it. Every call raises LogSilent when no answer came.
"""

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from keel.clock import Clock
from keel.lua import Script
from live.scene import subject_of

_LUA: Final = Path(__file__).parent / "lua"
EVENTS_MAX: Final = 500
EVENTS_BYTES_MAX: Final = 1_000_000
BODY_BYTES_MAX: Final = 112_000  # above a full shelf of the longest titles in the widest letters, without pictures
SEEN_MAX: Final = 2_000
SUBJECTS_MAX: Final = 1_000
EPOCH_CHANCE: Final = 1024  # tells apart two epochs of one millisecond; ms times this is exact in JavaScript and in Lua


class LogSilent(Exception):
    """No answer from the engine, or it has no memory left: it may have happened, and is safe to repeat."""


@dataclass(frozen=True, slots=True)
class Position:
    """A point in the log of a place."""

    epoch: int
    seq: int


@dataclass(frozen=True, slots=True)
class Event:
    """One event of the log. `body` is a JSON object, encoded once."""

    seq: int
    id: str
    kind: str
    body: bytes


def event_of(entry: bytes) -> Event:
    """An event as the log keeps it."""
    seq, event_id, kind, body = entry.split(b" ", 3)
    return Event(int(seq), event_id.decode(), kind.decode(), body)


def channel_of(place: str) -> str:
    """The name of a place's channel, and the beginning of its keys' names."""
    return f"log:{{room:{place}}}"


def _script(name: str, flags: str = "") -> Script:
    return Script(_LUA / f"{name}.lua", prelude=_LUA / "prelude.lua", flags=flags)


class RoomLog:
    """One engine's view of all places. Stateless: everything lives in the engine."""

    _publish = _script("publish")
    _position = _script("position")
    _since = _script("since", "no-writes")
    _put = _script("put", "allow-oom")

    def __init__(self, redis: Redis, clock: Clock) -> None:
        self._redis, self._clock = redis, clock

    async def publish(self, place: str, event_id: str, kind: str, body: bytes) -> Position:
        """Number an event, keep it and tell it; once per event id. Where the log is after it.

        Raises ValueError for a body above BODY_BYTES_MAX.
        """
        if len(body) > BODY_BYTES_MAX:
            raise ValueError(f"an event of {len(body)} bytes, {BODY_BYTES_MAX} at most")
        limits = EVENTS_MAX, EVENTS_BYTES_MAX, SEEN_MAX, SUBJECTS_MAX
        subject = subject_of(kind, body)
        return _position(
            await self._call(self._publish, channel_of(place), self._epoch(), event_id, kind, body, subject, *limits)
        )

    async def position(self, place: str) -> Position:
        """Where the log is now."""
        return _position(await self._call(self._position, channel_of(place), self._epoch()))

    async def since(self, place: str, after: Position) -> list[Event] | None:
        """What came after a position, oldest first; None when the log cannot tell: then read a snapshot."""
        entries = await self._call(self._since, channel_of(place), after.epoch, after.seq)
        return None if entries is None else [event_of(entry) for entry in entries]

    async def put(self, place: str, kind: str, body: bytes) -> None:
        """Tell a value of the state lane. The latest wins; it is not kept."""
        await self.put_to(channel_of(place), kind, body)

    async def put_to(self, channel: str, kind: str, body: bytes) -> None:
        """The same to a channel that is no place's."""
        if len(body) > BODY_BYTES_MAX:
            raise ValueError(f"a value of {len(body)} bytes, {BODY_BYTES_MAX} at most")
        await self._call(self._put, channel, kind, body)

    def _epoch(self) -> int:
        """The epoch to begin with, should one have to."""
        return self._clock.ms() * EPOCH_CHANCE + secrets.randbelow(EPOCH_CHANCE)

    async def _call(self, script: Script, key: str, *args: str | bytes | int) -> Any:
        try:
            return await script(self._redis, key, *args)
        except (RedisError, OSError, TimeoutError) as error:
            raise LogSilent(type(error).__name__) from error


def _position(reply: list[bytes]) -> Position:
    return Position(int(reply[0]), int(reply[1]))
