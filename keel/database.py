"""Connections to PostgreSQL: SQLAlchemy for the house at large, bare asyncpg pools for placement and long readings."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import asyncpg
from sqlalchemy import MetaData
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase

LOCK_TIMEOUT_MS: Final = 1_000
STATEMENT_TIMEOUT_MS: Final = 2_000
IDLE_TIMEOUT_MS: Final = 5_000
CONNECT_TIMEOUT_S: Final = 2.0
LONG_ANSWER_TIMEOUT_S: Final = 10.0
POOL_SIZE_MAX: Final = 10


Pool = asyncpg.Pool
Row = asyncpg.Record
Connection = asyncpg.Connection | asyncpg.pool.PoolConnectionProxy


class Table(DeclarativeBase):
    """Base of every mapped class."""

    metadata = MetaData()


def create_engine(database_url: str, **options: Any) -> AsyncEngine:
    """A SQLAlchemy engine over asyncpg for a `postgresql://` URL."""
    url = make_url(database_url).set(drivername="postgresql+asyncpg")
    return create_async_engine(url, connect_args={"timeout": CONNECT_TIMEOUT_S}, **options)


def sessions_of(engine: AsyncEngine) -> async_sessionmaker[AsyncSession]:
    """Sessions whose objects stay readable after the commit."""
    return async_sessionmaker(engine, expire_on_commit=False)


@asynccontextmanager
async def transaction(sessions: async_sessionmaker[AsyncSession]) -> AsyncIterator[AsyncSession]:
    """One edge, one commit: the session commits when the block ends well and rolls back when it raises."""
    async with sessions() as session, session.begin():
        yield session


async def _keep_as_it_is(_: asyncpg.Connection) -> None:
    """Nothing here changes a connection's session, so nothing is reset: that would cost a round trip per batch."""


def create_hot_pool(database_url: str, *, connections: int) -> asyncpg.Pool:
    """A pool whose connections never wait long: a client that stops between two messages must not keep a row locked."""
    return asyncpg.create_pool(
        database_url,
        min_size=0,
        max_size=connections,
        timeout=CONNECT_TIMEOUT_S,
        reset=_keep_as_it_is,
        server_settings={
            "application_name": "millpond placement",
            "lock_timeout": str(LOCK_TIMEOUT_MS),
            "statement_timeout": str(STATEMENT_TIMEOUT_MS),
            "idle_in_transaction_session_timeout": str(IDLE_TIMEOUT_MS),
        },
    )


def create_pool(database_url: str) -> asyncpg.Pool:
    """A pool for long readings and guards: rebuild, relay, audit.

    A call without an answer ends too, or a loop would wait for ever on a dead connection; and a process that vanished
    inside a transaction does not keep its locks (a lane of the outbox, say) until TCP notices.
    """
    return asyncpg.create_pool(
        database_url,
        min_size=0,
        max_size=POOL_SIZE_MAX,
        timeout=CONNECT_TIMEOUT_S,
        command_timeout=LONG_ANSWER_TIMEOUT_S,
        server_settings={
            "application_name": "millpond",
            "statement_timeout": str(round(LONG_ANSWER_TIMEOUT_S * 1000)),
            "idle_in_transaction_session_timeout": str(IDLE_TIMEOUT_MS),
        },
    )


# house: engine-clock because this is the reference that keel.clock follows
_CLOCK_MS: Final = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint"


async def database_ms(pool: asyncpg.Pool) -> int:
    """PostgreSQL's clock, in ms since 1970. The one place that asks a database for the time."""
    return int(await pool.fetchval(_CLOCK_MS))
