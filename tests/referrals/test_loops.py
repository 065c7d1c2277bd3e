"""The worker's loops judge what was ordered and mark what ended, and end when they are told to."""

import asyncio

from referrals.loops import judge
from tests.eventually import eventually_async
from tests.referrals.courts import Court


async def test_what_is_ordered_is_judged_and_what_ends_is_marked(court: Court):
    buyer, stop = await court.grove.person(), asyncio.Event()
    order_id = await court.order(buyer)
    await court.pass_by()
    loops = asyncio.create_task(judge(court.judge, stop))

    async def judged() -> bool:
        return await court.judgement(order_id) is not None

    async def marked() -> bool:
        found = await court.judgement(order_id)
        return found is not None and found["ended"] == "cancelled"

    await eventually_async(judged)
    await court.ends(buyer, order_id)
    await eventually_async(marked)
    stop.set()
    await asyncio.wait_for(loops, timeout=30)
