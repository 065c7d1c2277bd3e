"""Connections have the limits they claim, and one edge is one commit."""

import asyncio
import time
from contextlib import suppress

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from keel.clock import FollowingClock
from keel.database import (
    IDLE_TIMEOUT_MS,
    LOCK_TIMEOUT_MS,
    LONG_ANSWER_TIMEOUT_S,
    PLANNER,
    STAFF_ANSWER_TIMEOUT_S,
    STAFF_IDLE_TIMEOUT_MS,
    STAFF_LOCK_TIMEOUT_MS,
    STAFF_STATEMENT_TIMEOUT_MS,
    STATEMENT_TIMEOUT_MS,
    create_engine,
    create_hot_pool,
    create_migration_engine,
    create_pool,
    database_ms,
    edge,
    sessions_of,
    transaction,
)
from keel.errors import Unavailable
from tests.eventually import eventually_async
from tests.servers import frozen

LIMITS = {
    "lock_timeout": LOCK_TIMEOUT_MS,
    "statement_timeout": STATEMENT_TIMEOUT_MS,
    "idle_in_transaction_session_timeout": IDLE_TIMEOUT_MS,
}
SETTING_MS = "SELECT setting::int FROM pg_settings WHERE name = $1"


async def test_staff_are_told_soon_that_the_database_stands_still_and_served_when_it_goes_on(private_engines):
    engines = private_engines(valkey=False)
    engine = create_engine(engines.database_url)
    sessions = sessions_of(engine)

    async def read() -> int:
        async with edge(sessions) as session:
            return int(await session.scalar(text("SELECT 1")) or 0)

    assert await asyncio.gather(*(read() for _ in range(3))) == [1, 1, 1]
    with frozen(engines.postgres):
        began_s = time.monotonic()
        answers = await asyncio.gather(*(read() for _ in range(3)), return_exceptions=True)
        assert {type(answer) for answer in answers} == {Unavailable}
        assert time.monotonic() - began_s < STAFF_ANSWER_TIMEOUT_S / 2
    assert await asyncio.gather(*(read() for _ in range(3))) == [1, 1, 1]
    await asyncio.to_thread(engines.postgres.kill)
    await asyncio.to_thread(engines.postgres.start, keep_port=True)
    assert await asyncio.gather(*(read() for _ in range(3))) == [1, 1, 1], "nobody is handed a dead connection"
    await engine.dispose()


async def test_every_connection_of_the_hot_pool_has_its_timeouts(database_url):
    async with create_hot_pool(database_url, connections=3) as pool:
        held = [await pool.acquire() for _ in range(3)]
        for connection in held:
            assert {name: await connection.fetchval(SETTING_MS, name) for name in LIMITS} == LIMITS
            assert await connection.fetchval("SHOW application_name") == "millpond placement"
        for connection in held:
            await pool.release(connection)


async def test_the_hot_pool_keeps_its_timeouts_after_a_connection_is_used_again(database_url):
    async with create_hot_pool(database_url, connections=1) as pool:
        for _ in range(3):
            assert await pool.fetchval(SETTING_MS, "lock_timeout") == LOCK_TIMEOUT_MS
        assert await pool.fetchval("SELECT pg_backend_pid()") == await pool.fetchval("SELECT pg_backend_pid()")


async def test_the_hot_pool_never_has_more_connections_than_it_may(database_url):
    async with create_hot_pool(database_url, connections=1) as pool, pool.acquire():
        with pytest.raises(TimeoutError):
            await pool.acquire(timeout=0.05)


async def test_a_lock_that_somebody_holds_is_waited_for_shortly(database_url):
    async with (
        create_hot_pool(database_url, connections=1) as pool,
        create_pool(database_url) as holders,
        holders.acquire() as holder,
        holder.transaction(),
    ):
        await holder.execute("LOCK TABLE merchant IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(asyncpg.LockNotAvailableError):
            await pool.fetch("SELECT FROM merchant")


async def test_long_readings_end_too_and_a_vanished_guard_lets_go(database_url):
    async with create_pool(database_url) as pool:
        assert await pool.fetchval(SETTING_MS, "statement_timeout") == LONG_ANSWER_TIMEOUT_S * 1000
        assert await pool.fetchval(SETTING_MS, "idle_in_transaction_session_timeout") == IDLE_TIMEOUT_MS


async def test_what_we_ask_is_planned_alike_on_every_server(database_url):
    """Unless somebody told it better, one that is given takes a page from memory for one of a turning disk."""
    shown = "SELECT name, setting FROM pg_settings WHERE name IN ('random_page_cost', 'jit')"
    async with create_pool(database_url) as pool, create_hot_pool(database_url, connections=1) as hot:
        name = await pool.fetchval("SELECT current_database()")
        await pool.execute(f"ALTER DATABASE {name} SET random_page_cost = 4")
        await pool.expire_connections()
        engine = create_engine(database_url)
        async with engine.connect() as connection:
            found = [{row[0]: row[1] for row in await one.fetch(shown)} for one in (pool, hot)]
            found += [{row[0]: row[1] for row in await connection.execute(text(shown))}]
        await engine.dispose()
        await pool.execute(f"ALTER DATABASE {name} RESET random_page_cost")
    assert found == [PLANNER] * 3


async def test_a_reading_is_one_round_trip(database_url):
    """Whoever gives a connection back says nothing more over it: each room's board is read once a second."""
    last = "SELECT query FROM pg_stat_activity WHERE pid = $1"
    async with create_pool(database_url) as pool, create_pool(database_url) as watchers:
        pid = await pool.fetchval("SELECT pg_backend_pid()")
        assert await watchers.fetchval(last, pid) == "SELECT pg_backend_pid()"


async def test_database_time_is_in_milliseconds(database_url):
    async with create_pool(database_url) as pool:
        assert await database_ms(pool) == pytest.approx(FollowingClock().ms(), abs=5_000)


async def test_a_pool_opens_no_connection_before_it_is_needed(database_url):
    async with create_pool(database_url) as pool, create_hot_pool(database_url, connections=4) as hot:
        assert (pool.get_size(), hot.get_size()) == (0, 0)


async def test_a_staff_transaction_has_its_limits_and_a_migration_none_of_a_statement(database_url):
    limits = {
        "lock_timeout": STAFF_LOCK_TIMEOUT_MS,
        "statement_timeout": STAFF_STATEMENT_TIMEOUT_MS,
        "idle_in_transaction_session_timeout": STAFF_IDLE_TIMEOUT_MS,
    }
    query = text("SELECT name, setting::int FROM pg_settings WHERE name = ANY (:names)")
    found = []
    for engine in (create_engine(database_url), create_migration_engine(database_url)):
        async with engine.connect() as connection:
            found.append({row[0]: row[1] for row in await connection.execute(query, {"names": list(limits)})})
        await engine.dispose()
    assert found == [limits, dict.fromkeys(limits, 0)]


async def test_a_migration_may_take_longer_than_the_role_grants_a_statement(database_url):
    async with create_pool(database_url) as pool:
        name = await pool.fetchval("SELECT current_database()")
        await pool.execute(f"ALTER DATABASE {name} SET statement_timeout = '1ms'")
        engine = create_migration_engine(database_url)
        async with engine.connect() as connection:
            await connection.execute(text("SELECT count(*) FROM generate_series(1, 200000)"))
        await engine.dispose()
        await pool.execute(f"ALTER DATABASE {name} RESET statement_timeout")


async def test_a_connection_that_died_in_the_pool_is_replaced(database_url):
    engine = create_engine(database_url)
    async with engine.connect() as connection:
        pid = await connection.scalar(text("SELECT pg_backend_pid()"))
    async with create_pool(database_url) as pool:
        await pool.execute("SELECT pg_terminate_backend($1, 5000)", pid)
    async with engine.connect() as connection:
        assert await connection.scalar(text("SELECT pg_backend_pid()")) != pid
    await engine.dispose()


@pytest.fixture
async def sessions(database_url):
    engine = create_engine(database_url)
    async with engine.begin() as connection:
        await connection.execute(text("CREATE TABLE note (said text NOT NULL)"))
    yield sessions_of(engine)
    await engine.dispose()


async def said(sessions) -> list[str]:
    async with transaction(sessions) as session:
        return list(await session.scalars(text("SELECT said FROM note ORDER BY said")))


async def test_a_block_that_ends_well_is_committed_before_the_next_line(sessions):
    async with transaction(sessions) as session:
        await session.execute(text("INSERT INTO note VALUES ('a'), ('b')"))
        assert await said(sessions) == [], "nobody sees it before"
    assert await said(sessions) == ["a", "b"]


async def test_a_block_that_raises_leaves_nothing(sessions):
    async def half_done() -> None:
        async with transaction(sessions) as session:
            await session.execute(text("INSERT INTO note VALUES ('a')"))
            raise LookupError

    with pytest.raises(LookupError):
        await half_done()
    assert await said(sessions) == []


async def test_a_statement_that_fails_takes_the_others_of_its_block_with_it(sessions):
    async def one_good_one_bad() -> None:
        async with transaction(sessions) as session:
            await session.execute(text("INSERT INTO note VALUES ('a')"))
            await session.execute(text("INSERT INTO note VALUES (NULL)"))

    with pytest.raises(DBAPIError):
        await one_good_one_bad()
    assert await said(sessions) == []


async def test_a_forgotten_transaction_is_cut_so_that_its_rows_do_not_stay_locked(database_url):
    async with create_pool(database_url) as watchers, create_hot_pool(database_url, connections=1) as pool:
        connection = await pool.acquire()
        await connection.execute("SET idle_in_transaction_session_timeout = 50")
        await connection.execute("BEGIN; LOCK TABLE merchant")
        pid = connection.get_server_pid()

        async def gone() -> bool:
            return not await watchers.fetchval("SELECT count(*) FROM pg_stat_activity WHERE pid = $1", pid)

        async def told() -> bool:
            with suppress(asyncpg.InterfaceError):  # the pool has taken it back already
                return connection.is_closed()
            return True

        assert await eventually_async(gone)
        assert await eventually_async(told)
        await pool.release(connection)
