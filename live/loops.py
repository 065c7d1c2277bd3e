"""Loops of rooms, in a worker."""

import asyncio
from typing import Final

from keel.loops import run_every
from live.patience import Patience

LOOK_EVERY_S: Final = 1.0


async def keep_sessions(patience: Patience, stop: asyncio.Event) -> None:
    """Begin, interrupt and end sessions by the clock, until `stop`."""
    await run_every("sessions", LOOK_EVERY_S, stop, patience.tick)
