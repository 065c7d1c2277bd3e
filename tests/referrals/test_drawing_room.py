"""A few threads and a short queue: who comes when it is full is told so at once."""

import asyncio
import threading

import pytest

from keel.errors import Unavailable
from referrals.drawing_room import DrawingRoom
from tests.eventually import eventually_async


async def test_what_a_thread_returns_or_raises_comes_back():
    room = DrawingRoom(threads=1)
    assert await room.run(divmod, 7, 2) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        await room.run(divmod, 1, 0)
    await room.close()


async def test_beyond_the_queue_nobody_waits_and_there_is_room_again_later():
    room, gate = DrawingRoom(threads=1, waiting_max=2), threading.Event()
    waiting = [asyncio.create_task(room.run(gate.wait)) for _ in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(Unavailable) as refused:
        await room.run(gate.wait)
    assert refused.value.headers()["Retry-After"]
    gate.set()
    assert await asyncio.gather(*waiting) == [True] * 3

    async def has_room() -> bool:
        return await room.run(gate.wait)

    await eventually_async(has_room)
    await room.close()


async def test_who_goes_away_leaves_no_hole_in_the_queue():
    room, gate = DrawingRoom(threads=1, waiting_max=1), threading.Event()
    begun = asyncio.create_task(room.run(gate.wait))
    waits = asyncio.create_task(room.run(gate.wait))
    await asyncio.sleep(0)
    waits.cancel()
    await asyncio.wait([waits])
    again = asyncio.create_task(room.run(gate.wait))
    await asyncio.sleep(0)
    gate.set()
    assert await begun
    assert await again
    await room.close()
