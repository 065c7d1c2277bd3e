"""All of talk's Redis: the pace of speakers over several gateways, and likes.

Mutes, bans and rules are not here. Redis may forget, and somebody who was banned must not come back by that: those are
read from PostgreSQL every second (live.talk_book), as who is shut out is. What stands here may be forgotten: then
somebody speaks a little too soon.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Literal

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

from keel.lua import Script

TOKEN_MS: Final = 1_500  # a comment each…
BURST: Final = 4  # …and so many at once
SAME_MS: Final = 30_000
SPEAKERS_MAX: Final = 64  # of one call: whoever waits for it is woken in one stretch
LIKES_TTL_S: Final = 90 * 86_400

_pack = msgspec.msgpack.Encoder().encode
Verdict = tuple[Literal["ok", "slow", "fast", "repeated"], int]
_verdicts: Final = msgspec.msgpack.Decoder(list[Verdict])


class TalkSilent(Exception):
    """Redis gave no answer: what was asked may have counted, or not."""


class TalkGate:
    """One engine's view of who spoke when. Stateless: everything lives in the engine."""

    _pace = Script(Path(__file__).parent / "lua" / "pace.lua")
    _unsay = Script(Path(__file__).parent / "lua" / "unsay.lua")

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def pace(
        self, room_id: str, speakers: Sequence[tuple[str, str]], *, now_ms: int, slow_mode_s: int
    ) -> list[Verdict]:
        """A verdict for each (viewer, digest of the text), in order, with the ms to wait. Raises TalkSilent."""
        asked = _pack((now_ms, slow_mode_s * 1_000, TOKEN_MS, BURST, SAME_MS, speakers))
        try:
            reply: bytes = await self._pace(self._redis, f"talk:{{room:{room_id}}}", asked)
        except (RedisError, OSError, TimeoutError) as error:
            raise TalkSilent(type(error).__name__) from error
        return _verdicts.decode(reply)

    async def unsay(self, room_id: str, speakers: Sequence[tuple[str, str]]) -> None:
        """What these (viewer, digest of the text) were let say came to nothing: they may say it again.

        Raises TalkSilent.
        """
        try:
            await self._unsay(self._redis, f"talk:{{room:{room_id}}}", _pack((TOKEN_MS, speakers)))
        except (RedisError, OSError, TimeoutError) as error:
            raise TalkSilent(type(error).__name__) from error

    async def like(self, counts: Mapping[str, int]) -> None:
        """Add likes to sessions, one increment each. Raises TalkSilent."""
        for session_id, count in counts.items():
            try:
                if await self._redis.incrby(_likes(session_id), count) == count:
                    await self._redis.expire(_likes(session_id), LIKES_TTL_S)
            except (RedisError, OSError, TimeoutError) as error:
                raise TalkSilent(type(error).__name__) from error

    async def likes(self, session_id: str) -> int:
        """The likes of a session so far. Raises TalkSilent."""
        try:
            return int(await self._redis.get(_likes(session_id)) or 0)
        except (RedisError, OSError, TimeoutError) as error:
            raise TalkSilent(type(error).__name__) from error


def _likes(session_id: str) -> str:
    return f"likes:{{session:{session_id}}}"
