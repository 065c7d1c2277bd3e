"""Loops of accounts: the deny-list in every process, tidying in the worker."""

import asyncio
from typing import Final

from accounts.denials import READ_EVERY_S, Denials
from accounts.store_sign_in import purge
from keel.clock import Clock
from keel.database import Pool
from keel.loops import run_every

PURGE_EVERY_S: Final = 60.0
PURGES_PER_TICK: Final = 20


async def keep_denials(denials: Denials, stop: asyncio.Event) -> None:
    """Keep the deny-list fresh until `stop`."""
    await run_every("denials", READ_EVERY_S, stop, denials.read)


async def tidy(pool: Pool, clock: Clock, stop: asyncio.Event) -> None:
    """Delete sign-ins and denials that are over, until `stop`."""

    async def some() -> None:
        for _ in range(PURGES_PER_TICK):
            if not await purge(pool, clock.now()):
                return

    await run_every("sign-in purge", PURGE_EVERY_S, stop, some)
