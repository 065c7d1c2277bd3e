"""`millpond trees`: an operator has counted after all what was put aside, or all of it anew."""

import asyncio
import subprocess

import pytest

from tests.millpond import commands
from tests.referrals.recounted import counted_otherwise, tallied
from tests.referrals.spread import open_spread

NOBODY = "01900000-0000-7000-8000-000000000001"
PUT_ASIDE = """
    WITH due AS (DELETE FROM tree_due RETURNING *)
    INSERT INTO tree_parked (no, kind, merchant_id, share_id, session_id, who, failed_at, sqlstate)
    SELECT no, kind, merchant_id, share_id, session_id, who, $1, '57014' FROM due
"""


@pytest.fixture
def trees(database_url, redis_url):
    environment = {"DATABASE_URL": database_url, "REDIS_URL": redis_url}

    async def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        return await asyncio.to_thread(commands.run, "trees", *arguments, environment=environment)

    return run


async def test_what_was_put_aside_is_due_again(database_url, redis_url, trees):
    async with open_spread(database_url, redis_url) as spread:
        await spread.visit("mei", await spread.share("hua"))
        await spread.run(PUT_ASIDE, spread.grove.shop.clock.now())
        for due in (2, 0):
            ended = await trees("retry", spread.grove.merchant_id)
            assert (ended.returncode, ended.stdout) == (0, f"due again: {due}\n"), ended
        await spread.tally()
        assert await tallied(spread) == await counted_otherwise(spread)


async def test_everything_is_counted_anew(database_url, redis_url, trees):
    async with open_spread(database_url, redis_url) as spread:
        await spread.visit("mei", await spread.share("hua"))
        await spread.tally()
        await spread.run("UPDATE tree_node SET visitors = 9")
        ended = await trees("recount", spread.grove.merchant_id)
        assert (ended.returncode, ended.stdout) == (0, "everything is due again\n"), ended
        assert await tallied(spread) == {}
        await spread.tally()
        assert await tallied(spread) == await counted_otherwise(spread)


@pytest.mark.parametrize("command", ["retry", "recount"])
@pytest.mark.parametrize(("merchant", "said"), [("pond", "UUID"), (NOBODY, f"no merchant {NOBODY}")])
async def test_a_merchant_that_is_not_there_is_named(trees, command, merchant, said):
    refused = await trees(command, merchant)
    assert (refused.returncode, said in refused.stderr) == (1, True), refused
