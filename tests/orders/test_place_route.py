from tests.orders.serving import serve
from tests.inventory.selling import open_sale
async def test_x(database_url, redis_url):
    async with serve(database_url, redis_url) as served:
        sale = await open_sale(served.shop, units=[10])
        a = await served.order(sale)
        print(a.status_code, a.json(), a.headers, await served.stored(), await served.free(sale))
        a = await served.order(sale, b"{")
        print(a.status_code, a.json(), a.headers)
