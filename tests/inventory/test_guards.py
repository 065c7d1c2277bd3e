"""One rebuild of a segment at a time, anywhere; any number of segments on one connection."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from inventory.faults import LedgerFault, NotSent
from inventory.guards import Guards
from keel.database import Pool, create_pool

SALE = "0197f3a0-0000-7000-8000-00000000000"


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    async with create_pool(database_url) as pool:
        yield pool


async def locks(pool: Pool) -> int:
    """Advisory locks that anybody holds in this database."""
    held: int = await pool.fetchval(
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database"
        " WHERE datname = current_database())"
    )
    return held


async def test_a_segment_is_guarded_against_every_process_and_itself(pool: Pool):
    ours, theirs = Guards(pool), Guards(pool)
    async with ours.guarding(SALE + "1", 0) as first:
        async with ours.guarding(SALE + "1", 0) as again, theirs.guarding(SALE + "1", 0) as other:
            assert (first, again, other) == (True, False, False)
        async with theirs.guarding(SALE + "1", 1) as another_segment:
            assert another_segment
    async with theirs.guarding(SALE + "1", 0) as later:
        assert later
    assert await locks(pool) == 0


async def test_a_hundred_rebuilds_share_one_connection(pool: Pool):
    guards = Guards(pool)
    async with AsyncExitStack() as stack:
        for number in range(100):
            assert await stack.enter_async_context(guards.guarding(SALE + "1", number))
        assert await locks(pool) == 100
        assert pool.get_size() - pool.get_idle_size() == 1
    assert await locks(pool) == 0


async def test_nobody_joins_once_one_is_through_or_the_locks_would_never_end(pool: Pool):
    guards = Guards(pool)
    async with guards.guarding(SALE + "1", 0):
        async with guards.guarding(SALE + "2", 0):
            pass
        async with guards.guarding(SALE + "3", 0) as third:
            assert third
            assert pool.get_size() - pool.get_idle_size() == 2
        async with guards.guarding(SALE + "2", 0) as held_until_the_first_is_through:
            assert not held_until_the_first_is_through
    async with guards.guarding(SALE + "2", 0) as free:
        assert free


async def test_a_refused_rebuild_keeps_no_connection(pool: Pool):
    ours, theirs = Guards(pool), Guards(pool)
    async with ours.guarding(SALE + "1", 0), theirs.guarding(SALE + "1", 0) as other:
        assert not other
        assert pool.get_size() - pool.get_idle_size() == 1


async def test_a_guard_whose_connection_breaks_ends_quietly(pool: Pool, caplog: pytest.LogCaptureFixture):
    guards = Guards(pool)
    with caplog.at_level(logging.WARNING):
        async with guards.guarding(SALE + "1", 0) as mine:
            assert mine
            await pool.execute("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'")
            with pytest.raises(LedgerFault):
                async with guards.guarding(SALE + "2", 0):
                    pass
            async with guards.guarding(SALE + "3", 0) as next_cohort:
                assert next_cohort
    assert "was gone" in caplog.text


async def test_a_ledger_that_is_not_there_is_a_fault_of_the_ledger():
    async with create_pool("postgresql://nobody@127.0.0.1:1/none") as nowhere, asyncio.timeout(10):
        with pytest.raises(NotSent):
            async with Guards(nowhere).guarding(SALE + "1", 0):
                pass
