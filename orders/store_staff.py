"""SQL of what staff read of orders and do with them. A command locks as a lapse does: claims by key, orders by id."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import func, insert, select, text
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from keel.errors import NotFound
from keel.ids import is_id
from orders.filters import OrderFilter
from orders.numbers import IdRange, canonical_number, id_of_number, ids_of_number
from orders.recipients import Whom
from orders.tables import OrderHistoryRow, OrderNoteRow, OrderRecipientRow, OrderRow


async def id_of(session: AsyncSession, merchant_id: str, id_or_number: str) -> str:
    """The id of an order of this merchant, by id or by the number people read. Raises NotFound."""
    number = canonical_number(id_or_number)
    wanted = IdRange(id_or_number, id_or_number) if number is None else ids_of_number(number)
    if not is_id(wanted.least):
        raise NotFound(what="order")
    mine = OrderRow.merchant_id == merchant_id, OrderRow.id.between(wanted.least, wanted.greatest)
    found = list((await session.scalars(select(OrderRow.id).where(*mine))).all())
    order_id = next(iter(found), None) if number is None else id_of_number(number, found)
    if order_id is None:
        raise NotFound(what="order")
    return order_id


async def lock(session: AsyncSession, merchant_id: str, order_id: str) -> str:
    """The state of an order that stays as it is until the commit. Raises NotFound, for another merchant's as well."""
    mine = OrderRow.merchant_id == merchant_id, OrderRow.id == order_id
    state = await session.scalar(select(OrderRow.state).where(*mine).with_for_update(key_share=True))
    if state is None:
        raise NotFound(what="order")
    return state


async def state_of(session: AsyncSession, merchant_id: str, order_id: str) -> str:
    """The state of an order at this moment. Raises NotFound, for another merchant's as well."""
    mine = OrderRow.merchant_id == merchant_id, OrderRow.id == order_id
    state = await session.scalar(select(OrderRow.state).where(*mine))
    if state is None:
        raise NotFound(what="order")
    return state


async def rows(session: AsyncSession, merchant_id: str, order_ids: Sequence[str]) -> list[dict[str, Any]]:
    """Orders with sale, recipient and receipt, newest first; lines as JSON text."""
    found = await session.execute(_ROWS, {"merchant": merchant_id, "ids": list(order_ids)})
    return [dict(row) for row in found.mappings()]


async def history(session: AsyncSession, merchant_id: str, order_id: str) -> Sequence[OrderHistoryRow]:
    """The states an order went through, oldest first."""
    mine = OrderHistoryRow.merchant_id == merchant_id, OrderHistoryRow.order_id == order_id
    page = select(OrderHistoryRow).where(*mine)
    # A free order is paid at the very moment it is placed; nothing else happens twice in one moment.
    return (await session.scalars(page.order_by(OrderHistoryRow.at, OrderHistoryRow.state))).all()


async def notes(session: AsyncSession, merchant_id: str, order_id: str) -> Sequence[OrderNoteRow]:
    """What staff wrote, oldest first."""
    mine = OrderNoteRow.merchant_id == merchant_id, OrderNoteRow.order_id == order_id
    return (await session.scalars(select(OrderNoteRow).where(*mine).order_by(OrderNoteRow.id))).all()


async def add_note(session: AsyncSession, **values: Any) -> OrderNoteRow:
    """A new note; notes are never changed."""
    row: OrderNoteRow | None = await session.scalar(insert(OrderNoteRow).values(**values).returning(OrderNoteRow))
    assert row is not None
    return row


async def count_notes(session: AsyncSession, merchant_id: str, order_id: str) -> int:
    """How many notes an order has."""
    mine = OrderNoteRow.merchant_id == merchant_id, OrderNoteRow.order_id == order_id
    found = await session.scalar(select(func.count()).select_from(OrderNoteRow).where(*mine))
    return found or 0


async def put_recipient(session: AsyncSession, merchant_id: str, order_id: str, whom: Whom) -> None:
    """Set or replace the recipient of an order that is locked."""
    values = {"name": whom.name, "phone": whom.phone, "address": whom.address}
    new = upsert(OrderRecipientRow).values(merchant_id=merchant_id, order_id=order_id, **values)
    await session.execute(new.on_conflict_do_update(index_elements=["merchant_id", "order_id"], set_=values))


async def cancel(
    session: AsyncSession,
    merchant_id: str,
    order_id: str,
    *,
    at: datetime,
    actor: str,
    reason: str,
    heard_by: Sequence[str],
) -> bool:
    """Cancel an order that awaits payment, its units and its fact included; False where it does not await payment."""
    values = {"merchant": merchant_id, "ids": [order_id], "at": at, "actor": actor, "reason": reason}
    moved = await session.execute(_CANCEL, values | {"subscribers": list(heard_by)})
    return moved.first() is not None


def filter_values(given: OrderFilter) -> Mapping[str, Any]:
    """A filter as JSON data, without what is not given."""
    named = {name: getattr(given, name) for name in OrderFilter.__dataclass_fields__}
    return {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in named.items()
        if value is not None
    }


_ROWS: Final = text("""
    SELECT o.*, s.title AS sale_title, r.name, r.phone, r.address, c.verdict_no, c.served_at,
           (SELECT json_agg(json_build_object(
                       'no', l.no, 'item_id', l.item_id, 'sku_id', v.sku_id, 'sku_code', k.code, 'title', v.title,
                       'quantity', l.quantity, 'unit_price', l.unit_price, 'amount', l.amount,
                       'needs_recipient', v.needs_recipient) ORDER BY l.no)::text
            FROM order_line l JOIN item_version v ON v.id = l.item_version_id JOIN sku k ON k.id = v.sku_id
            WHERE l.merchant_id = o.merchant_id AND l.order_id = o.id) AS lines
    FROM orders o
    JOIN sale s ON s.merchant_id = o.merchant_id AND s.id = o.sale_id
    LEFT JOIN order_recipient r ON r.merchant_id = o.merchant_id AND r.order_id = o.id
    LEFT JOIN claim c ON (c.sale_id, c.customer_id, c.key) = (o.sale_id, o.customer_id, o.claim_key)
    WHERE o.merchant_id = :merchant AND o.id = ANY (CAST(:ids AS uuid[]))
    ORDER BY o.id DESC
""")
_CANCEL: Final = text("""
    SELECT orders_lapse(:merchant, CAST(:ids AS uuid[]), 'cancelled', NULL, :at, :actor, :reason,
                        CAST(:subscribers AS text[]))
""")
