"""SQL of trees: what a page of one costs does not grow with the rush that it tells of, though nobody counted since."""

from typing import Any

import asyncpg

from referrals import store_judging, store_ranks, store_shares, store_tallies, store_touches, store_trees
from tests.plans import rows_read
from tests.rushes import COUNTED, MERCHANT, NOW, id_of, rush

SOME = 10
PAGES: dict[str, tuple[Any, ...]] = {
    "the greatest trees": (store_trees._SUBTREES, MERCHANT, MERCHANT, SOME),
    "who brought most": (store_ranks._PAYING, MERCHANT, MERCHANT, "placed", None, None, SOME, "CNY"),
    "somebody's shares": (store_ranks._BROUGHT_MONEY, MERCHANT, [id_of(1 + 10 * n) for n in range(SOME)]),
    "through whom somebody came": (store_shares._LINE, MERCHANT, [id_of(15)], NOW, MERCHANT),
    "somebody's visits": (store_touches._OF_PEOPLE, MERCHANT, [id_of(15)], NOW, None, SOME),
    "visits before orders": (
        store_judging._TOUCHES,
        MERCHANT,
        [1, 2],
        [f"{{{id_of(n)}}}" for n in (5, 6)],
        [NOW] * 2,
        9,
        9,
    ),
}


@COUNTED
async def test_what_is_read_of_a_tree_goes_by_what_is_shown(database_url: str, counted: str):
    async with asyncpg.create_pool(database_url, min_size=0) as pool, pool.acquire() as connection:
        await rush(connection, counted)
        while await connection.fetchval(store_tallies._TALLY, MERCHANT, 2_000, NOW, None):
            pass
        for name, page in PAGES.items():
            assert await rows_read(connection, *page) < 5 * SOME, name
