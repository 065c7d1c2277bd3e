"""The crash matrix for the engines: Redis restarts empty or from an older snapshot, is full, stands still; PostgreSQL
is killed. Afterwards every law holds, and every key gives the order that was acknowledged."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from migrations import upgrade
from millpond.engines import Engines, Valkey
from tests.chaos.matrix import CELL_MAX_S, NOT_REACHED, TELLINGS_MAX, Cell, Fault, cells, play, told
from tests.chaos.outages import PostgresOutage, RedisOutage
from tests.chaos.proxy import Effect
from tests.chaos.worlds import Mill, mill_of
from tests.databases import Databases
from tests.servers import THROWAWAY

LEDGER_POINTS = ("ledger.place", "ledger.claims", "ledger.void", "ledger.lapse", "ledger.bump")
PASSING_STORIES = ("buying", "abandoned", "unconfirmed", "lapsing", "rebuilding")
LANES = 4


def concerns_redis(cell: Cell) -> bool:
    return cell.call.startswith("gate.") or cell.call in LEDGER_POINTS


@pytest.mark.parametrize("which", ["forgets", "passes"])
async def test_whatever_happens_to_redis(
    databases: Databases, database_template: str, private_engines: Callable[..., Engines], tmp_path: Path, which: str
):
    names = [databases.create(database_template) for _ in range(LANES)]
    waiting = list(range(10**6))
    said: list[str] = []

    async def lane(number: int) -> None:
        valkey = private_engines(postgres=False).valkey
        assert valkey is not None
        outage = RedisOutage(valkey, tmp_path / f"{number}.rdb")
        chosen = redis_cells(outage, which)
        while (at := waiting.pop(0)) < len(chosen):
            async with asyncio.timeout(CELL_MAX_S):
                said.extend(await one(databases.url_of(names[number]), valkey, outage, chosen[at]))

    try:
        async with asyncio.TaskGroup() as group:
            for number in range(LANES):
                group.create_task(lane(number))
    finally:
        for name in names:
            databases.drop(name)
    assert not said, "\n".join(said)


def redis_cells(outage: RedisOutage, which: str) -> list[Cell]:
    if which == "forgets":
        return [cell for cell in cells(outage.faults()) if concerns_redis(cell)]
    return [cell for cell in cells(outage.passing(), PASSING_STORIES) if cell.call.startswith("gate.")]


async def one(database_url: str, valkey: Valkey, outage: RedisOutage, cell: Cell) -> list[str]:
    @asynccontextmanager
    async def saved() -> AsyncIterator[Mill]:
        async with mill_of(database_url, valkey.url, processes=3, trust_s=0) as mill:
            await outage.save(mill)
            yield mill

    return await told(saved, cell)


async def test_postgres_is_killed_at_any_point(redis_url: str, private_engines: Callable[..., Engines]):
    said = [NOT_REACHED]
    for _ in range(TELLINGS_MAX):
        if any(NOT_REACHED in text for text in said):  # a machine that stood still kept it away
            said = await told_of_a_kill(redis_url, private_engines)
    assert not said, "\n".join(said)


async def told_of_a_kill(redis_url: str, private_engines: Callable[..., Engines]) -> list[str]:
    """What is broken after PostgreSQL was killed with a story at each of its points."""
    engines = private_engines(valkey=False, postgres_options={**THROWAWAY, "max_connections": "400"})
    assert engines.postgres is not None
    points = [cell for cell in cells([Fault("", Effect.CUT)]) if not cell.call.startswith("gate.")]
    outage = PostgresOutage(engines.postgres, parties=len(points))
    chosen = [Cell(cell.story, cell.call, cell.skip, outage.fault()) for cell in points]
    with Databases(engines.database_url, is_ours=True) as databases:
        template = databases.create()
        databases.apart(upgrade, databases.url_of(template))
        names = [databases.create(template) for _ in chosen]

    async def one_of(name: str, cell: Cell) -> list[str]:
        async with asyncio.timeout(CELL_MAX_S):
            async with mill_of(databases.url_of(name), redis_url, processes=3, trust_s=0) as mill:
                return [f"{cell}: {text}" for text in await play(mill, cell)]

    told = await asyncio.gather(*(one_of(name, cell) for name, cell in zip(names, chosen, strict=True)))
    return [text for texts in told for text in texts]
