"""Builders for tests of what happens in the studio: a room, a session on air, and the sales that it sells.

async with open_studio(database_url, redis_url) as studio:
    air = await on_air(studio, units=[10, 5])
    await pin(studio.studio, studio.by, air.session_id, 1)
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec
from sqlalchemy import text

from inventory.book import SaleBook
from keel.database import transaction
from keel.identity import Principal
from live.sessions import NewSession, link_sale, plan_session, start_session, stop_session
from live.shelf import SlotWish, set_shelf
from live.studio import Studio
from orders.attempt import Placed
from orders.placement import Buyer, Placement
from orders.schemas import LineRequest, OrderRequest
from tests.inventory.selling import Sale, Shop, open_sale, open_shop


@dataclass
class Heard:
    """A room log that only remembers what it was told."""

    events: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    values: list[tuple[str, str, Any]] = field(default_factory=list)

    async def publish(self, place: str, event_id: str, kind: str, body: bytes) -> object:
        self.events.append((place, kind, msgspec.json.decode(body)))
        return None

    async def put(self, place: str, kind: str, body: bytes) -> object:
        self.values.append((place, kind, msgspec.json.decode(body)))
        return None

    def kinds(self) -> list[str]:
        return [kind for _, kind, _ in self.events]

    def last(self, kind: str) -> dict[str, Any]:
        return next(body for _, heard, body in reversed(self.events) if heard == kind)


@dataclass(frozen=True)
class Place:
    """A shop with a studio, and what its screens heard."""

    shop: Shop
    studio: Studio
    heard: Heard

    @property
    def by(self) -> Principal:
        return self.shop.staff

    @property
    def merchant_id(self) -> str:
        return self.shop.staff.merchant_id


@dataclass(frozen=True)
class Air:
    """A session on air in a room, with a sale whose items stand on its shelf as 1, 2, …"""

    room_id: str
    session_id: str
    sale: Sale


@asynccontextmanager
async def open_studio(database_url: str, redis_url: str) -> AsyncIterator[Place]:
    """A studio over a shop of its own."""
    async with open_shop(database_url, redis_url) as shop:
        heard = Heard()
        yield Place(shop, Studio(shop.selling, log=heard), heard)


async def make_room(shop: Shop, merchant_id: str = "") -> str:
    """A room, of the shop's merchant where no other is named."""
    values = {"id": shop.ids.new(), "merchant_id": merchant_id or shop.staff.merchant_id, "now": shop.clock.now()}
    await _write(shop, _ROOM, values)
    return str(values["id"])


async def make_session(shop: Shop, room_id: str, *, started: bool = True, rehearsal: bool = False) -> str:
    """A session of a room of the shop's merchant, on air where it has started."""
    studio = Studio(shop.selling)
    row = (await plan_session(studio, shop.staff, room_id, NewSession(rehearsal=rehearsal))).row
    if started:
        await start_session(studio, shop.staff, row.id)
    return row.id


async def end_session(place: Place, session_id: str) -> None:
    """The end of a session, by hand."""
    await stop_session(place.studio, place.by, session_id)


async def link(shop: Shop, session_id: str, sale_id: str) -> None:
    """Sell a sale in a session."""
    await link_sale(Studio(shop.selling), SaleBook(shop.ledger), shop.staff, session_id, sale_id)


async def on_air(place: Place, *, units: Sequence[int] = (10, 5), rehearsal: bool = False, **options: Any) -> Air:
    """A session on air that sells; options of draft_sale."""
    room_id = await make_room(place.shop)
    session_id = await make_session(place.shop, room_id, rehearsal=rehearsal)
    sale = await open_sale(place.shop, units=units, rehearsal=rehearsal, **options)
    await link(place.shop, session_id, sale.id)
    wishes = [SlotWish(no, item_id) for no, item_id in enumerate(sale.item_ids, start=1)]
    await set_shelf(place.studio, place.by, session_id, wishes)
    return Air(room_id, session_id, sale)


async def order(place: Place, till: Placement, air: Air) -> None:
    """One buyer's order of one unit of the first item, committed."""
    request = OrderRequest([LineRequest(air.sale.item_ids[0], 1)])
    answer = await till.place(air.sale.id, Buyer(place.merchant_id, place.shop.ids.new()), "once", request)
    assert isinstance(answer, Placed), answer


async def _write(shop: Shop, statement: str, values: dict[str, Any]) -> None:
    async with transaction(shop.selling.sessions) as session:
        await session.execute(text(statement), values)


_ROOM = "INSERT INTO room (id, merchant_id, title, created_at) VALUES (:id, :merchant_id, 'A pond', :now)"
