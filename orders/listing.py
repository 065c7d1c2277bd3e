"""Orders as staff look for them: any filter, page by page, the newest first."""

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from keel.database import edge
from keel.errors import Forbidden, Malformed
from keel.identity import Principal
from orders import store_list, store_staff
from orders.filters import OrderFilter, id_after, id_before
from orders.handling import BUSY, Handling
from orders.recipients import may_see
from orders.schemas_staff import OrderBrief, OrderPage
from orders.shown import brief_of
from orders.store_list import Found
from orders.store_ways import Wanted, span_of


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page stands: below an id (older), above one (newer), or, without either, at the newest."""

    below: str | None = None
    above: str | None = None

    def __post_init__(self) -> None:
        if self.below is not None and self.above is not None:
            raise Malformed(detail="either below or above, not both")


async def list_orders(
    handling: Handling, by: Principal, given: OrderFilter, place: Place, *, count: int, plain: bool = False
) -> OrderPage:
    """A page of the orders that fit. `plain` shows recipients as they are and leaves a row in the audit.

    Raises Forbidden where the role may not see them.
    """
    if plain and not may_see(by):
        raise Forbidden(role=by.role)
    async with edge(handling.sessions, busy=BUSY) as session:
        wanted = await store_list.wanted_of(session, by.merchant_id, given)
        found = await store_list.find(session, wanted, span_of(given, above=place.above, below=place.below), count)
        orders = await _briefs(session, wanted, found, plain=plain)
        if plain and any(order.recipient for order in orders):
            handling.audit(session, by, "order.recipients_read", None, orders=[order.id for order in orders])
    return _page(orders, place, found)


async def _briefs(session: AsyncSession, wanted: Wanted, found: Found, *, plain: bool) -> list[OrderBrief]:
    rows = await store_staff.rows(session, wanted.merchant_id, found.ids) if found.ids else []
    return [brief_of(row, plain=plain) for row in rows]


def _page(orders: list[OrderBrief], place: Place, found: Found) -> OrderPage:
    """The pages on both sides hang on the outermost orders; where there are none, on the place itself."""
    if place.above is not None:
        older = orders[-1].id if orders else id_after(place.above)
        return OrderPage(orders=orders, next=older, previous=found.resume)
    newer = None
    if place.below is not None:
        newer = orders[0].id if orders else id_before(place.below)
    return OrderPage(orders=orders, next=found.resume, previous=newer)
