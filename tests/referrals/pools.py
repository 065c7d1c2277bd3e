"""Pools over the real one, for tests of a PostgreSQL that is away, or slow."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from keel.database import Pool
from referrals.gathering import BATCH_MAX


class Fickle:
    """A pool that fails now and then, as told."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self.fails = False
        self.asked = 0

    def acquire(self):
        self.asked += 1
        if self.fails:
            raise OSError("away")
        return self._pool.acquire()

    async def execute(self, statement: str, *args: object) -> None:
        await self._pool.execute(statement, *args)


class Slow:
    """A pool whose PostgreSQL takes only so many visits at a time."""

    def __init__(self, pool: Pool, takes: int = 100) -> None:
        self._pool, self.takes, self.tried, self.statements = pool, takes, list[int](), 0

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator["Slow"]:
        async with self._pool.acquire() as self._connection:
            yield self

    def transaction(self) -> Any:
        return self._connection.transaction()

    async def execute(self, statement: str, *args: Any) -> None:
        self.statements += 1
        if "INSERT INTO touch " in statement:
            self.tried.append(args[0].count(",") + 1)
            if self.tried[-1] > self.takes:
                raise TimeoutError
        await self._connection.execute(statement, *args)


class Sour(Slow):
    """A pool whose PostgreSQL raises an error at the visits of one visitor, of no class that says why."""

    def __init__(self, pool: Pool, visitor_id: str) -> None:
        super().__init__(pool, takes=BATCH_MAX)
        self._visitor_id = visitor_id

    async def execute(self, statement: str, *args: Any) -> None:
        if "INSERT INTO touch " in statement and self._visitor_id in args[3]:
            statement, args = "DO $$ BEGIN RAISE EXCEPTION 'sour'; END $$", ()
        await super().execute(statement, *args)
