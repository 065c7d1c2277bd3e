"""The database of the measurement is one that Millpond itself would have: small here, filled and counted alike."""

from typing import Any

import asyncpg
import pytest

from keel.clock import FakeClock
from loadtests import referrals, referrals_fill
from loadtests.referrals import measure
from loadtests.referrals_fill import MERCHANT, Size, fill
from referrals.store_tallies import recount
from referrals.tallying import Tallying

pytestmark = pytest.mark.usefixtures("collector_given_back")

TALLIES = ("tree_node", "tree_sharer", "tree_slice", "tree_money", "tree_visitor", "tree_order", "tree_buyer")


SMALL = Size(shares=300, touches=900, orders=60, customers=300, visitors=600)


@pytest.fixture
async def filled(database_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A few hundred shares; the server, which others use too, stays as careful as it is."""
    monkeypatch.setattr(referrals_fill, "_HASTE", ())
    await fill(database_url, lambda _: None, SMALL)
    return database_url


async def tallies(pool: asyncpg.Pool) -> dict[str, list[Any]]:
    return {name: await pool.fetch(f"SELECT t.* FROM {name} t ORDER BY t::text") for name in TALLIES}


async def test_what_is_filled_at_once_is_what_the_worker_counts(filled):
    async with asyncpg.create_pool(filled) as pool:
        before = await tallies(pool)
        assert all(before.values())
        await recount(pool, MERCHANT)
        while await Tallying(pool, FakeClock()).tick():
            pass
        after = await tallies(pool)
    for name, rows in before.items():
        assert {tuple(row.items()) for row in rows} == {tuple(row.items()) for row in after[name]}, name


async def test_every_reading_is_measured(filled, redis_url, monkeypatch):
    monkeypatch.setattr(referrals, "READS", 1)
    monkeypatch.setattr(referrals, "BOARDS", 1)
    found = await measure(filled, redis_url)
    assert set(referrals.BUDGETS_MS) <= set(found["reads"])
    assert found["tallied"]["same_figures"]
