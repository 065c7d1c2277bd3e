"""Who is connected now, in Redis: exact, each viewer once, and without the viewers of gateways that fell silent."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

from keel.clock import Clock
from keel.lua import Script
from live.roomlog import LogSilent

BEAT_EVERY_S: Final = 1.0
SILENT_MS: Final = 2_500  # then another gateway's beat, its word and its frame, and what clocks differ: 5 s in all
PIECE: Final = 1_000  # viewers in one call; the engine is busy with them for some 2 ms

_pack = msgspec.msgpack.Encoder().encode


@dataclass(frozen=True, slots=True)
class Counted:
    """What a gateway is told: whether it is known there, who tells the counts, and how many viewers are online."""

    is_known: bool
    is_speaker: bool
    online: int


class Headcount:
    """One engine's count of all places, for one gateway. Every call raises LogSilent when no answer came."""

    _attend = Script(Path(__file__).parent / "lua" / "attend.lua")

    def __init__(self, redis: Redis, gateway: str, clock: Clock) -> None:
        self._redis, self._gateway, self._clock = redis, gateway, clock

    async def beat(self, place: str, came: Sequence[str], gone: Sequence[str]) -> Counted:
        """This gateway is there; these viewers came to it and went since it was last heard."""
        counted = await self._call(place, self._gateway, "beat", came[:PIECE], gone[:PIECE])
        for start in range(PIECE, max(len(came), len(gone)), PIECE):
            part = slice(start, start + PIECE)
            counted = await self._call(place, self._gateway, "beat", came[part], gone[part])
        return counted

    async def whole(self, place: str, viewers: Sequence[str]) -> Counted:
        """These and no others are at this gateway."""
        counted = await self._call(place, self._gateway, "whole", viewers[:PIECE], ())
        return await self.beat(place, viewers[PIECE:], ()) if len(viewers) > PIECE else counted

    async def leave(self, place: str) -> None:
        """Nobody is at this gateway any more."""
        await self._call(place, self._gateway, "leave", (), ())

    async def online(self, place: str) -> int:
        """How many viewers are connected, for whoever asks."""
        return (await self._call(place, "", "look", (), ())).online

    async def _call(self, place: str, gateway: str, mode: str, came: Sequence[str], gone: Sequence[str]) -> Counted:
        packed = _pack((gateway, mode, self._clock.ms(), SILENT_MS, came, gone))
        while True:
            try:
                word, online, is_speaker = await self._attend(self._redis, f"presence:{{room:{place}}}", packed)
            except (RedisError, OSError, TimeoutError) as error:
                raise LogSilent(type(error).__name__) from error
            if word != b"more":
                return Counted(is_known=word == b"ok", is_speaker=bool(is_speaker), online=online)
