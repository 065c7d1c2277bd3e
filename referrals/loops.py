"""What runs beside the requests."""

import asyncio
from typing import Final

from keel.loops import run_every
from referrals.ending import Ends
from referrals.forgetting import FORGET_EVERY_S, Forgetting
from referrals.judging import Judge
from referrals.tallying import TALLY_EVERY_S, Tallying

JUDGE_EVERY_S: Final = 0.5
ENDS_EVERY_S: Final = 2.0
LATE_EVERY_S: Final = 600.0


async def judge(judge: Judge, stop: asyncio.Event) -> None:
    """Judge what was ordered, and note what ended, until `stop`; now and then also what came long after its time."""

    ends = Ends(judge.pool, judge.clock)

    async def late() -> None:
        await judge.late()
        await ends.late()

    async with asyncio.TaskGroup() as group:
        group.create_task(run_every("attribution", JUDGE_EVERY_S, stop, judge.tick))
        group.create_task(run_every("late attribution", LATE_EVERY_S, stop, late))
        group.create_task(run_every("ends of orders", ENDS_EVERY_S, stop, ends.tick))


async def keep_touches(tallying: Tallying, forgetting: Forgetting, stop: asyncio.Event) -> None:
    """Count touches into the tallies of trees, and forget those that are too old, until `stop`."""
    async with asyncio.TaskGroup() as group:
        group.create_task(run_every("tree tallies", TALLY_EVERY_S, stop, tallying.tick))
        group.create_task(run_every("old touches", FORGET_EVERY_S, stop, forgetting.tick))
