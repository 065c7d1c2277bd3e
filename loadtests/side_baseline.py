"""The baseline under test: `loadtests.baseline` in one process."""

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from uuid import UUID

import asyncpg
from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import create_async_engine

from keel.clock import FollowingClock
from keel.ids import Ids
from loadtests.baseline_tables import Item, Table
from loadtests.http_crowd import crowd_over_http
from loadtests.sides import PRICE, UNITS_PER_CUSTOMER, Buyers, Crowd, Faults, Sale, booked
from loadtests.stack import FD, Plan, Stack
from millpond.crowd_answers import Answer
from millpond.engines import Engines


class BaselineSide:
    """See `loadtests.sides.Side`."""

    name = "baseline"

    def __init__(self, buyers: Buyers, *, pool_size: int | None = None) -> None:
        self._buyers, self._pool_size = buyers, pool_size
        self._ids = Ids(FollowingClock())

    def plan(self) -> Plan:
        """One API process."""
        command = [sys.executable, "-m", "loadtests.baseline", "--fd", FD]
        return Plan(_create_tables, {"api": command}, self._environment)

    def crowd(self, stack: Stack, *, wishes_max: int) -> AbstractAsyncContextManager[Crowd]:
        """Distinct buyers, over HTTP."""
        return crowd_over_http(stack.target, self._buyers)

    def _environment(self, engines: Engines) -> Mapping[str, str]:
        pool = {} if self._pool_size is None else {"BASELINE_POOL_SIZE": str(self._pool_size)}
        urls = {"DATABASE_URL": engines.database_url, "REDIS_URL": engines.redis_url}
        return urls | pool | {"BASELINE_TOKEN_KEY": self._buyers.secret}

    async def open_sale(self, stack: Stack, units: int) -> Sale:
        """A row, and the counters in Valkey."""
        sale = Sale(self._ids.new(), self._ids.new(), units)
        values = UUID(sale.item_id), UUID(self._buyers.merchant_id), UUID(sale.id), PRICE, "CNY", units
        async with _postgres(stack) as connection:
            await connection.copy_records_to_table(Item.__tablename__, records=[values])
        async with _valkey(stack) as redis:
            await redis.hset(
                _sale_key(sale), mapping={"state": "open", "limit": UNITS_PER_CUSTOMER, "free": units, "no": 0}
            )
        return sale

    async def settled(self, stack: Stack, sale: Sale) -> bool:
        """It has nothing that comes later."""
        return True

    async def judged(self, stack: Stack, sale: Sale) -> bool:
        """Nobody asks who brought its buyers."""
        return True

    async def faults(self, stack: Stack, sale: Sale, answers: Sequence[Answer]) -> Faults:
        """From the tables and the counters."""
        async with _postgres(stack) as connection:
            found = await booked(connection, sale, answers)
        async with _valkey(stack) as redis:
            free = int(await redis.hget(_sale_key(sale), "free") or 0)
        oversold = max(0, found.units - sale.units)
        return Faults(oversold, found.lost, found.doubled, leaked=abs(sale.units - found.units - free))


def _sale_key(sale: Sale) -> str:
    return f"shop:{{{sale.id}}}:sale"


def _create_tables(database_url: str) -> None:
    asyncio.run(_create(database_url))


async def _create(database_url: str) -> None:
    engine = create_async_engine(database_url.replace("postgresql://", "postgresql+asyncpg://"))
    async with engine.begin() as connection:
        await connection.run_sync(Table.metadata.create_all)
    await engine.dispose()


@asynccontextmanager
async def _postgres(stack: Stack) -> AsyncIterator["asyncpg.Connection"]:
    connection = await asyncpg.connect(stack.engines.database_url)
    try:
        yield connection
    finally:
        await connection.close()


@asynccontextmanager
async def _valkey(stack: Stack) -> AsyncIterator[Redis]:
    async with Redis.from_url(stack.engines.redis_url) as redis:
        yield redis
