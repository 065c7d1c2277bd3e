"""SQL of what a customer sees and sets on his own orders."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from inventory.ledger import Ledger
from orders.recipients import Whom
from orders.tables import OrderRow


@dataclass(frozen=True, slots=True)
class Need:
    """Whom an order goes to, and whether anything in it has to be sent."""

    whom: Whom | None
    to_be_sent: bool


async def needs(ledger: Ledger, merchant_id: str, order_ids: Sequence[str]) -> dict[str, Need]:
    """By order id; of this merchant's orders only."""
    rows = await ledger.call(_NEEDS, merchant_id, list(order_ids))
    return {
        str(row["id"]): Need(
            None if row["name"] is None else Whom(name=row["name"], phone=row["phone"], address=row["address"]),
            row["to_be_sent"],
        )
        for row in rows
    }


async def put_recipient(
    ledger: Ledger, merchant_id: str, customer_ids: Sequence[str], order_id: str, whom: Whom
) -> bool:
    """Set or replace the recipient while the order awaits payment; False where it does not, or is none of theirs.

    The order is locked, so that payment comes before or after, and never in between.
    """
    rows = await ledger.call(_PUT, merchant_id, order_id, customer_ids, whom.name, whom.phone, whom.address)
    return bool(rows)


async def who_ordered(session: AsyncSession, merchant_id: str, customer_ids: Sequence[str]) -> frozenset[str]:
    """Which of these customers have an order."""
    mine = OrderRow.merchant_id == merchant_id, OrderRow.customer_id.in_(customer_ids)
    return frozenset(await session.scalars(select(OrderRow.customer_id).where(*mine).distinct()))


_NEEDS: Final = """
    SELECT o.id, r.name, r.phone, r.address,
           EXISTS (SELECT FROM order_line l JOIN item_version v ON v.id = l.item_version_id
                   WHERE l.merchant_id = o.merchant_id AND l.order_id = o.id AND v.needs_recipient) AS to_be_sent
    FROM orders o LEFT JOIN order_recipient r ON r.merchant_id = o.merchant_id AND r.order_id = o.id
    WHERE o.merchant_id = $1 AND o.id = ANY ($2::uuid[])
"""
_PUT: Final = """
    WITH mine AS (
        SELECT o.merchant_id, o.id FROM orders o
        WHERE o.merchant_id = $1 AND o.id = $2 AND o.customer_id = ANY ($3::uuid[]) AND o.state = 'awaiting_payment'
        FOR NO KEY UPDATE)
    INSERT INTO order_recipient (merchant_id, order_id, name, phone, address)
    SELECT m.merchant_id, m.id, $4, $5, $6 FROM mine m
    ON CONFLICT (merchant_id, order_id)
    DO UPDATE SET name = excluded.name, phone = excluded.phone, address = excluded.address
    RETURNING order_id
"""
