"""SQL of who watched: to note who left costs the same in a full room, though nobody counted it since it filled."""

import asyncpg

from keel.database import array_text
from live import store_presence
from tests.plans import rows_read
from tests.rushes import COUNTED, NOW, ORDERS, id_of, rush

LEFT = range(1, ORDERS, ORDERS // 10)


@COUNTED
async def test_those_who_left_are_looked_for_and_not_all_who_are_there(database_url: str, counted: str):
    ids = array_text(id_of(n) for n in LEFT)
    async with asyncpg.create_pool(database_url, min_size=0) as pool, pool.acquire() as connection:
        await rush(connection, counted)
        assert await rows_read(connection, store_presence._CLOSE, ids, [NOW] * len(LEFT)) < 5 * len(LEFT)
