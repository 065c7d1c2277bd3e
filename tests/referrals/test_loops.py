"""The worker's loops judge what was ordered and mark what ended, and end when they are told to."""

import asyncio
from datetime import timedelta

from referrals.forgetting import Forgetting
from referrals.loops import judge, keep_touches
from referrals.tallying import Tallying
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


async def test_touches_are_counted_and_forgotten_when_they_are_old(court: Court):
    grove, stop = court.grove, asyncio.Event()
    share = (await grove.chain(await grove.target("room"), 1))[0][1]
    await grove.visit(await grove.person(), share)
    await Tallying(grove.shop.pool, grove.shop.clock).tick()
    grove.shop.clock.advance(s=9 * 86_400)
    forgetting = Forgetting(grove.shop.pool, grove.shop.clock, timedelta(days=2))
    await grove.visit(await grove.person(), share)
    loops = asyncio.create_task(keep_touches(Tallying(grove.shop.pool, grove.shop.clock), forgetting, stop))

    async def counted() -> bool:
        return [row["visitors"] for row in await grove.run("SELECT visitors FROM tree_node")] == [2]

    async def forgotten() -> bool:
        return len(await grove.run("SELECT FROM touch")) == 1

    await eventually_async(counted)
    await eventually_async(forgotten)
    stop.set()
    await asyncio.wait_for(loops, timeout=30)
