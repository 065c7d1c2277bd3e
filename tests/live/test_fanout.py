"""A crowd is told in slices: others have their turn in between, and whoever is gone is passed over."""

import asyncio
import time
from typing import Any

from live.fanout import LOOKED_AT_EVERY, SLICE_MAX_S, Pace, fan_out
from tests.live.turns import longest, taking_turns


class Slow:
    """A viewer whose write takes a while, as the system's does."""

    def __init__(self, told: list[float]) -> None:
        self._told = told

    def push(self, frame: bytes) -> None:
        until_s = time.perf_counter() + SLICE_MAX_S / LOOKED_AT_EVERY
        while time.perf_counter() < until_s:
            pass
        self._told.append(until_s)


async def test_the_loop_has_its_turn_between_two_slices():
    told: list[float] = []
    viewers: Any = [Slow(told) for _ in range(LOOKED_AT_EVERY * 10)]
    async with taking_turns(told) as turns:
        await fan_out(b"frame", viewers, Pace())
    assert len(told) == len(viewers)
    assert longest(turns) <= 2 * LOOKED_AT_EVERY


async def test_nobody_is_no_crowd():
    await fan_out(b"frame", [], Pace())


async def test_it_says_how_long_others_had_the_loop():
    done = asyncio.Event()

    async def others() -> None:
        while not done.is_set():
            began_s = time.perf_counter()
            while time.perf_counter() - began_s < SLICE_MAX_S:
                pass
            await asyncio.sleep(0)

    told: list[float] = []
    viewers: Any = [Slow(told) for _ in range(LOOKED_AT_EVERY * 4)]
    began_s, pace = time.perf_counter(), Pace()
    async with asyncio.TaskGroup() as group:
        group.create_task(others())
        await fan_out(b"frame", viewers, pace)
        whole_s = time.perf_counter() - began_s
        done.set()
    own_s = 4 * SLICE_MAX_S  # at least: what the writes took
    assert SLICE_MAX_S <= pace.others_s <= whole_s - own_s
    alone = Pace()
    await fan_out(b"frame", viewers[:1], alone)
    assert alone.others_s == 0


async def test_many_small_crowds_are_one_piece_of_work():
    told: list[float] = []
    crowds: Any = [[Slow(told) for _ in range(4)] for _ in range(40)]
    pace = Pace()
    async with taking_turns(told) as turns:
        for crowd in crowds:
            await fan_out(b"frame", crowd, pace)
    assert len(told) == 160
    assert longest(turns) <= 2 * LOOKED_AT_EVERY
