"""Tallies that were counted before rooms had theirs: the migration makes of them what a worker counts now."""

from migrations import HERE
from tests.referrals.recounted import assert_sums, counted_otherwise, tallied
from tests.referrals.spread import Spread, open_spread

SQL = HERE / "sql"
NEW = """
    DROP FUNCTION tree_tally(uuid, integer, timestamptz, bigint), tree_count(tree_due[]), tree_retry(uuid),
        tree_lock(uuid), tree_day(timestamptz), tree_add_to_scopes(tree_delta[]);
    DROP TABLE tree_parked
"""


async def counted_as_before(spread: Spread) -> None:
    """The functions of 0013 instead of those of now, and what they count."""
    before = (SQL / "0013_dissemination.sql").read_text()
    functions = before[before.index("-- Add differences") :].replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")
    await spread.grove.shop.pool.execute(f"{NEW}; {functions}")
    await spread.run("SELECT tree_recount($1)", spread.grove.merchant_id)
    assert (await spread.run("SELECT tree_tally(1000)"))[0]["tree_tally"] > 0


async def grown(spread: Spread) -> None:
    """Two broadcasts and a day off air, of a room and of a product."""
    sessions = [await spread.session(), await spread.session(), None]
    product = (await spread.grove.target("product")).target_id
    root = await spread.share("hua")
    leaf = await spread.share("lan", root)
    other = await spread.share("lan", product_id=product)
    only = await spread.share("bo", session_id=sessions[0])
    for number, session in enumerate(sessions):
        for share, name in ((root, "mei"), (leaf, f"an-{number}"), (other, "bo"), (only, "hua")):
            await spread.visit(name, share, session, s=-200_000 * number, community=f"g{number % 2}")
        await spread.order("mei", {leaf: 100, other: 50}, session)
    await spread.watch("mei", str(sessions[0]))
    await spread.end(await spread.order("bo", {root: 70}, sessions[1]), "expired")


async def test_what_was_counted_is_summed_for_rooms(database_url, redis_url):
    async with open_spread(database_url, redis_url) as spread:
        await grown(spread)
        await counted_as_before(spread)
        expected = await counted_otherwise(spread)
        assert await tallied(spread) != expected
        for name in ("0016_tallies.sql", "0016_families.sql"):
            await spread.grove.shop.pool.execute((SQL / name).read_text())
        assert await tallied(spread) == expected
        await assert_sums(spread, spread.room_id, is_room=True)
        await spread.visit("later", next(iter(spread.codes)), s=900)
        await spread.tally()
        assert await tallied(spread) == await counted_otherwise(spread)
