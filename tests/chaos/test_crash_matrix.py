"""The crash matrix: at every point between a request and its release the connection breaks, stalls, loses an answer or
says the call twice, or the process is killed; afterwards every law holds, and every key gives the order that was
acknowledged."""

import asyncio
from collections.abc import Iterator, Sequence
from functools import partial

import pytest

from tests.chaos.matrix import CELL_MAX_S, NETWORK, Cell, cells, told
from tests.chaos.stories import LIMIT, STORIES
from tests.chaos.worlds import mill_in
from tests.databases import Databases
from tests.inventory.selling import open_shop

AT_ONCE = 4


@pytest.fixture(scope="module")
def database_urls(databases: Databases, database_template: str) -> Iterator[list[str]]:
    """A database for each lane in which one cell follows the other."""
    names = [databases.create(database_template) for _ in range(AT_ONCE)]
    yield [databases.url_of(name) for name in names]
    for name in names:
        databases.drop(name)


async def run(database_urls: Sequence[str], redis_url: str, chosen: Sequence[Cell]) -> list[str]:
    """What went wrong, cell by cell; several lanes at once."""
    waiting, said = list(chosen), list[str]()

    async def lane(database_url: str) -> None:
        async with open_shop(database_url, redis_url) as shop:
            open_mill = partial(mill_in, shop, database_url, redis_url, processes=3, limit=LIMIT, trust_s=0)
            while waiting:
                cell = waiting.pop(0)
                async with asyncio.timeout(CELL_MAX_S):
                    said.extend(await told(open_mill, cell))

    async with asyncio.TaskGroup() as group:
        for url in database_urls:
            group.create_task(lane(url))
    return said


@pytest.mark.parametrize("story", STORIES)
async def test_no_fault_at_any_point_breaks_a_law(database_urls: list[str], redis_url: str, story: str):
    chosen = [cell for cell in cells(NETWORK, [story]) if not cell.is_seldom]
    said = await run(database_urls, redis_url, chosen)
    assert not said, "\n".join(said)


@pytest.mark.long
@pytest.mark.parametrize("story", STORIES)
async def test_nor_does_one_that_is_seldom_told(database_urls: list[str], redis_url: str, story: str):
    chosen = [cell for cell in cells(NETWORK, [story]) if cell.is_seldom]
    said = await run(database_urls, redis_url, chosen)
    assert not said, "\n".join(said)
