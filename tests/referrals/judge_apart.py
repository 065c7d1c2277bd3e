"""A worker that judges what waits and nothing else, as a process of its own that can be killed.

python -m tests.referrals.judge_apart DATABASE_URL NOW_MS
"""

import asyncio
import sys

from keel.clock import FakeClock
from keel.database import create_pool
from keel.ids import Ids
from referrals.judging import Judge


async def main(database_url: str, now_ms: str) -> None:
    """One round over all merchants."""
    clock = FakeClock(int(now_ms))
    async with create_pool(database_url) as pool:
        await Judge(pool, Ids(clock), clock).tick()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
