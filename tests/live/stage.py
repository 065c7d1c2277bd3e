"""Rooms and sessions in the database, for tests of what happens in them."""

from typing import Any

import asyncpg

from keel.clock import FakeClock, rfc3339, to_ms
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

    async def sale(self, session_id: str, *, state: str = "scheduled") -> str:
        """A new sale, linked to a session; its id."""
        sale_id = self.ids.new()
        await self.pool.execute(
            "INSERT INTO sale (id, merchant_id, title, kind, state, currency, hold_ttl_s, created_at) "
            "VALUES ($1, $2, 'Cups', 'flash', $3, 'CNY', 900, $4)",
            sale_id, self.merchant_id, state, self.clock.now(),
        )  # fmt: skip
        await self.pool.execute(
            "INSERT INTO session_sale (merchant_id, session_id, sale_id) VALUES ($1, $2, $3)",
            self.merchant_id, session_id, sale_id,
        )  # fmt: skip
        return sale_id

    async def unlink(self, connection: Any, session_id: str, sale_id: str) -> None:
        """Take a sale out of a session."""
        await connection.execute("DELETE FROM session_sale WHERE session_id = $1 AND sale_id = $2", session_id, sale_id)

    async def link_again(self, session_id: str, sale_id: str, *, link_no: int) -> None:
        """Take a sale into a session, out of which it was taken where it was in."""
        await self.unlink(self.pool, session_id, sale_id)
        await self.pool.execute(
            "INSERT INTO session_sale (merchant_id, session_id, sale_id, link_no) VALUES ($1, $2, $3, $4)",
            self.merchant_id, session_id, sale_id, link_no,
        )  # fmt: skip

    async def move_sale(self, sale_id: str, state: str) -> None:
        """As inventory does: every change has a version above the last."""
        await self.pool.execute("UPDATE sale SET state = $2, version = version + 1 WHERE id = $1", sale_id, state)

    async def move_session(self, connection: Any, session_id: str, state: str) -> dict[str, Any]:
        """As rooms do, in a transaction; the body of what the screens are told."""
        now = self.clock.now()
        row = await connection.fetchrow(
            "UPDATE session SET state = $2, started_at = $3, "
            "ended_at = CASE WHEN $2 = 'ended' THEN $3::timestamptz END WHERE id = $1 RETURNING *",
            session_id, state, now,
        )  # fmt: skip
        await connection.execute(
            "INSERT INTO session_history (id, merchant_id, session_id, source, target, reason, actor, at) "
            "VALUES ($1, $2, $3, 'x', $4, 'hand', 'test', $5)",
            self.ids.new(), self.merchant_id, session_id, state, now,
        )  # fmt: skip
        body = {"session_id": session_id, "state": state, "at": rfc3339(to_ms(now))}
        return body | {"title": row["title"], "rehearsal": row["rehearsal"]}
