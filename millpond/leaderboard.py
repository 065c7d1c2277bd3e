"""The board of sharers, on the state lane of every room in which something can be bought now.

`live` knows of no shares, and `referrals` of no rooms' screens, so they meet here: a worker reads the tallies and tells
the latest. A name is shown by its first sign; who sees his own place knows it by his id.
"""

import logging
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

from keel.database import Pool
from live.roomlog import LogSilent, RoomLog
from referrals import leading
from referrals.spreading import Leader, Selling, masked

log = logging.getLogger(__name__)

LEADERBOARD: Final = "leaderboard"
TELL_EVERY_S: Final = 1.0
APART_MS: Final = 900  # between two tellings of one room, whoever tells; less than a tick, which is never quite even

_encode: Final = msgspec.json.Encoder(order="sorted").encode


@dataclass(frozen=True, slots=True)
class Leaderboard:
    """A worker's tick, every TELL_EVERY_S."""

    pool: Pool
    redis: Redis
    room_log: RoomLog

    async def tick(self) -> None:
        """Tell every room that sells. A silent Redis is left to the next tick: the latest wins."""
        for room in await leading.selling(self.pool):
            try:
                if await self._is_due(room.room_id):
                    await self._tell(room)
            except (LogSilent, RedisError, OSError, TimeoutError) as silence:
                log.warning("the board of room %s: %s", room.room_id, type(silence).__name__)

    async def _is_due(self, room_id: str) -> bool:
        key = f"leaderboard:{{room:{room_id}}}"
        return bool(await self.redis.set(key, b"", nx=True, px=APART_MS))

    async def _tell(self, room: Selling) -> None:
        leaders = await leading.leaders(self.pool, room.merchant_id, room.session_id)
        if leaders:
            body = _encode({"session_id": room.session_id, "sharers": [_shown(leader) for leader in leaders]})
            await self.room_log.put(room.room_id, LEADERBOARD, body)


def _shown(leader: Leader) -> dict[str, Any]:
    return {
        "id": leader.sharer_id,
        "name": masked(leader.name),
        "buyers": leader.buyers,
        "viewers": leader.viewers,
        "visitors": leader.visitors,
    }
