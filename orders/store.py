"""All SQL of orders."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import asyncpg

from inventory.ledger import Ledger
from inventory.model import SaleConfig
from keel.clock import from_ms
from keel.database import array_text, quoted_array_text
from keel.ids import NIL_ID
from orders.attempt import Attempt


@dataclass(slots=True, frozen=True)
class Outcome:
    """An order of a batch that is not new. State: placed, released, reused or void; the id that stands."""

    order_id: str
    state: str


_BEFORE_ALL: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(slots=True)
class DuePlace:
    """How far a round of expiry has come among what is due; at first before all."""

    expires_at: datetime = _BEFORE_ALL
    order_id: str = NIL_ID


async def place_batch(
    ledger: Ledger, group: Sequence[Attempt], segment: int, now_ms: int, subscribers: Sequence[str]
) -> tuple[int, dict[str, Outcome]]:
    """Place held attempts of one epoch, context and configuration in one transaction.

    Returns the time written (ms) and, by claim id, what was not new. Raises inventory.ledger.LedgerFault.
    """
    config = group[0].quoted.config
    placed_at = from_ms(now_ms)
    rows = await ledger.call(
        _PLACE,
        config.merchant_id,
        config.id,
        segment,
        group[0].epoch,
        config.rehearsal,
        config.currency,
        placed_at,
        placed_at + timedelta(seconds=config.hold_ttl_s),
        group[0].context or None,
        subscribers,
        *_order_columns(group),
        *_line_columns(group, config),
        *_recipient_columns(group),
    )
    return now_ms, {str(row["wanted_id"]): Outcome(str(row["id"]), row["outcome"]) for row in rows}


def _order_columns(group: Sequence[Attempt]) -> tuple[str, ...]:
    """ids, customers, keys, prints, lines, units, nos, served_ms, totals, shares."""
    quotes = [a.quoted for a in group]
    return (
        array_text([a.claim_id for a in group]),
        array_text([a.customer_id for a in group]),
        quoted_array_text([a.key for a in group]),
        array_text([a.fingerprint for a in group]),
        quoted_array_text([quote.text for quote in quotes]),
        array_text([quote.units for quote in quotes]),
        array_text([a.no for a in group]),
        array_text([a.at_ms for a in group]),
        array_text([quote.total for quote in quotes]),
        quoted_array_text([a.request.share_code for a in group]),
    )


def _line_columns(group: Sequence[Attempt], config: SaleConfig) -> tuple[str, ...]:
    """orders, nos, items, versions, units, prices."""
    lines = [(a.claim_id, config.by_item[line.item_id], line) for a in group for line in a.quoted.lines]
    return (
        array_text([order_id for order_id, _, _ in lines]),
        array_text([item.no for _, item, _ in lines]),
        array_text([item.id for _, item, _ in lines]),
        array_text([item.version_id for _, item, _ in lines]),
        array_text([line.quantity for _, _, line in lines]),
        array_text([line.unit_price for _, _, line in lines]),
    )


def _recipient_columns(group: Sequence[Attempt]) -> tuple[list[Any], ...]:
    """orders, names, phones, addresses; of those attempts that have a recipient."""
    sent = [(a.claim_id, a.request.recipient) for a in group if a.request.recipient is not None]
    return (
        [order_id for order_id, _ in sent],
        [recipient.name for _, recipient in sent],
        [recipient.phone for _, recipient in sent],
        [recipient.address for _, recipient in sent],
    )


async def order_rows(
    ledger: Ledger, merchant_id: str, order_ids: Sequence[str], customer_ids: Sequence[str] | None
) -> list[asyncpg.Record]:
    """Orders with their receipt, newest first; lines as JSON. Others' are left out where customers are named."""
    return await ledger.call(_ORDERS, merchant_id, list(order_ids), customer_ids)


async def order_page(
    ledger: Ledger, merchant_id: str, customer_ids: Sequence[str], below: str | None, count: int, *, state: str | None
) -> list[asyncpg.Record]:
    """A page of these customers' orders, newest first, below an id; in one state where it is given."""
    return await ledger.call(_PAGE, merchant_id, customer_ids, below, count, state)


async def lapse(
    ledger: Ledger,
    merchant_id: str,
    order_ids: Sequence[str],
    *,
    target: str,
    due_by: datetime | None,
    at: datetime,
    actor: str,
    reason: str | None,
    subscribers: Sequence[str],
) -> list[str]:
    """Expire or cancel orders that await payment; returns the ids that moved."""
    rows = await ledger.call(_LAPSE, merchant_id, list(order_ids), target, due_by, at, actor, reason, subscribers)
    return [str(row["orders_lapse"]) for row in rows]


async def due_orders(ledger: Ledger, now: datetime, after: DuePlace, count: int) -> dict[str, list[str]]:
    """Orders whose hold has run out, oldest first, by merchant; `after` is moved to the last of them."""
    due: dict[str, list[str]] = {}
    for row in await ledger.call(_DUE, now, count, after.expires_at, after.order_id):
        after.expires_at, after.order_id = row["expires_at"], str(row["id"])
        due.setdefault(str(row["merchant_id"]), []).append(after.order_id)
    return due


_PLACE: Final = """
    SELECT * FROM orders_place(
        $1, $2, $3, $4, $5, $6, $7, $8, $9, $10,
        $11::text::uuid[], $12::text::uuid[], $13::text::text[], $14::text::text[], $15::text::text[], $16::text::int[],
        $17::text::bigint[], $18::text::bigint[], $19::text::bigint[], $20::text::text[],
        $21::text::uuid[], $22::text::smallint[], $23::text::uuid[], $24::text::uuid[], $25::text::int[],
        $26::text::bigint[], $27, $28, $29, $30)
"""
_LAPSE: Final = "SELECT orders_lapse($1, $2, $3, $4, $5, $6, $7, $8)"
_COLUMNS: Final = """
    SELECT o.id, o.sale_id, o.customer_id, o.state, o.currency, o.total, o.placed_at, o.expires_at, o.share_code,
           c.verdict_no, c.served_at,
           (SELECT sum(k.allocated)::bigint FROM stock k WHERE k.sale_id = o.sale_id) AS allocated,
           (SELECT json_agg(json_build_object('item_id', l.item_id, 'quantity', l.quantity,
                                              'unit_price', l.unit_price, 'amount', l.amount) ORDER BY l.no)::text
            FROM order_line l WHERE l.merchant_id = o.merchant_id AND l.order_id = o.id) AS lines
    FROM orders o JOIN claim c ON (c.sale_id, c.customer_id, c.key) = (o.sale_id, o.customer_id, o.claim_key)
"""
_ORDERS: Final = (
    _COLUMNS
    + "WHERE o.merchant_id = $1 AND o.id = ANY ($2::uuid[]) AND ($3::uuid[] IS NULL OR o.customer_id = ANY ($3))"
)
# Written so, a state is looked up in no index: a buyer has few orders, and there are many of one state.
_PAGE: Final = (
    _COLUMNS
    + """WHERE o.merchant_id = $1 AND o.customer_id = ANY ($2::uuid[]) AND ($3::uuid IS NULL OR o.id < $3)
      AND ($5::text IS NULL OR o.state || '' = $5)
    ORDER BY o.id DESC LIMIT $4"""
)
_DUE: Final = """
    SELECT merchant_id, id, expires_at FROM orders WHERE state = 'awaiting_payment' AND expires_at <= $1
      AND (expires_at, id) > ($3, $4)
    ORDER BY expires_at, id LIMIT $2
"""
