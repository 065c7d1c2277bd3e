"""The rehearsal sale of a drill: opened over the use cases that staff have, and put away in the end."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import msgspec

from accounts.tokens import Tokens
from inventory.archiving import archive_sale, archive_sku
from inventory.catalogue import NewSku, create_sku
from inventory.drafting import NewSale, create_sale
from inventory.items import NewItem, add_item
from inventory.running import close_sale, open_sale, schedule_sale
from inventory.selling import Selling
from keel.errors import Conflict, Unavailable
from keel.identity import Principal
from millpond.crowd import Target, post
from millpond.crowd_answers import Wish

CURRENCY: Final = "CNY"
PRICE: Final = 9_900  # minor units; nobody pays in a rehearsal
TOKEN_TTL_S: Final = 3_600
HOLD_MORE_S: Final = 60  # orders outlive the drill, and lapse soon after
PUT_AWAY_MAX_S: Final = 20.0
POLL_S: Final = 0.3


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """An open sale of one item."""

    sale_id: str
    item_id: str
    sku_id: str
    hold_ttl_s: int
    price: int


async def open_rehearsal(
    selling: Selling, by: Principal, *, units: int, seconds: int, title: str = "Drill", price: int = PRICE
) -> Rehearsal:
    """A sale with `units` of a SKU of its own, whose orders outlive a rush of `seconds`. Raises Refusal."""
    code = f"{title.lower()}-{selling.ids.new()}"
    sku = NewSku(code, title=title, price=price, currency=CURRENCY, units=units, needs_recipient=False)
    sku_id = await create_sku(selling, by, sku)
    hold_ttl_s = 2 * seconds + HOLD_MORE_S
    sale = await create_sale(selling, by, NewSale(title, CURRENCY, hold_ttl_s=hold_ttl_s, rehearsal=True))
    item = await add_item(selling, by, sale.id, NewItem(sku_id, price=price, units=units, limit_per_customer=1))
    await schedule_sale(selling, by, sale.id)
    await open_sale(selling, by, sale.id)
    return Rehearsal(sale.id, item.id, sku_id, hold_ttl_s, price)


def wishes(
    selling: Selling, by: Principal, tokens: Tokens, *, target: Target, rehearsal: Rehearsal, count: int
) -> list[Wish]:
    """One order of one unit for each of `count` new customers, signed in."""
    lines = [{"item_id": rehearsal.item_id, "quantity": 1}]
    body = msgspec.json.encode({"lines": lines, "expected_total": rehearsal.price})
    path = f"/v1/sales/{rehearsal.sale_id}/orders"
    made = []
    for _ in range(count):
        buyer, key = selling.ids.new(), selling.ids.new()
        token = tokens.sign(customer_id=buyer, merchant_id=by.merchant_id, ttl_s=TOKEN_TTL_S)
        made.append(Wish(buyer, key, post(target, path, token=token, key=key, body=body)))
    return made


async def put_away(selling: Selling, by: Principal, rehearsal: Rehearsal) -> str:
    """Close the sale, wait until its leftovers are back, archive it and its SKU. What could not be done, or nothing."""
    deadline_s = time.monotonic() + PUT_AWAY_MAX_S

    async def close() -> None:
        with suppress(Conflict):  # closed already; if it is anything else, archiving says so
            await close_sale(selling, by, rehearsal.sale_id)

    async def archive() -> None:
        await archive_sale(selling, by, rehearsal.sale_id)

    trouble = await _until_done(close, deadline_s) or await _until_done(archive, deadline_s)
    if not trouble:
        await archive_sku(selling, by, rehearsal.sku_id)
    return trouble


async def _until_done(step: Callable[[], Awaitable[None]], deadline_s: float) -> str:
    """Try a step until it is not refused; what it said last, or nothing."""
    while True:
        try:
            await step()
        except (Conflict, Unavailable) as refusal:
            trouble = refusal.detail or str(refusal)
        else:
            return ""
        if time.monotonic() > deadline_s:
            return trouble
        await asyncio.sleep(POLL_S)
