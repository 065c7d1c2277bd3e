"""A shop with its upkeep, ticked by hand: what the tests of upkeep and of settlement share.

async with open_mill(database_url, redis_url) as mill:
    sale = await open_sale(mill.shop)
    await mill.reconcile()
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from inventory.book import SaleBook
from inventory.loops import Upkeep
from inventory.model import SaleConfig
from inventory.rebuild import Rebuilder
from inventory.reconciler import Reconciler
from inventory.sweeper import Sweeper
from inventory.verdicts import Held
from tests.inventory.selling import Sale, Shop, open_shop
from tests.stopwatch import Stopwatch


@dataclass
class Mill:
    """A shop with its upkeep, ticked by hand."""

    shop: Shop
    book: SaleBook
    upkeep: Upkeep
    clock_s: Stopwatch

    async def config(self, sale: Sale) -> SaleConfig:
        config = await self.book.refresh(sale.id)
        assert config is not None
        return config

    async def reconcile(self, times: int = 1) -> None:
        for _ in range(times):
            await self.book.tick()
            await self.upkeep.reconcile_all()

    async def place(self, sale: Sale, ask: tuple[str, str, str], *, epoch: int = 1, no: int = 1) -> None:
        """Commit a hold of one unit of the first item as the ledger's own function does."""
        customer, key, claim_id = ask
        shop = self.shop
        config = await self.config(sale)
        item = config.items[0]
        await shop.pool.execute(
            """SELECT * FROM orders_place($1, $2, 0::smallint, $3, false, 'CNY', $4, $5, NULL, '{}', ARRAY[$6]::uuid[],
               ARRAY[$7]::uuid[], ARRAY[$8], ARRAY[$9], ARRAY['1:1'], ARRAY[1], ARRAY[$10]::bigint[],
               ARRAY[$11]::bigint[], ARRAY[$12]::bigint[], ARRAY[NULL]::text[], ARRAY[$6]::uuid[],
               ARRAY[1]::smallint[], ARRAY[$13]::uuid[],
               ARRAY[$14]::uuid[], ARRAY[1], ARRAY[$12]::bigint[], '{}', '{}', '{}', '{}')""",
            config.merchant_id, sale.id, epoch, shop.clock.now(), shop.clock.now() + timedelta(seconds=900), claim_id,
            customer, key, "f" * 32, no, shop.clock.ms(), item.price, item.id, item.version_id,
        )  # fmt: skip


@asynccontextmanager
async def open_mill(database_url: str, redis_url: str) -> AsyncIterator[Mill]:
    """A mill on these engines."""
    async with open_shop(database_url, redis_url) as shop:
        clock_s = Stopwatch()
        book = SaleBook(shop.ledger, clock_s)
        rebuilder = Rebuilder(shop.pool, shop.ledger, shop.gate, trust_s=0.0)
        reconciler = Reconciler(shop.gate, shop.ledger, book, shop.clock, clock_s)
        sweeper = Sweeper(shop.gate, shop.ledger, shop.clock)
        yield Mill(shop, book, Upkeep(shop.ledger, book, reconciler, sweeper, rebuilder), clock_s)


async def held(mill: Mill, sale: Sale, units: int = 1) -> tuple[str, str, str]:
    """Hold units at the gate; the hold's name."""
    config = await mill.config(sale)
    name = mill.shop.ids.new(), "key", mill.shop.ids.new()
    ask = (*name, "f" * 32, f"1:{units}", True, 0)
    reply = await mill.shop.gate.hold(
        sale.id, 0, now_ms=mill.shop.clock.ms(), version=config.version, confirms=[], asks=[ask]
    )
    assert isinstance(reply.verdicts[0], Held)  # type: ignore[union-attr]
    return name
