"""Builders for tests: a merchant, SKUs on the shelf, and a sale that is open, over the use cases that staff have.

async with open_shop(database_url, redis_url) as shop:
    sale = await open_sale(shop, units=[10, 5])
    order lines of sale.item_ids[0] …
"""

import itertools
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import asyncpg
from redis.asyncio import Redis
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from inventory.catalogue import NewSku, create_sku
from inventory.drafting import NewSale, create_sale
from inventory.faults import GateSilent, LedgerFault
from inventory.gate import Gate
from inventory.items import NewItem, add_item
from inventory.ledger import Ledger
from inventory.rebuild import Rebuilder
from inventory.running import open_sale as open_by_hand
from inventory.running import schedule_sale
from inventory.selling import Selling, push
from inventory.verdicts import Verdicts
from keel.clock import FakeClock
from keel.database import create_engine, create_hot_pool, sessions_of, transaction
from keel.identity import Principal, Role
from keel.ids import Ids
from keel.lua import connect
from tests.eventually import eventually_async

CURRENCY = "CNY"
PRICE = 14_900
SHELF = 1_000
ANSWER_MAX_S = 5.0  # what a test asks the gate by its own hand may meet a machine that stands still


@dataclass(frozen=True)
class Shop:
    """One merchant with everything needed to sell; the clock stands still until it is moved.

    What is pushed on `closing` is called while its connections are still there.
    """

    selling: Selling
    ledger: Ledger
    redis: Redis
    engine: AsyncEngine
    pool: asyncpg.Pool
    clock: FakeClock
    staff: Principal
    closing: AsyncExitStack = field(default_factory=AsyncExitStack)
    _codes: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    @property
    def gate(self) -> Gate:
        return self.selling.gate

    @property
    def ids(self) -> Ids:
        return self.selling.ids

    def next_code(self) -> str:
        """A SKU code that was not given before."""
        return f"SKU-{next(self._codes)}"

    async def rows(self, statement: str, **values: Any) -> list[dict[str, Any]]:
        """What a query says, ids as text."""
        async with transaction(self.selling.sessions) as session:
            found = (await session.execute(text(statement), values)).mappings().all()
        return [dict(row) for row in found]


@dataclass(frozen=True)
class Sale:
    """A sale that was built: its id, and its items' ids and SKUs in the order of their numbers."""

    id: str
    item_ids: tuple[str, ...]
    sku_ids: tuple[str, ...]


@asynccontextmanager
async def open_shop(database_url: str, redis_url: str, clock: FakeClock | None = None) -> AsyncIterator[Shop]:
    """A shop on these engines; its connections are closed at the end."""
    clock = clock or FakeClock()
    engine, redis = create_engine(database_url), connect(redis_url, timeout_s=ANSWER_MAX_S)
    pool = await create_hot_pool(database_url, connections=4)
    try:
        ledger, gate, ids, sessions = Ledger(pool), Gate(redis), Ids(clock), sessions_of(engine)
        selling = Selling(sessions, ids, clock, gate, Rebuilder(pool, ledger, gate))
        staff = await make_merchant(selling)
        async with AsyncExitStack() as closing:
            yield Shop(selling, ledger, redis, engine, pool, clock, staff, closing)
    finally:
        await pool.close()
        await redis.aclose()
        await engine.dispose()


async def make_merchant(selling: Selling, name: str = "A pond") -> Principal:
    """A new merchant; its staff."""
    merchant_id = selling.ids.new()
    values = {"id": merchant_id, "name": name, "now": selling.clock.now()}
    async with transaction(selling.sessions) as session:
        await session.execute(text("INSERT INTO merchant (id, name, created_at) VALUES (:id, :name, :now)"), values)
    return Principal(merchant_id, "hua", Role.OWNER)


async def make_sku(shop: Shop, *, units: int = SHELF, price: int = PRICE, needs_recipient: bool = False) -> str:
    """A SKU with units on the shelf."""
    code = shop.next_code()
    new = NewSku(
        title=f"Brush {code}", code=code, price=price, currency=CURRENCY, units=units, needs_recipient=needs_recipient
    )
    return await create_sku(shop.selling, shop.staff, new)


async def draft_sale(
    shop: Shop,
    *,
    units: Sequence[int] = (10,),
    price: int = PRICE,
    limit: int | None = None,
    item_limit: int | None = None,
    needs_recipient: bool = False,
    **fields: Any,
) -> Sale:
    """A draft with one item for each number of `units`, each of a SKU of its own. `fields` are those of NewSale."""
    new = NewSale(title="Brushes at nine", currency=CURRENCY, limit_per_customer=limit, **fields)
    sale = await create_sale(shop.selling, shop.staff, new)
    items = []
    for count in units:
        sku_id = await make_sku(shop, units=max(count, SHELF), price=price, needs_recipient=needs_recipient)
        item = NewItem(sku_id, price=price, units=count, limit_per_customer=item_limit)
        items.append(await add_item(shop.selling, shop.staff, sale.id, item))
    return Sale(sale.id, tuple(item.id for item in items), tuple(item.sku_id for item in items))


async def scheduled_sale(shop: Shop, *, opens_at: datetime | None = None, **options: Any) -> Sale:
    """A sale that opens by the clock, or by hand where no time is given. Options of draft_sale."""
    sale = await draft_sale(shop, opens_at=opens_at, **options)
    await schedule_sale(shop.selling, shop.staff, sale.id)
    await gate_told(shop, sale)
    return sale


async def open_sale(shop: Shop, **options: Any) -> Sale:
    """A sale that sells. Options of draft_sale."""
    sale = await scheduled_sale(shop, **options)
    await open_by_hand(shop.selling, shop.staff, sale.id)
    await gate_told(shop, sale)
    return sale


async def gate_told(shop: Shop, sale: Sale) -> None:
    """The gate has the sale as PostgreSQL says it is. A command leaves that to the reconciler where the machine stood
    still for longer than a call may take; no reconciler runs here."""

    async def told() -> bool:
        try:
            status = await shop.gate.status(sale.id, 0)
            config = await shop.ledger.sale(sale.id)
            if status.loaded and config is not None and status.version == config.version:
                return True
            await (push(shop.selling, sale.id) if status.loaded else shop.selling.rebuilder.rebuild(sale.id, 0))
        except (GateSilent, LedgerFault):
            pass  # still no answer in time: look again
        return False

    await eventually_async(told)


async def hold(shop: Shop, sale: Sale, *, units: int = 1, no: int = 1, version: int | None = None) -> Any:
    """One buyer's verdict at the gate, under its present version where none is given."""
    if version is None:
        version = (await shop.gate.status(sale.id, 0)).version
    ask = (shop.ids.new(), "key", shop.ids.new(), "f" * 32, f"{no}:{units}", True, 0)
    reply = await shop.gate.hold(sale.id, 0, now_ms=shop.clock.ms(), version=version, confirms=[], asks=[ask])
    return reply.verdicts[0] if isinstance(reply, Verdicts) else reply


async def check_books(shop: Shop) -> None:
    """The law of units: movements add up to what is on hand and to what is allocated, and the gate agrees."""
    for row in await shop.rows(_ON_HAND):
        assert row["on_hand"] == row["moved"] >= 0, row
    for row in await shop.rows(_ALLOCATED):
        assert row["allocated"] == row["moved"] >= row["sold"], row
        status = await shop.gate.status(str(row["sale_id"]), 0)
        if status.loaded and (status.version, status.epoch) == (row["version"], row["epoch"]):
            item = next(item for item in status.items if item.no == row["no"])
            assert (item.allocated, item.free) == (row["allocated"], row["allocated"] - item.held - item.confirmed)
            assert item.free >= 0


_ON_HAND = """
    SELECT b.sku_id, b.on_hand,
           coalesce(sum(CASE m.kind WHEN 'allocated' THEN -m.units ELSE m.units END), 0)::bigint AS moved
    FROM base_stock b
    LEFT JOIN stock_movement m ON m.sku_id = b.sku_id AND m.kind IN ('received', 'adjusted', 'allocated', 'returned')
    GROUP BY b.sku_id, b.on_hand
"""
_ALLOCATED = """
    SELECT k.sale_id, s.version, k.epoch, i.no, k.allocated, k.sold,
           coalesce(sum(CASE m.kind WHEN 'returned' THEN -m.units ELSE m.units END), 0)::bigint AS moved
    FROM stock k JOIN sale_item i ON i.id = k.item_id JOIN sale s ON s.id = k.sale_id
    LEFT JOIN stock_movement m
           ON m.item_id = k.item_id AND m.segment = k.segment AND m.kind IN ('allocated', 'returned')
    GROUP BY k.item_id, k.segment, s.version, i.no
"""
