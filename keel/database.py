"""Connections to PostgreSQL: SQLAlchemy for the house at large, bare asyncpg pools for placement and long readings."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

import asyncpg
from sqlalchemy import ColumnElement, MetaData, Select, event
from sqlalchemy.engine import URL, AdaptedConnection, make_url
from sqlalchemy.exc import DBAPIError, DisconnectionError
from sqlalchemy.exc import TimeoutError as PoolExhausted
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, InstrumentedAttribute
from sqlalchemy.pool import ConnectionPoolEntry, NullPool

from keel.errors import Unavailable

LOCK_TIMEOUT_MS: Final = 1_000
STATEMENT_TIMEOUT_MS: Final = 2_000
IDLE_TIMEOUT_MS: Final = 5_000
CONNECT_TIMEOUT_S: Final = 2.0
LONG_ANSWER_TIMEOUT_S: Final = 10.0
POOL_SIZE_MAX: Final = 10
STAFF_LOCK_TIMEOUT_MS: Final = 2_000
STAFF_STATEMENT_TIMEOUT_MS: Final = 10_000
STAFF_IDLE_TIMEOUT_MS: Final = 10_000
STAFF_ANSWER_TIMEOUT_S: Final = 12.0  # longer than a statement may take, so that PostgreSQL says first what went wrong
STAFF_POOL_TIMEOUT_S: Final = 2.0
STAFF_PING_TIMEOUT_S: Final = 1.0
_ASKED: Final = "was handed out before"

# What is raised where a server is away, and of that alone: there is nothing to learn from where in our code it was met.
UNREACHABLE: Final = (
    OSError, asyncpg.PostgresConnectionError, asyncpg.CannotConnectNowError, asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
)  # fmt: skip
NOT_MIGRATED: Final = (asyncpg.UndefinedTableError, asyncpg.UndefinedFunctionError, asyncpg.UndefinedColumnError)
TURNED_AWAY: Final = (OSError, asyncpg.PostgresError)  # or away, as above
# Lock, statement and idle timeouts, deadlock, serialization, no connection left, a server that goes down or comes up.
_NOT_NOW: Final = {"55P03", "57014", "25P03", "40P01", "40001", "53300", "57P01", "57P02", "57P03"}
# Given servers plan as our own engines, whose plans are the tested ones: the pages of a sale are in memory. Where they
# are said to be as dear as on a turning disk, all orders of a merchant are read for a few of them.
PLANNER: Final = {"random_page_cost": "1.1", "jit": "off"}
_STAFF_LIMITS: Final[dict[str, Any]] = {
    "command_timeout": STAFF_ANSWER_TIMEOUT_S,
    "server_settings": {
        **PLANNER,
        "application_name": "millpond staff",
        "lock_timeout": str(STAFF_LOCK_TIMEOUT_MS),
        "statement_timeout": str(STAFF_STATEMENT_TIMEOUT_MS),
        "idle_in_transaction_session_timeout": str(STAFF_IDLE_TIMEOUT_MS),
    },
}

Query = TypeVar("Query", bound=Select[*tuple[Any, ...]])
Pool = asyncpg.Pool
Row = asyncpg.Record
Connection = asyncpg.Connection | asyncpg.pool.PoolConnectionProxy


def array_text(values: Iterable[object]) -> str:
    """An array of ids or numbers as PostgreSQL writes it, to be sent as text and cast: asyncpg looks at each element of
    a list in Python, which was a tenth of what an order costs."""
    return f"{{{','.join(map(str, values))}}}"


def quoted_array_text(values: Iterable[str | None]) -> str:
    """The same for texts of any kind (PostgreSQL manual, "Array Input and Output Syntax")."""
    quoted = ("NULL" if v is None else '"' + v.replace("\\", "\\\\").replace('"', '\\"') + '"' for v in values)
    return f"{{{','.join(quoted)}}}"


class Table(DeclarativeBase):
    """Base of every mapped class."""

    metadata = MetaData()


def _asyncpg_url(database_url: str) -> URL:
    return make_url(database_url).set(drivername="postgresql+asyncpg")


def create_engine(database_url: str) -> AsyncEngine:
    """A SQLAlchemy engine over asyncpg for a `postgresql://` URL: staff commands.

    They meet the buyers on hot rows, so nothing here may wait long, nor hold a lock after its client froze.
    """
    engine = create_async_engine(
        _asyncpg_url(database_url),
        pool_timeout=STAFF_POOL_TIMEOUT_S,
        hide_parameters=True,  # an error that is logged with its values would tell whom an order goes to
        connect_args={"timeout": CONNECT_TIMEOUT_S, **_STAFF_LIMITS},
    )
    event.listen(engine.sync_engine, "checkout", _ask_first)
    return engine


def _ask_first(connection: AdaptedConnection, record: ConnectionPoolEntry, _: object) -> None:
    """Whether the server is still there, of a connection that lay idle; one that is gone is replaced.

    SQLAlchemy's own `pool_pre_ping` asks with the patience of a statement: 12 s before a server that stands still.
    """
    if record.info.setdefault(_ASKED, False):
        try:
            connection.run_async(_ping)
        except TimeoutError:
            raise
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as gone:
            raise DisconnectionError from gone
    record.info[_ASKED] = True


async def _ping(connection: asyncpg.Connection) -> None:
    await connection.execute("SELECT", timeout=STAFF_PING_TIMEOUT_S)  # the simple protocol: no plan that a pooler minds


def create_migration_engine(database_url: str) -> AsyncEngine:
    """The same without a pool and without timeouts of statements, whatever the role has: a migration takes as long as
    it takes."""
    return create_async_engine(
        _asyncpg_url(database_url),
        poolclass=NullPool,
        connect_args={"timeout": CONNECT_TIMEOUT_S, "server_settings": {"statement_timeout": "0"}},
    )


def sessions_of(engine: AsyncEngine) -> async_sessionmaker[AsyncSession]:
    """Sessions whose objects stay readable after the commit."""
    return async_sessionmaker(engine, expire_on_commit=False)


@asynccontextmanager
async def transaction(sessions: async_sessionmaker[AsyncSession]) -> AsyncIterator[AsyncSession]:
    """One edge, one commit: the session commits when the block ends well and rolls back when it raises."""
    async with sessions() as session, session.begin():
        yield session


def newest_first(
    query: Query, column: InstrumentedAttribute[str] | ColumnElement[str], *, below: str | None, count: int
) -> Query:
    """A page of a list by id, newest first, for ids grow with time: from `below` the last id of the page before."""
    if below is not None:
        query = query.where(column < below)
    return query.order_by(column.desc()).limit(count)


@asynccontextmanager
async def edge(
    sessions: async_sessionmaker[AsyncSession], *, busy: str = "the database is busy"
) -> AsyncIterator[AsyncSession]:
    """The transaction of one command. Raises Unavailable when locks (`busy`) or PostgreSQL cannot be had in time."""
    try:
        async with transaction(sessions) as session:
            yield session
    except DBAPIError as error:
        if error.connection_invalidated or getattr(error.orig, "sqlstate", None) in _NOT_NOW:
            raise Unavailable(detail=busy) from error
        raise
    except PoolExhausted as error:
        raise Unavailable(detail="this process has no connection left") from error
    except OSError as error:
        raise Unavailable(detail="the database does not answer") from error


async def _keep_as_it_is(_: asyncpg.Connection) -> None:
    """Nothing here changes a connection's session, so nothing is reset: that would cost a round trip per reading."""


def create_hot_pool(
    database_url: str, *, connections: int, application_name: str = "millpond placement"
) -> asyncpg.Pool:
    """A pool whose connections never wait long: a client that stops between two messages must not keep a row locked."""
    return asyncpg.create_pool(
        database_url,
        min_size=0,
        max_size=connections,
        timeout=CONNECT_TIMEOUT_S,
        reset=_keep_as_it_is,
        server_settings={
            **PLANNER,
            "application_name": application_name,
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
        reset=_keep_as_it_is,
        server_settings={
            **PLANNER,
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
