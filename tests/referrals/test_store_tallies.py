"""SQL of tallies: a merchant's are begun anew without those of others."""

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
