"""200 concurrent buyers on 10 units, several items, several lines, several processes: exactly right, every time."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from orders.placement import Placement
from tests.house.tree import ROOT
from tests.inventory.selling import Sale, Shop, open_sale, open_shop
from tests.orders.crowds import KINDS, Want, crowd, judge, open_door, rush

SEEDS_IN_ONE_LOOP = range(90)
SEEDS_APART = range(90, 100)
PROCESSES = 3


async def test_in_one_loop(database_url: str, redis_url: str):
    async with AsyncExitStack() as stack:
        shop = await stack.enter_async_context(open_shop(database_url, redis_url))
        doors = [
            await stack.enter_async_context(open_door(database_url, redis_url, connections=2, clock=shop.clock))
            for _ in range(PROCESSES)
        ]
        said = [text for seed in SEEDS_IN_ONE_LOOP for text in await one_seed(shop, doors, seed)]
    assert not said, "\n".join(said)


async def one_seed(shop: Shop, doors: list[Placement], seed: int) -> list[str]:
    sale = await open_sale(shop, units=KINDS[seed % len(KINDS)])
    wants = crowd(sale, seed, shop)
    parts = [wants[n::PROCESSES] for n in range(PROCESSES)]
    rushes = [rush(door, shop.staff.merchant_id, sale, part) for door, part in zip(doors, parts, strict=True)]
    answers = {who: told for answers in await asyncio.gather(*rushes) for who, told in answers.items()}
    return [f"seed {seed}: {text}" for text in await judge(shop, sale, wants, answers)]


async def test_in_processes_of_their_own(database_url: str, redis_url: str):
    async with AsyncExitStack() as stack:
        shop = await stack.enter_async_context(open_shop(database_url, redis_url))
        doors = [await stack.enter_async_context(apart(database_url, redis_url)) for _ in range(PROCESSES)]
        said = [text for seed in SEEDS_APART for text in await one_seed_apart(shop, doors, seed)]
    assert not said, "\n".join(said)


async def one_seed_apart(shop: Shop, doors: list[asyncio.subprocess.Process], seed: int) -> list[str]:
    sale = await open_sale(shop, units=KINDS[seed % len(KINDS)])
    wants = crowd(sale, seed, shop)
    parts = [wants[n::PROCESSES] for n in range(PROCESSES)]
    rushes = [tell(door, shop, sale, part) for door, part in zip(doors, parts, strict=True)]
    answers = {who: told for answers in await asyncio.gather(*rushes) for who, told in answers.items()}
    return [f"seed {seed}: {text}" for text in await judge(shop, sale, wants, answers)]


async def tell(door: asyncio.subprocess.Process, shop: Shop, sale: Sale, wants: list[Want]) -> dict[str, str]:
    assert door.stdin is not None
    assert door.stdout is not None
    job = [shop.staff.merchant_id, sale.id, sale.item_ids, [(want.customer_id, want.units) for want in wants]]
    door.stdin.write(json.dumps(job).encode() + b"\n")
    answers: dict[str, str] = json.loads(await door.stdout.readline())
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
