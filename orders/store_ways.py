"""The ways to come by the orders that staff look for, each along one index, as statements.

The way is chosen here and not by PostgreSQL's planner: with "rare filter, newest first, 50 of them" it reads a million
orders backwards in the hope of finding fifty soon. So each statement names an index by its shape: what it takes from it
stands inside a LIMIT, in the index's own order, and everything else is looked at outside.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import ARRAY, ColumnElement, Select, Uuid, bindparam, cast, exists, func, literal, select, true
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.sql.base import ReadOnlyColumnCollection

from orders.filters import OrderFilter, Rehearsals
from orders.model import OrderState
from orders.tables import OrderLineRow, OrderRecipientRow, OrderRow

FEW_MAX: Final = 10_000  # rows that may be gathered and sorted for one page

Columns = ReadOnlyColumnCollection[str, Any]
Page = Select[*tuple[Any, ...]]
Column = ColumnElement[str] | InstrumentedAttribute[str]
_TAKEN: Final = (
    OrderRow.id,
    OrderRow.sale_id,
    OrderRow.customer_id,
    OrderRow.state,
    OrderRow.share_code,
    OrderRow.total,
    OrderRow.rehearsal,
    OrderRow.placed_at,
)
_IDS: Final = ARRAY(Uuid(as_uuid=False))


class Way(StrEnum):
    """What is walked along, in the order of ids; but for the last two, which are gathered whole where they are few."""

    CUSTOMER = "customer"
    SHARE = "share"
    SALES = "sales"
    STATE = "state"
    RECIPIENTS = "recipients"
    ALL = "all"
    TOTAL = "total"
    UNPAID = "unpaid"


GATHERED: Final = frozenset({Way.TOTAL, Way.UNPAID})


@dataclass(frozen=True, slots=True)
class Wanted:
    """A filter of one merchant. `sale_ids` are those that can have such orders, where the way goes by sales; of each
    of `items`, one must be among the lines, not all of them on the same."""

    merchant_id: str
    filter: OrderFilter
    sale_ids: tuple[str, ...] = ()
    items: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Span:
    """Ids strictly between two; newest first, or the other way."""

    above: str | None
    below: str | None
    backwards: bool = False

    def holds(self, column: Column) -> list[ColumnElement[bool]]:
        """That an id is inside."""
        lower = [] if self.above is None else [column > self.above]
        return lower if self.below is None else [*lower, column < self.below]

    def ordered(self, column: Column) -> ColumnElement[str]:
        """The order in which pages are read."""
        return column.asc() if self.backwards else column.desc()

    def beyond(self, order_id: str) -> "Span":
        """What comes after this id."""
        if self.backwards:
            return Span(order_id, self.below, backwards=True)
        return Span(self.above, order_id)


def span_of(given: OrderFilter, *, above: str | None = None, below: str | None = None) -> Span:
    """What the filter's time leaves between two ids; read from the older end on where `above` is given."""
    lower = [bound for bound in (above, given.ids_above()) if bound is not None]
    upper = [bound for bound in (below, given.ids_below()) if bound is not None]
    return Span(max(lower, default=None), min(upper, default=None), backwards=above is not None)


def ways_of(given: OrderFilter) -> list[Way]:
    """The ways that this filter offers, the best guess first, apart from that over all orders."""
    offered = {
        Way.CUSTOMER: given.customer_id is not None,
        Way.SHARE: given.share_code is not None,
        Way.SALES: given.sale_id is not None or given.by_line or given.rehearsals is Rehearsals.ONLY,
        Way.STATE: given.state not in (None, OrderState.AWAITING_PAYMENT),
        Way.RECIPIENTS: given.has_recipient is True,
        Way.TOTAL: given.by_total,
        Way.UNPAID: given.state is OrderState.AWAITING_PAYMENT,
    }
    return [way for way, there in offered.items() if there]


def counted(wanted: Wanted, way: Way, span: Span, limit: int) -> Select[int]:
    """How many orders a way has, up to the limit."""
    if way is Way.RECIPIENTS:
        some = _recipients(wanted, span, limit)
    elif _merged(wanted, way):
        some = _by_sale(wanted, way, span, limit, in_order=False)
    elif way in GATHERED:
        some = _gathered(wanted, way, limit)
    else:
        some = select(OrderRow.id).where(*_along(wanted, way), *span.holds(OrderRow.id))
        some = some.order_by(span.ordered(OrderRow.id)).limit(limit)
    return select(func.count()).select_from(some.subquery())


def matching(wanted: Wanted, way: Way, span: Span, *, chunk: int, count: int) -> Select[str]:
    """Ids of the orders that fit, among the next `chunk` on the way, in the order of the span; `count` at most."""
    taken = taking(wanted, way, span, chunk).subquery()
    conditions = [*span.holds(taken.c.id), *fits(wanted, taken.c)]
    return select(taken.c.id).where(*conditions).order_by(span.ordered(taken.c.id)).limit(count)


def taking(wanted: Wanted, way: Way, span: Span, chunk: int, *, skip: int = 0) -> Page:
    """The next `chunk` orders on the way after `skip`, whether they fit or not. What is gathered comes whole."""
    if way in GATHERED:
        return _gathered(wanted, way, FEW_MAX + 1)
    if _merged(wanted, way):
        return _by_sale(wanted, way, span, chunk + skip, in_order=True).limit(chunk).offset(skip)
    if way is Way.RECIPIENTS:
        part = _recipients(wanted, span, chunk).offset(skip).subquery()
        mine = (OrderRow.merchant_id == wanted.merchant_id) & (OrderRow.id == part.c.order_id)
        return select(*_TAKEN).join_from(part, OrderRow, mine)
    page = select(*_TAKEN).where(*_along(wanted, way), *span.holds(OrderRow.id))
    return page.order_by(span.ordered(OrderRow.id)).limit(chunk).offset(skip)


def _merged(wanted: Wanted, way: Way) -> bool:
    """Whether several stretches of an index make up the way, one for each sale."""
    return way in (Way.SHARE, Way.SALES) and len(wanted.sale_ids) != 1


def _along(wanted: Wanted, way: Way) -> list[ColumnElement[bool]]:
    mine = OrderRow.merchant_id == wanted.merchant_id
    match way:
        case Way.CUSTOMER:
            return [mine, OrderRow.customer_id == wanted.filter.customer_id]
        case Way.STATE:
            return [mine, in_state(wanted)]
        case Way.SALES:
            return [mine, OrderRow.sale_id == wanted.sale_ids[0]]
        case Way.SHARE:
            return [mine, OrderRow.sale_id == wanted.sale_ids[0], OrderRow.share_code == wanted.filter.share_code]
        case _:
            return [mine]


def in_state(wanted: Wanted) -> ColumnElement[bool]:
    """Written out in the statement, or a partial index could not be used."""
    return OrderRow.state == bindparam("state", str(wanted.filter.state), literal_execute=True)


def _gathered(wanted: Wanted, way: Way, limit: int) -> Page:
    mine = OrderRow.merchant_id == wanted.merchant_id
    if way is Way.UNPAID:
        page = select(*_TAKEN).where(mine, in_state(wanted)).order_by(OrderRow.expires_at, OrderRow.id)
    else:
        page = select(*_TAKEN).where(mine, *_total(wanted.filter, OrderRow.total)).order_by(OrderRow.total)
    return page.limit(limit)


def _by_sale(wanted: Wanted, way: Way, span: Span, limit: int, *, in_order: bool) -> Page:
    """Orders of each sale along its own stretch of the index, merged."""
    sales = func.unnest(cast(literal(list(wanted.sale_ids), _IDS), _IDS)).table_valued("sale_id").render_derived()
    along = [OrderRow.merchant_id == wanted.merchant_id, OrderRow.sale_id == sales.c.sale_id]
    if way is Way.SHARE:
        along.append(OrderRow.share_code == wanted.filter.share_code)
    part = select(*_TAKEN).where(*along, *span.holds(OrderRow.id))
    part = part.order_by(span.ordered(OrderRow.id)).limit(limit)
    of_sale = part.lateral()
    page = select(of_sale).join_from(sales, of_sale, true())
    return page.order_by(span.ordered(of_sale.c.id)).limit(limit) if in_order else page.limit(limit)


def _recipients(wanted: Wanted, span: Span, limit: int) -> Page:
    mine = OrderRecipientRow.merchant_id == wanted.merchant_id
    page = select(OrderRecipientRow.order_id).where(mine, *span.holds(OrderRecipientRow.order_id))
    return page.order_by(span.ordered(OrderRecipientRow.order_id)).limit(limit)


def _total(given: OrderFilter, column: ColumnElement[int] | InstrumentedAttribute[int]) -> list[ColumnElement[bool]]:
    lower = [] if given.total_min is None else [column >= given.total_min]
    return lower if given.total_max is None else [*lower, column <= given.total_max]


def fits(wanted: Wanted, taken: Columns) -> list[ColumnElement[bool]]:
    """All that must be true of an order, said of these columns."""
    given = wanted.filter
    true_of = _total(given, taken.total)
    for column, value in (
        (taken.sale_id, given.sale_id),
        (taken.customer_id, given.customer_id),
        (taken.state, given.state),
        (taken.share_code, given.share_code),
    ):
        if value is not None:
            true_of.append(column == value)
    if given.placed_from is not None:
        true_of.append(taken.placed_at >= given.placed_from)
    if given.placed_to is not None:
        true_of.append(taken.placed_at < given.placed_to)
    if given.rehearsals is not Rehearsals.INCLUDED:
        true_of.append(taken.rehearsal.is_(given.rehearsals is Rehearsals.ONLY))
    return [*true_of, *_elsewhere(wanted, taken)]


def _elsewhere(wanted: Wanted, taken: Columns) -> Sequence[ColumnElement[bool]]:
    """What other tables say of an order."""
    true_of: list[ColumnElement[bool]] = []
    for item_ids in wanted.items:
        mine = OrderLineRow.merchant_id == wanted.merchant_id, OrderLineRow.order_id == taken.id
        true_of.append(exists().where(*mine, OrderLineRow.item_id.in_(item_ids)))
    if wanted.filter.has_recipient is not None:
        whom = exists().where(
            OrderRecipientRow.merchant_id == wanted.merchant_id, OrderRecipientRow.order_id == taken.id
        )
        true_of.append(whom if wanted.filter.has_recipient else ~whom)
    return true_of
