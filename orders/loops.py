"""What runs beside the requests."""

import asyncio
from typing import Final

from keel.loops import run_every
from orders.export_work import Exporter
from orders.service import EXPIRE_BATCH_MAX, Orders
from orders.store import DuePlace

EXPIRE_EVERY_S: Final = 1.0
EXPORT_EVERY_S: Final = 1.0


async def expire(orders: Orders, stop: asyncio.Event) -> None:
    """Expire what is due, batch after batch, until `stop`. Each tick begins with the oldest anew."""

    async def tick() -> None:
        place = DuePlace()
        while await orders.expire_due(place) >= EXPIRE_BATCH_MAX and not stop.is_set():
            pass

    await run_every("expiry", EXPIRE_EVERY_S, stop, tick)


async def export(exporter: Exporter, stop: asyncio.Event) -> None:
    """Make the files that staff asked for, until `stop`."""
    await run_every("exports", EXPORT_EVERY_S, stop, lambda: exporter.tick(stop))
