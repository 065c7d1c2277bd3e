"""Rooms and sessions in the database, for tests of what happens in them."""

import asyncpg

from keel.clock import FakeClock
from keel.ids import Ids


class Stage:
    """One merchant's rooms."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self.pool, self.clock = pool, FakeClock()
        self.ids = Ids(self.clock)
        self.merchant_id = self.ids.new()

    async def open(self) -> None:
        await self.pool.execute(
            "INSERT INTO merchant (id, name, time_zone, created_at) VALUES ($1, 'Pond', 'Asia/Shanghai', $2)",
            self.merchant_id, self.clock.now(),
        )  # fmt: skip

    async def room(self, title: str = "Tea house") -> str:
        """A new room; its id."""
        room_id = self.ids.new()
        await self.pool.execute(
            "INSERT INTO room (id, merchant_id, title, created_at) VALUES ($1, $2, $3, $4)",
            room_id, self.merchant_id, title, self.clock.now(),
        )  # fmt: skip
        return room_id

    async def session(self, room_id: str, *, rehearsal: bool = False) -> str:
        """A new session; its id."""
        session_id = self.ids.new()
        await self.pool.execute(
            "INSERT INTO session (id, merchant_id, room_id, rehearsal, created_at) VALUES ($1, $2, $3, $4, $5)",
            session_id, self.merchant_id, room_id, rehearsal, self.clock.now(),
        )  # fmt: skip
        return session_id
