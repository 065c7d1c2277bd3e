"""The crash matrix for the engines: Redis restarts empty or from an older snapshot, is full, stands still; PostgreSQL
is killed before it has done something or after, or stands still. Afterwards every law holds, and every key gives the
order that was acknowledged."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from migrations import upgrade
from millpond.engines import Engine, Engines, Valkey
from tests.chaos.matrix import CELL_MAX_S, NOT_REACHED, TELLINGS_MAX, Cell, Fault, cells, play, told
from tests.chaos.outages import PostgresOutage, RedisOutage
from tests.chaos.proxy import Effect
from tests.chaos.stories import LIMIT
from tests.chaos.worlds import Mill, mill_of
from tests.databases import Databases
from tests.servers import THROWAWAY, private_pair

# Where the others of a story would tell the same again, as a rule; all of them are told apart, where there is time.
LEDGER_POINTS = {
    "ledger.place", "ledger.claims", "ledger.void", "ledger.lapse", "ledger.bump", "ledger.settle", "reads.lapse",
    "pool.snapshot_claims",
}  # fmt: skip
PASSING_STORIES = {"buying", "abandoned", "unconfirmed", "lapsing", "rebuilding"}
# Those that change something: one of each story.
WRITING = {
    "ledger.place", "ledger.lapse", "ledger.bump", "ledger.settle", "ledger.void", "reads.lapse", "staff.commit",
    "pool.commit",
}  # fmt: skip
GROUP_MAX = 10
LANES = 4


class Redises:
    """Where the cells of Redis are told: a database and a Redis for each lane in which one follows the other."""

    def __init__(self, databases: Sequence[str], open_pair: Callable[..., Engines], folder: Path) -> None:
        self._databases, self._open_pair, self._folder = databases, open_pair, folder

    async def told(self, choose: Callable[[RedisOutage], list[Cell]]) -> list[str]:
        """What is broken after all of these cells."""
        waiting, said = list(range(10**6)), list[str]()

        async def lane(number: int) -> None:
            valkey = self._open_pair(postgres=False).valkey
            assert valkey is not None
            outage = RedisOutage(valkey, self._folder / f"{number}.rdb")
            chosen = choose(outage)
            while (at := waiting.pop(0)) < len(chosen):
                async with asyncio.timeout(CELL_MAX_S):
                    said.extend(await one(self._databases[number], valkey, outage, chosen[at]))

        async with asyncio.TaskGroup() as group:
            for number in range(LANES):
                group.create_task(lane(number))
        return said


@pytest.fixture
def redises(
    databases: Databases, database_template: str, private_engines: Callable[..., Engines], tmp_path: Path
) -> Iterator[Redises]:
    names = [databases.create(database_template) for _ in range(LANES)]
    yield Redises([databases.url_of(name) for name in names], private_engines, tmp_path)
    for name in names:
        databases.drop(name)


def concerns_redis(cell: Cell) -> bool:
    return cell.call.startswith("gate.") or cell.call in LEDGER_POINTS


def forgetting(outage: RedisOutage) -> list[Cell]:
    return [cell for cell in cells(outage.faults()) if concerns_redis(cell)]


def passing(outage: RedisOutage) -> list[Cell]:
    told = cells(outage.passing())
    return [cell for cell in told if cell.story in PASSING_STORIES and cell.call.startswith("gate.")]


def the_others(outage: RedisOutage) -> list[Cell]:
    told = {str(cell) for cell in [*forgetting(outage), *passing(outage)]}
    return [cell for cell in cells([*outage.faults(), *outage.passing()]) if str(cell) not in told]


@pytest.mark.parametrize("choose", [forgetting, passing])
async def test_whatever_happens_to_redis(redises: Redises, choose: Callable[[RedisOutage], list[Cell]]):
    said = await redises.told(choose)
    assert not said, "\n".join(said)


@pytest.mark.long
async def test_whatever_happens_to_redis_at_any_other_point(redises: Redises):
    said = await redises.told(the_others)
    assert not said, "\n".join(said)


async def one(database_url: str, valkey: Valkey, outage: RedisOutage, cell: Cell) -> list[str]:
    @asynccontextmanager
    async def saved() -> AsyncIterator[Mill]:
        async with mill_of(database_url, valkey.url, processes=3, limit=LIMIT, trust_s=0) as mill:
            await outage.save(mill)
            yield mill

    return await told(saved, cell)


@dataclass(frozen=True)
class Ward:
    """A PostgreSQL to be harmed, and the name of a database in it to copy."""

    postgres: Engine
    database_url: str
    template: str

    async def told(self, redis_url: str, which: int, points: Sequence[Cell]) -> list[str]:
        """What is broken after something happened to PostgreSQL with a story at each of these points."""
        said = [NOT_REACHED]
        for _ in range(TELLINGS_MAX):
            if any(NOT_REACHED in text for text in said):  # a machine that stood still kept it away
                said = await self._told_once(redis_url, which, points)
        return said

    async def _told_once(self, redis_url: str, which: int, points: Sequence[Cell]) -> list[str]:
        fault = PostgresOutage(self.postgres, parties=len(points)).faults()[which]
        with Databases(self.database_url, is_ours=True) as databases:
            urls = [databases.url_of(databases.create(self.template)) for _ in points]

        async def one_of(url: str, cell: Cell) -> list[str]:
            async with asyncio.timeout(CELL_MAX_S):
                async with mill_of(url, redis_url, processes=3, limit=LIMIT, trust_s=0) as mill:
                    return [f"{cell}: {text}" for text in await play(mill, cell)]

        chosen = [replace(cell, fault=fault) for cell in points]
        told = await asyncio.gather(*(one_of(url, cell) for url, cell in zip(urls, chosen, strict=True)))
        return [text for texts in told for text in texts]


@pytest.fixture(scope="module")
def ward() -> Iterator[Ward]:
    """A PostgreSQL of this module's own."""
    options = {**THROWAWAY, "max_connections": "400"}
    with private_pair(valkey=False, postgres_options=options) as engines:
        assert engines.postgres is not None
        with Databases(engines.database_url, is_ours=True) as databases:
            template = databases.create()
            databases.apart(upgrade, databases.url_of(template))
        yield Ward(engines.postgres, engines.database_url, template)
        engines.postgres.kill()  # there is nothing to be written out in order


def ledger_points() -> list[Cell]:
    return [cell for cell in cells([Fault("", Effect.PASS)]) if not cell.call.startswith("gate.")]


@pytest.mark.parametrize("which", range(3), ids=["killed before", "killed after", "stands still"])
async def test_whatever_happens_to_postgres(ward: Ward, redis_url: str, which: int):
    said = await ward.told(redis_url, which, [point for point in ledger_points() if point.call in WRITING])
    assert not said, "\n".join(said)


@pytest.mark.long
@pytest.mark.parametrize("which", range(3), ids=["killed before", "killed after", "stands still"])
async def test_whatever_happens_to_postgres_at_any_point(ward: Ward, redis_url: str, which: int):
    """A few at a time, so that each is still at its point when all have come to theirs."""
    points = ledger_points()
    groups = [points[first : first + GROUP_MAX] for first in range(0, len(points), GROUP_MAX)]
    said = [text for group in groups for text in await ward.told(redis_url, which, group)]
    assert not said, "\n".join(said)
