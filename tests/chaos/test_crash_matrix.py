"""The crash matrix: at every point between a request and its release the connection breaks, stalls or loses an answer,
or the process is killed; afterwards every law holds, and every key gives the order that was acknowledged."""

import asyncio
from collections.abc import Sequence

import pytest

from tests.chaos.matrix import CELL_MAX_S, NETWORK, Cell, cells, play
from tests.chaos.stories import STORIES
from tests.chaos.worlds import mill_of
from tests.databases import Databases

AT_ONCE = 5


async def run(databases: Databases, template: str, redis_url: str, chosen: Sequence[Cell]) -> list[str]:
    """What went wrong, cell by cell; several at once, each with a database and a sale of its own."""
    places = asyncio.Semaphore(AT_ONCE)

    async def one(cell: Cell) -> list[str]:
        async with places:
            name = await asyncio.to_thread(databases.create, template)
            try:
                async with asyncio.timeout(CELL_MAX_S), mill_of(databases.url_of(name), redis_url, processes=3, trust_s=0) as mill:
                    return [f"{cell}: {said}" for said in await play(mill, cell)]
            finally:
                await asyncio.to_thread(databases.drop, name)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(cell)) for cell in chosen]
    return [said for task in tasks for said in task.result()]


@pytest.mark.parametrize("story", STORIES)
async def test_no_fault_at_any_point_breaks_a_law(
    databases: Databases, database_template: str, redis_url: str, story: str
):
    said = await run(databases, database_template, redis_url, list(cells(NETWORK, [story])))
    assert not said, "\n".join(said)
