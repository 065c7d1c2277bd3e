"""SQL of tallies: a merchant's are begun anew without those of others."""

import asyncpg

from referrals.store_tallies import Tallied, recount, tally, waiting
from tests.referrals.recounted import tallied
from tests.referrals.spread import open_spread


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


_SLOWLY = """
    CREATE FUNCTION slowly() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM pg_sleep(0.5);
        RETURN NULL;
    END $$
"""
