"""What a newcomer finds after `millpond up`: a merchant with a room and an open sale, to place a first order in.

Every step looks at what is there, so a start that was cut off is finished by the next one, and a shop that has a
catalogue of its own is left alone.
"""

import asyncio
from dataclasses import dataclass, replace
from typing import Final

from accounts.service import seed_merchant
from inventory.catalogue import NewSku, create_sku
from inventory.drafting import NewSale, create_sale
from inventory.items import NewItem, add_item
from inventory.model import SaleState
from inventory.running import open_sale, schedule_sale
from inventory.selling import Selling
from keel.identity import Principal, Role
from millpond.settings import Settings
from millpond.store_seed import Standing, ensure_room, has_skus, standing
from millpond.wiring import Parts, parts_for

ROOM_TITLE: Final = "My room"
SALE_TITLE: Final = "Nine o'clock"
SKU_TITLE: Final = "Brush"
SKU_CODE: Final = "FIRST-BRUSH"
CURRENCY: Final = "CNY"
PRICE: Final = 14_900  # minor units
UNITS_ON_SHELF: Final = 1_000
UNITS_ON_SALE: Final = 100


@dataclass(frozen=True, slots=True)
class Seeded:
    """What there is to try, by id. `state` is the sale's; without a sale of ours, `sale_id` and `item_id` are None."""

    merchant_id: str
    room_id: str
    sale_id: str | None = None
    item_id: str | None = None
    state: str | None = None


async def seed(parts: Parts, merchant_id: str) -> Seeded:
    """Make what is missing of merchant, room and open sale. Safe to repeat; a closed sale stays closed."""
    await seed_merchant(parts.pool, parts.clock, merchant_id)
    now = parts.clock.now()
    room_id = await ensure_room(parts.pool, merchant_id, room_id=parts.ids.new(), title=ROOM_TITLE, at=now)
    seeded = Seeded(merchant_id, room_id)
    found = await standing(parts.pool, merchant_id, SKU_CODE)
    if found is None and await has_skus(parts.pool, merchant_id):
        return seeded
    return await _with_sale(parts.selling, Principal(merchant_id, "seed", Role.OWNER), seeded, found)


async def _with_sale(selling: Selling, by: Principal, seeded: Seeded, found: Standing | None) -> Seeded:
    sku_id = found.sku_id if found else await _make_sku(selling, by)
    sale_id, item_id = (found.sale_id, found.item_id) if found else (None, None)
    state = found.state if found else None
    if sale_id is None:
        sale = await create_sale(selling, by, NewSale(SALE_TITLE, CURRENCY))
        item = await add_item(selling, by, sale.id, NewItem(sku_id, price=PRICE, units=UNITS_ON_SALE))
        sale_id, item_id, state = sale.id, item.id, SaleState.DRAFT
    if state == SaleState.DRAFT:
        state = (await schedule_sale(selling, by, sale_id)).state
    if state == SaleState.SCHEDULED:
        state = (await open_sale(selling, by, sale_id)).state
    return replace(seeded, sale_id=sale_id, item_id=item_id, state=state)


async def _make_sku(selling: Selling, by: Principal) -> str:
    sku = NewSku(SKU_CODE, title=SKU_TITLE, price=PRICE, currency=CURRENCY, units=UNITS_ON_SHELF, needs_recipient=False)
    return await create_sku(selling, by, sku)


def seed_now(settings: Settings) -> Seeded:
    """`seed` for the merchant of the first staff token, over connections of its own. The servers run and are migrated.

    Raises Refusal.
    """

    async def seeded() -> Seeded:
        async with parts_for(settings) as parts:
            await parts.follow_clock()
            return await seed(parts, settings.seed_merchant_id or settings.staff_tokens[0].merchant_id)

    return asyncio.run(seeded())
