"""Workers look at what becomes of orders from where the workers of before had come."""

import asyncio
from datetime import UTC, datetime, timedelta

import asyncpg

from migrations import upgrade
from tests.databases import Databases

NEWEST = datetime(2026, 3, 1, 12, tzinfo=UTC)
MOVE = """
    INSERT INTO order_history (merchant_id, order_id, state, at, actor)
    VALUES (gen_random_uuid(), gen_random_uuid(), $1, $2, 'hua')
"""


async def test_of_a_long_history_the_last_day_is_looked_at(databases: Databases):
    with databases.copied() as name:
        url = databases.url_of(name)
        await asyncio.to_thread(upgrade, url, "0013")
        connection = await asyncpg.connect(url)
        for state, days in (("paid", 300), ("expired", 0), ("shipped", -5)):
            await connection.execute(MOVE, state, NEWEST - timedelta(days=days))
        await asyncio.to_thread(upgrade, url, "0014")
        assert await connection.fetchval("SELECT until FROM order_moves_seen") == NEWEST - timedelta(days=1)
        await connection.close()
