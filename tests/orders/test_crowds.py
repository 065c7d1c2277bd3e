"""200 concurrent buyers on 10 units, several items, several lines, several processes: exactly right, every time."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from tests.house.tree import ROOT
from tests.inventory.selling import Sale, Shop, open_sale, open_shop
from tests.orders.crowds import KINDS, Want, crowd, judge, open_door, rush

SEEDS = range(100)
SEEDS_IN_ONE_LOOP = range(100, 110)
PROCESSES = 3
MET_MIN = 10  # sales that several processes sold of: nine in ten do

# One process: all these buyers at once, and what each was told.
Door = Callable[[Sale, Sequence[Want]], Awaitable[dict[str, str]]]


async def test_in_processes_of_their_own(database_url: str, redis_url: str):
    async with AsyncExitStack() as stack:
        shop = await stack.enter_async_context(open_shop(database_url, redis_url))
        processes = [await stack.enter_async_context(apart(database_url, redis_url)) for _ in range(PROCESSES)]
        doors: list[Door] = [partial(tell, process, shop) for process in processes]
        sold_by = [await one_seed(shop, doors, seed) for seed in SEEDS]
    met = [doors for doors in sold_by if doors > 1]
    assert len(met) >= MET_MIN, f"the processes hardly met: {sold_by}"


async def test_in_one_loop(database_url: str, redis_url: str):
    """Three lanes whose steps interleave at every await, not only where the machine lets processes meet."""
    async with AsyncExitStack() as stack:
        shop = await stack.enter_async_context(open_shop(database_url, redis_url))
        placements = [
            await stack.enter_async_context(open_door(database_url, redis_url, connections=2, clock=shop.clock))
            for _ in range(PROCESSES)
        ]
        doors: list[Door] = [partial(rush, placement, shop.staff.merchant_id) for placement in placements]
        for seed in SEEDS_IN_ONE_LOOP:
            await one_seed(shop, doors, seed)


async def one_seed(shop: Shop, doors: Sequence[Door], seed: int) -> int:
    """A sale and its crowd, a part of it at each door: how many doors sold something."""
    sale = await open_sale(shop, units=KINDS[seed % len(KINDS)])
    wants = crowd(sale, seed, shop)
    answers = await asyncio.gather(*(door(sale, wants[n :: len(doors)]) for n, door in enumerate(doors)))
    told = {who: answer for part in answers for who, answer in part.items()}
    said = await judge(shop, sale, wants, told)
    assert not said, f"seed {seed}: " + "\n".join(said)
    placed = {str(row["customer_id"]) for row in await shop.pool.fetch(_BUYERS, sale.id)}
    return sum(not placed.isdisjoint(part) for part in answers)


async def tell(process: asyncio.subprocess.Process, shop: Shop, sale: Sale, wants: Sequence[Want]) -> dict[str, str]:
    assert process.stdin is not None
    assert process.stdout is not None
    job = [shop.staff.merchant_id, sale.id, sale.item_ids, [(want.customer_id, want.units) for want in wants]]
    process.stdin.write(json.dumps(job).encode() + b"\n")
    answers: dict[str, str] = json.loads(await process.stdout.readline())
    return answers


@asynccontextmanager
async def apart(database_url: str, redis_url: str) -> AsyncIterator[asyncio.subprocess.Process]:
    command = [sys.executable, "-m", "tests.orders.crowds", database_url, redis_url]
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdin=pipe, stdout=pipe)
    try:
        yield process
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()


_BUYERS = "SELECT customer_id FROM claim WHERE sale_id = $1"
