"""Pages of orders as staff look for them: found along one index, in slices, within a time limit."""

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from inventory.model import HOLD_TTL_S_MAX
from orders.filters import ID_BEFORE_PLACED_MAX, OrderFilter, Rehearsals, least_id_at
from orders.model import OrderState
from orders.store_ways import FEW_MAX, GATHERED, Span, Wanted, Way, counted, in_state, matching, taking, ways_of
from orders.tables import OrderRow

CHUNK_ROWS: Final = 10_000  # orders that one statement looks at, at most
COUNTED_ROWS: Final = 50_000  # the same of a statement that only counts, for somebody who is not waiting
SEARCH_S_MAX: Final = 0.02  # after this no further chunk is looked at: the page stays short and the next one goes on


@dataclass(frozen=True, slots=True)
class Found:
    """Ids in the order of the span. `resume` is where to go on: beyond that id there may be more; None at the end."""

    ids: list[str]
    resume: str | None


@dataclass(frozen=True, slots=True)
class Counted:
    """How many fit on a stretch of the span. `resume` is its end: beyond that id there may be more; None at the end."""

    orders: int
    resume: str | None


async def wanted_of(session: AsyncSession, merchant_id: str, given: OrderFilter) -> Wanted:
    """The filter with the sales and items that it is about."""
    if given.by_line:
        return await _with_items(session, merchant_id, given)
    if given.sale_id is not None:
        return Wanted(merchant_id, given, (given.sale_id,))
    if given.by_many_sales:
        only = given.rehearsals is Rehearsals.ONLY
        rows = await session.scalars(_SALES, {"merchant": merchant_id, "rehearsal": only})
        return Wanted(merchant_id, given, tuple(str(row) for row in rows))
    return Wanted(merchant_id, given)


async def _with_items(session: AsyncSession, merchant_id: str, given: OrderFilter) -> Wanted:
    """An item and a SKU may be asked for together: an order has both, on one line or on two, so of one sale."""
    values = {"merchant": merchant_id, "item": given.item_id, "sku": given.sku_id, "sale": given.sale_id}
    sold = (await session.execute(_SOLD_AS, values)).all()
    asked = (("id", given.item_id), ("sku_id", given.sku_id))
    found = [[row for row in sold if str(getattr(row, name)) == value] for name, value in asked if value is not None]
    sales = set.intersection(*({str(row.sale_id) for row in rows} for rows in found))
    return Wanted(merchant_id, given, tuple(sales), tuple(tuple(str(row.id) for row in rows) for rows in found))


async def find(session: AsyncSession, wanted: Wanted, span: Span, count: int) -> Found:
    """At most `count` ids; fewer with a `resume` where the time ran out before so many were found."""
    began_s, ids = time.perf_counter(), list[str]()
    narrowed = await _narrowed(session, wanted, span)
    if narrowed is None:
        return Found([], None)
    span = narrowed
    way = await way_of(session, wanted, span)
    chunk = FEW_MAX if way in GATHERED else max(count + 1, _rows_at_once(wanted, CHUNK_ROWS))
    while True:
        page = matching(wanted, way, span, chunk=chunk, count=count + 1 - len(ids))
        ids += (await session.scalars(page)).all()
        if len(ids) > count:
            return Found(ids[:count], ids[count - 1])
        end = None if way in GATHERED else await _end_of(session, wanted, way, span, chunk)
        if end is None or time.perf_counter() - began_s > SEARCH_S_MAX:
            return Found(ids, end)
        span = span.beyond(end)


async def count(session: AsyncSession, wanted: Wanted, span: Span) -> Counted:
    """How many orders fit on the next stretch: COUNTED_ROWS are looked at, at most."""
    narrowed = await _narrowed(session, wanted, span)
    if narrowed is None:
        return Counted(0, None)
    way = await way_of(session, wanted, narrowed)
    chunk = FEW_MAX if way in GATHERED else _rows_at_once(wanted, COUNTED_ROWS)
    fitting = matching(wanted, way, narrowed, chunk=chunk, count=chunk).subquery()
    orders = await session.scalar(select(func.count()).select_from(fitting)) or 0
    return Counted(orders, None if way in GATHERED else await _end_of(session, wanted, way, narrowed, chunk))


def _rows_at_once(wanted: Wanted, rows: int) -> int:
    """How many may be taken where so many are looked at: a way by sales takes as many of each."""
    return max(1, rows // max(1, len(wanted.sale_ids)))


async def _end_of(session: AsyncSession, wanted: Wanted, way: Way, span: Span, chunk: int) -> str | None:
    """The last id of a chunk, None where the way ended inside it."""
    last = taking(wanted, way, span, 1, skip=chunk - 1).subquery()
    found: str | None = await session.scalar(select(last.c.id))
    return found


async def way_of(session: AsyncSession, wanted: Wanted, span: Span) -> Way:
    """The way with the fewest orders where one has few, which is found out by counting so far; else the best guess.

    A way is counted only as far as the fewest before it.
    """
    offered = ways_of(wanted.filter)
    best_guess = next((way for way in offered if way not in GATHERED), Way.ALL)
    asked = [*offered, Way.ALL] if wanted.filter.by_time else offered
    if not asked or asked == [best_guess]:
        return best_guess
    chosen, fewest = best_guess, FEW_MAX + 1
    for way in asked:
        orders = await session.scalar(counted(wanted, way, span, fewest)) or 0
        if orders < fewest:
            chosen, fewest = way, orders
    return chosen


async def _narrowed(session: AsyncSession, wanted: Wanted, span: Span) -> Span | None:
    """Without what is older than the oldest hold can be, where only unpaid orders count; None where there are none."""
    if wanted.filter.state is not OrderState.AWAITING_PAYMENT:
        return span
    first: datetime | None = await session.scalar(select(func.min(OrderRow.expires_at)).where(in_state(wanted)))
    if first is None:
        return None
    floor = least_id_at(first - timedelta(seconds=HOLD_TTL_S_MAX) - ID_BEFORE_PLACED_MAX)
    return Span(max(floor, span.above or floor), span.below, backwards=span.backwards)


_SOLD_AS: Final = text("""
    SELECT id, sku_id, sale_id FROM sale_item
    WHERE merchant_id = :merchant AND (id = CAST(:item AS uuid) OR sku_id = CAST(:sku AS uuid))
      AND (CAST(:sale AS uuid) IS NULL OR sale_id = CAST(:sale AS uuid))
""")
_SALES: Final = text("SELECT id FROM sale WHERE merchant_id = :merchant AND (rehearsal OR NOT :rehearsal)")
