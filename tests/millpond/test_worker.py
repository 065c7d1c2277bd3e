"""The worker does what nobody asked for over HTTP, and stops when it is told to."""

import asyncio

from millpond.worker import work
from tests.eventually import eventually_async
from tests.inventory.selling import open_sale
from tests.orders.serving import serve


async def test_an_unpaid_order_expires_and_its_units_are_on_sale_again(database_url, redis_url):
    async with serve(database_url, redis_url) as served, asyncio.TaskGroup() as group:
        stop = asyncio.Event()
        group.create_task(work(served.parts, stop))
        sale = await open_sale(served.shop, units=[2], hold_ttl_s=30)
        order = (await served.order(sale)).json()
        assert await served.free(sale) == [1]
        served.shop.clock.advance(s=31)

        async def back() -> bool:
            return await served.free(sale) == [2]

        await eventually_async(back)
        again = await served.client.get(f"/v1/orders/{order['id']}", headers=served.authorization())
        assert again.json()["state"] == "expired"
        stop.set()


async def test_a_stop_ends_every_loop(database_url, redis_url):
    async with serve(database_url, redis_url) as served:
        stop = asyncio.Event()
        stop.set()
        await asyncio.wait_for(work(served.parts, stop), timeout=30)
