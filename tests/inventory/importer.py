"""A worker that runs one job and nothing else, as a process of its own that can be killed.

python -m tests.inventory.importer DATABASE_URL REDIS_URL
"""

import asyncio
import sys

from inventory.importing import KIND, CatalogueImport
from keel.jobs import JobRunner
from tests.inventory.selling import Shop, open_shop


def runner_of(shop: Shop) -> JobRunner:
    """The worker's way of running imports."""
    handlers = {KIND: CatalogueImport(shop.selling)}
    return JobRunner(shop.selling.sessions, shop.clock, handlers, asyncio.Event())


async def main(database_url: str, redis_url: str) -> None:
    """Run the job that waits."""
    async with open_shop(database_url, redis_url) as shop:
        await runner_of(shop).tick()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
