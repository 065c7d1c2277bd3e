"""Pools over the real one, for tests of a PostgreSQL that is away, or slow."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from keel.database import Pool


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
