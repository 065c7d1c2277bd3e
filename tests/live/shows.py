"""Builders for tests of counts: a session on air, gateways that show it, and what the screens are told.

show.come(gateway, *show.viewers(2))
await tick(gateway)
show.log.counts[-1]
"""

from dataclasses import dataclass
from typing import Any

import asyncpg
import msgspec
from redis.asyncio import Redis

from live.headcount import Headcount
from live.presence import Presence
from live.roomlog import RoomLog
from tests.live.stage import Stage


class Told(RoomLog):
    """A room log that remembers what was put."""

    def __init__(self, redis: Redis, clock: Any) -> None:
        super().__init__(redis, clock)
        self.counts: list[dict[str, int]] = []

    async def put(self, place: str, kind: str, body: bytes) -> None:
        await super().put(place, kind, body)
        self.counts.append(msgspec.json.decode(body))


@dataclass
class Show:
    """A session on air, and gateways that show it."""

    stage: Stage
    redis: Redis
    log: Told
    room: str
    session: str

    def gateway(self, *, pool: asyncpg.Pool | None = None, redis: Redis | None = None, **options: Any) -> Presence:
        stage = self.stage
        return Presence(
            pool=pool or stage.pool, headcount=Headcount(redis or self.redis, stage.ids.new(), stage.clock),
            room_log=self.log, ids=stage.ids, clock=stage.clock, **options,
        )  # fmt: skip

    def viewers(self, count: int) -> list[str]:
        return [self.stage.ids.new() for _ in range(count)]

    def come(self, gateway: Presence, *viewers: str) -> None:
        for viewer in viewers:
            gateway.joined(self.room, self.session, viewer, self.stage.clock.ms())

    def go(self, gateway: Presence, *viewers: str) -> None:
        for viewer in viewers:
            gateway.left(self.room, viewer, self.stage.clock.ms())

    async def stays(self) -> list[tuple[str, float, float | None]]:
        """(viewer, from, to), in seconds since the test began."""
        start = self.stage.clock.now()
        rows = await self.stage.pool.fetch("SELECT * FROM watch_interval ORDER BY started_at, id")
        return [
            (str(row["viewer_id"]), _seconds(row["started_at"], start), _seconds(row["ended_at"], start))
            for row in rows
        ]  # fmt: skip


def _seconds(moment: Any, now: Any) -> Any:
    return None if moment is None else (moment - now).total_seconds()


async def tick(gateway: Presence) -> None:
    """A second of a gateway."""
    await gateway.beat()
    await gateway.tell()
