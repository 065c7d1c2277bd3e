"""A whole sale over HTTP, with the API and a worker at work: drafted, opened, rushed, cancelled, expired, restocked,
closed; and at the end every figure adds up."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from console.audit import audit
from millpond.worker import work
from tests.eventually import eventually_async
from tests.inventory.selling import Sale
from tests.orders.serving import CLIENT_MAX_S, STAFF, Served, serve

UNITS, HOLD_S, PRICE = 20, 60, 14_900
BOUGHT = 201, 200  # the second one where the first answer did not come, and the buyer came again


class Day:
    """A seller's day: staff and buyers, each over HTTP only."""

    def __init__(self, served: Served, client: httpx.AsyncClient) -> None:
        self.served, self.staff = served, client

    async def command(self, path: str, **wish: Any) -> dict[str, Any]:
        """A command of staff that has to go well."""
        answer = await self.staff.post(f"/v1/staff/{path}", json=wish)
        assert answer.status_code < 300, answer.text
        said: dict[str, Any] = answer.json()
        return said

    async def open_sale(self) -> Sale:
        """Brushes in a flash sale: a SKU on the shelf, a draft, scheduled, and opened by hand."""
        sku = {"title": "Brush", "code": "B-1", "price": 19_900, "currency": "CNY", "units": 100}
        sku_id = (await self.command("skus", **sku, needs_recipient=False))["id"]
        sale_id = (await self.command("sales", title="Brushes at nine", currency="CNY", hold_ttl_s=HOLD_S))["id"]
        item = await self.command(f"sales/{sale_id}/items", sku_id=sku_id, price=PRICE, units=UNITS)
        for step in ("schedule", "open"):
            await self.command(f"sales/{sale_id}/{step}")
        return Sale(sale_id, (item["id"],), (sku_id,))

    async def rush(self, sale: Sale, count: int) -> dict[str, httpx.Response]:
        """Fresh buyers, one unit each, all at once; each sends his order twice. Their answers by customer."""
        buyers = [self.served.shop.ids.new() for _ in range(count)]

        async def buy(customer_id: str) -> httpx.Response:
            first = await self.served.insist(sale, key="mine", customer_id=customer_id)
            again = await self.served.insist(sale, key="mine", customer_id=customer_id)
            if first.status_code in BOUGHT:
                assert (again.status_code, again.json()) == (200, first.json())
            return first

        return dict(zip(buyers, await asyncio.gather(*map(buy, buyers)), strict=True))

    async def cancel(self, customer_id: str, order_id: str) -> None:
        headers = self.served.authorization(customer_id)
        answer = await self.served.client.post(f"/v1/orders/{order_id}/cancel", headers=headers)
        assert answer.json()["state"] == "cancelled", answer.text

    async def comes_to(self, sale: Sale, free: int) -> None:
        """Wait until the worker has put that many units on sale."""

        async def there() -> bool:
            return await self.served.free(sale) == [free]

        await eventually_async(there)

    async def states(self, sale: Sale) -> Counter[str]:
        rows = await self.served.shop.rows("SELECT state FROM orders WHERE sale_id = :id", id=sale.id)
        return Counter(row["state"] for row in rows)


@asynccontextmanager
async def working(served: Served) -> AsyncIterator[None]:
    """A worker beside the API, in this event loop."""
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(work(served.parts, stop))
        try:
            yield
        finally:
            stop.set()


@pytest.fixture
async def day(database_url: str, redis_url: str) -> AsyncIterator[Day]:
    async with serve(database_url, redis_url) as served, working(served):
        base, headers = f"http://127.0.0.1:{served.port}", {"authorization": f"Bearer {STAFF}"}
        async with httpx.AsyncClient(base_url=base, headers=headers, timeout=CLIENT_MAX_S) as client:
            yield Day(served, client)


def winners_of(answers: dict[str, httpx.Response]) -> dict[str, str]:
    """The order of each who got one."""
    return {buyer: answer.json()["id"] for buyer, answer in answers.items() if answer.status_code in BOUGHT}


async def test_a_sale_from_the_first_draft_to_the_last_unit(day: Day):
    sale = await day.open_sale()

    # More buyers than units: the first get one each, the others are told so.
    answers = await day.rush(sale, 30)
    winners = winners_of(answers)
    assert len(winners) == UNITS
    assert {answer.json()["type"] for answer in answers.values() if answer.status_code not in BOUGHT} == {
        "urn:millpond:problem:sold-out"
    }
    numbers = sorted(answers[buyer].json()["receipt"]["no"] for buyer in winners)
    assert numbers == list(range(1, UNITS + 1))

    # Three change their mind, and three others are glad.
    for customer_id in list(winners)[:3]:
        await day.cancel(customer_id, winners[customer_id])
    await day.comes_to(sale, 3)
    assert len(winners_of(await day.rush(sale, 5))) == 3

    # Nobody pays in time: everything is on sale again.
    day.served.shop.clock.advance(s=HOLD_S)
    await day.comes_to(sale, UNITS)
    assert await day.states(sale) == {"cancelled": 3, "expired": UNITS}

    # Five more from the shelf, and a last rush.
    await day.command(f"sales/{sale.id}/items/{sale.item_ids[0]}/stock", add=5)
    assert await day.served.free(sale) == [UNITS + 5]
    assert len(winners_of(await day.rush(sale, 12))) == 12
    await day.command(f"sales/{sale.id}/close")
    late = await day.served.order(sale)
    assert late.json()["type"] == "urn:millpond:problem:sale-ended"
    await figures_add_up(day, sale)


async def figures_add_up(day: Day, sale: Sale) -> None:
    """Closed, with what was left back on the shelf: stock, orders and audit agree."""
    rows = day.served.shop.rows

    async def settled() -> bool:
        return await rows("SELECT 1 FROM stock WHERE sale_id = :id AND allocated = sold", id=sale.id) != []

    await eventually_async(settled)
    assert await rows("SELECT sold::int FROM stock WHERE sale_id = :id", id=sale.id) == [{"sold": 12}]
    assert await rows("SELECT on_hand::int FROM base_stock WHERE sku_id = :id", id=sale.sku_ids[0]) == [{"on_hand": 88}]
    assert await day.states(sale) == {"cancelled": 3, "expired": UNITS, "awaiting_payment": 12}
    parts = day.served.parts
    report = await audit(parts.pool, parts.gate, sale.id, at=day.served.shop.clock.now())
    assert not report.breaches, report.breaches
