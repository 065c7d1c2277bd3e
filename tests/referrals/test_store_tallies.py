"""SQL of tallies: a merchant's are begun anew without those of others."""

import asyncpg

from referrals import store_tallies
from referrals.store_tallies import Tallied, recount, tally, waiting
from tests.plans import rows_read
from tests.referrals.recounted import tallied
from tests.referrals.spread import open_spread
from tests.rushes import COUNTED, MERCHANT, NOW, rush


async def test_beginning_anew_leaves_other_merchants_alone(database_url, redis_url):
    async with open_spread(database_url, redis_url) as ours, open_spread(database_url, redis_url) as theirs:
        for spread in (ours, theirs):
            await spread.visit("mei", await spread.share("hua"))
        pool = ours.grove.shop.pool
        now, merchants = ours.grove.shop.clock.now(), [ours.grove.merchant_id, theirs.grove.merchant_id]
        assert await waiting(pool) == sorted(merchants)
        assert await tally(pool, merchants[0], 1, now) == Tallied(1, None)
        await ours.tally()
        assert await waiting(pool) == []
        before = await tallied(ours), await tallied(theirs)
        await recount(pool, ours.grove.merchant_id)
        assert await tallied(ours) == {}
        assert await tallied(theirs) == before[1]
        await ours.tally()
        assert await tallied(ours) == before[0]


async def test_beginning_anew_may_take_longer_than_other_statements(database_url, redis_url):
    async with open_spread(database_url, redis_url) as spread:
        await spread.share("hua")
        await spread.tally()
        await spread.run(_SLOWLY)
        await spread.run("CREATE TRIGGER slowly BEFORE DELETE ON tree_node EXECUTE FUNCTION slowly()")
        limits = {"statement_timeout": "200"}
        async with asyncpg.create_pool(database_url, command_timeout=0.2, server_settings=limits) as pool:
            await recount(pool, spread.grove.merchant_id)
        assert await tallied(spread) == {}


@COUNTED
async def test_what_is_due_costs_the_same_however_many_orders_there_were_before(database_url: str, counted: str):
    """The last of them, when all others are counted; and so many at once as are taken in a rush."""
    async with asyncpg.create_pool(database_url, min_size=0) as pool, pool.acquire() as connection:
        await rush(connection, counted)
        assert await rows_read(connection, store_tallies._TALLY, MERCHANT, 1_000, NOW, None) < 100 * 1_000
        left = await connection.fetchval("SELECT count(*) FROM tree_due")
        await connection.fetch(store_tallies._TALLY, MERCHANT, left - 100, NOW, None)
        assert await rows_read(connection, store_tallies._TALLY, MERCHANT, 100, NOW, None) < 100 * 100


_SLOWLY = """
    CREATE FUNCTION slowly() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM pg_sleep(0.5);
        RETURN NULL;
    END $$
"""
