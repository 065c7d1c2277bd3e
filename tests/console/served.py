"""A sale with a history: bought, limited, cancelled, retried. The audit's tests plant their breaches in it."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

import asyncpg

from console.audit import audit
from console.model import Report
from inventory.book import SaleBook
from inventory.errors import GateRebuilding
from inventory.faults import DRIVER_ERRORS, GateSilent, LedgerFault
from inventory.releases import GateReleases
from keel.database import create_pool
from keel.errors import Unavailable
from keel.outbox import Relay
from orders.placement import Buyer, Placement
from orders.schemas import read_order
from orders.service import Orders
from tests.eventually import insist
from tests.inventory.selling import Sale, Shop, open_sale, open_shop
from tests.orders.tills import till_of

GATE_RELEASES = "gate-releases"
BUYERS = 12
NO_ANSWER = *DRIVER_ERRORS, LedgerFault, GateSilent


@dataclass(frozen=True)
class Served:
    """A sale of two items (10 and 6 units, two of each per buyer) that was rushed; two orders of it were cancelled."""

    shop: Shop
    sale: Sale
    pool: asyncpg.Pool
    placement: Placement
    book: SaleBook

    async def audit(self, *, wait_s: float = 0) -> Report:
        """The audit as of the shop's clock."""
        return await audit(self.pool, self.shop.gate, self.sale.id, wait_s=wait_s, at=self.shop.clock.now())

    async def broken(self) -> set[str]:
        """The names of what does not hold."""
        return {invariant.name for invariant in (await self.audit()).breaches}

    async def plant(self, *statements: str) -> None:
        """Run SQL; {sale}, {item} (the first) and {order} (the first that stands) are filled in."""
        order = await self.pool.fetchval(
            "SELECT id FROM claim WHERE sale_id = $1 AND state = 'placed' ORDER BY verdict_no LIMIT 1", self.sale.id
        )
        for statement in statements:
            await self.pool.execute(statement.format(sale=self.sale.id, item=self.sale.item_ids[0], order=order))

    async def archive(self) -> None:
        """Leave the tables alone: the gate need not know an archived sale."""
        await self.plant("UPDATE sale SET archived_at = created_at WHERE id = '{sale}'")

    async def key_of(self, name: str) -> str:
        """The name of one of the gate's keys: items, entries, buyers or holds."""
        status = await self.shop.gate.status(self.sale.id, 0)
        return f"{self.shop.gate.base(self.sale.id, 0)}:{status.epoch}:{name}"

    async def release_lapsed(self) -> None:
        """What the worker's relay does."""
        releases = GateReleases(self.shop.gate, self.shop.ledger)
        relay = Relay(self.pool, {GATE_RELEASES: releases}, self.shop.clock)
        await insist(relay.tick, *NO_ANSWER)  # as its loop does

    async def order(self, customer_id: str, key: str, *quantities: int) -> object:
        """One order: a line for each quantity that is not 0."""
        lines = [{"item_id": i, "quantity": q} for i, q in zip(self.sale.item_ids, quantities, strict=False) if q]
        buyer = Buyer(self.shop.staff.merchant_id, customer_id)
        wish = read_order(json.dumps({"lines": lines}).encode())

        async def place() -> object:
            answer = await self.placement.place(self.sale.id, buyer, key, wish)
            if isinstance(answer, Unavailable | GateRebuilding):
                await self.book.tick()  # as its loop does meanwhile
                raise answer
            return answer

        return await insist(place, Unavailable, GateRebuilding)


@asynccontextmanager
async def serve(database_url: str, redis_url: str) -> AsyncIterator[Served]:
    """Open the sale, serve BUYERS one after another, so that the audit sees every state that an order can be in."""
    async with open_shop(database_url, redis_url) as shop, create_pool(database_url) as pool:
        sale = await open_sale(shop, units=[10, 6], item_limit=2, limit=3)
        book = SaleBook(shop.ledger)
        placement = till_of(shop, book=book)
        served = Served(shop, sale, pool, placement, book)
        customers = [shop.ids.new() for _ in range(BUYERS)]
        for n, customer in enumerate(customers):
            await book.tick()
            shop.clock.advance(ms=7)
            await served.order(customer, "first", 1, n % 2)
            await served.order(customer, "first", 1, n % 2)
        orders = Orders(shop.ledger, shop.clock, [GATE_RELEASES])
        for customer in customers[:2]:
            document = (await orders.page(shop.staff.merchant_id, customer, None, 1))[0]
            await insist(partial(orders.cancel, shop.staff.merchant_id, customer, document.id, None), *NO_ANSWER)
        await placement.drained()
        await served.release_lapsed()
        await served.order(customers[0], "second", 1)
        await placement.drained()
        yield served
