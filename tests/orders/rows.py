"""Orders put straight into the tables, a few hundred of every kind, and the filter of staff said in plain Python."""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from orders.filters import OrderFilter, Rehearsals
from orders.handling import Handling
from orders.model import OrderState
from tests.inventory.selling import Sale, Shop, make_merchant, open_sale

COUNT: Final = 120
CODES: Final = (None, None, "anna", "bert")
TOTALS: Final = (0, 500, 900, 14_900, 29_800)


@dataclass(frozen=True)
class Known:
    """What a row says that a filter can ask for."""

    id: str
    sale_id: str
    customer_id: str
    state: OrderState
    total: int
    share_code: str | None
    rehearsal: bool
    placed_at: datetime
    item_ids: tuple[str, ...]
    sku_ids: tuple[str, ...]
    has_recipient: bool


def fits(order: Known, given: OrderFilter) -> bool:
    """The filter, one condition a line."""
    return all(
        (
            given.state in (None, order.state),
            given.sale_id in (None, order.sale_id),
            given.customer_id in (None, order.customer_id),
            given.share_code in (None, order.share_code),
            given.item_id is None or given.item_id in order.item_ids,
            given.sku_id is None or given.sku_id in order.sku_ids,
            given.placed_from is None or order.placed_at >= given.placed_from,
            given.placed_to is None or order.placed_at < given.placed_to,
            given.total_min is None or order.total >= given.total_min,
            given.total_max is None or order.total <= given.total_max,
            given.has_recipient in (None, order.has_recipient),
            given.rehearsals is Rehearsals.INCLUDED or order.rehearsal is (given.rehearsals is Rehearsals.ONLY),
        )
    )


@dataclass(frozen=True, repr=False)
class Stock:
    """A shop's sales, customers and orders, oldest first."""

    shop: Shop
    sales: tuple[Sale, ...]
    customers: tuple[str, ...]
    orders: list[Known]

    async def add(self, dice: random.Random) -> Known:
        """One more order, a little later than the last."""
        self.shop.clock.advance(s=dice.choice((0, 1, 3_600)))
        sale = dice.choice(self.sales)
        picked = sorted(dice.sample(range(len(sale.item_ids)), dice.choice((1, 1, 2))))
        order = Known(
            id=self.shop.ids.new(),
            sale_id=sale.id,
            customer_id=dice.choice(self.customers),
            state=dice.choice(list(OrderState)),
            total=dice.choice(TOTALS),
            share_code=dice.choice(CODES),
            rehearsal=sale is self.sales[-1],
            placed_at=self.shop.clock.now() + timedelta(milliseconds=dice.choice((0, 200))),
            item_ids=tuple(sale.item_ids[n] for n in picked),
            sku_ids=tuple(sale.sku_ids[n] for n in picked),
            has_recipient=dice.random() < 0.4,
        )
        await insert(self.shop, order)
        self.orders.append(order)
        return order

    def like(self, given: OrderFilter) -> list[str]:
        """Ids of the orders that fit, newest first."""
        return [order.id for order in reversed(self.orders) if fits(order, given)]


def handling_of(shop: Shop) -> Handling:
    """What staff do with orders, where nobody hears of it."""
    return Handling(shop.selling.sessions, shop.ids, shop.clock, ())


async def stocked(shop: Shop, count: int = COUNT) -> Stock:
    """Orders of three sales, the last of them a rehearsal; and some of another merchant, whom nobody may see."""
    dice = random.Random(7)
    sales = [await open_sale(shop, units=[9, 9, 9], rehearsal=n == 2) for n in range(3)]
    stock = Stock(shop, tuple(sales), tuple(shop.ids.new() for _ in range(5)), [])
    stranger = await make_merchant(shop.selling, "Another pond")
    for n in range(count):
        order = await stock.add(dice)
        if n % 20 == 0:
            await insert(shop, order, merchant_id=stranger.merchant_id)
    return stock


async def insert(shop: Shop, order: Known, merchant_id: str = "") -> None:
    """The rows of an order, without its claim."""
    merchant_id = merchant_id or shop.staff.merchant_id
    async with shop.pool.acquire() as connection, connection.transaction():
        await connection.execute(
            _ORDER, merchant_id, order.id, order.sale_id, order.customer_id, order.state, order.total,
            order.share_code, order.rehearsal, order.placed_at, order.placed_at + timedelta(minutes=15),
        )  # fmt: skip
        for no, item_id in enumerate(order.item_ids, start=1):
            await connection.execute(_LINE, merchant_id, order.id, no, item_id)
        if order.has_recipient:
            await connection.execute(_RECIPIENT, merchant_id, order.id)


_ORDER = """
    INSERT INTO orders (merchant_id, id, sale_id, segment, customer_id, claim_key, state, currency, lines_total, total,
                        share_code, rehearsal, placed_at, expires_at)
    VALUES ($1, $2, $3, 0, $4, 'key', $5, 'CNY', $6, $6, $7, $8, $9, $10)
"""
_LINE = """
    INSERT INTO order_line (merchant_id, order_id, no, item_id, item_version_id, quantity, unit_price, amount)
    SELECT $1, $2, $3, id, item_version_id, 1, 100, 100 FROM sale_item WHERE id = $4
"""
_RECIPIENT = """
    INSERT INTO order_recipient (merchant_id, order_id, name, phone, address)
    VALUES ($1, $2, '张三', '13800001234', '北京市朝阳区')
"""
