"""A customer's own orders, and those of the guests he was: with the recipient, which he may set until he pays, and what
is missing."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from accounts.tokens import Claims
from inventory.ledger import Ledger
from orders import store_own
from orders.errors import RecipientFixed
from orders.model import OrderState
from orders.recipients import Whom, missing_of
from orders.schemas import OrderDocument, OwnOrder, Recipient
from orders.service import Orders
from orders.store_own import Need

_NAMES: Final = OrderDocument.__struct_fields__


async def read(orders: Orders, who: Claims, order_id: str) -> OwnOrder:
    """One of his orders. Raises NotFound."""
    order = await orders.read(who.mid, who.sub, order_id, was=who.was)
    return (await _own(orders.ledger, who.mid, [order]))[0]


async def page(
    orders: Orders, who: Claims, below: str | None, count: int, *, state: OrderState | None
) -> list[OwnOrder]:
    """His orders below an id, newest first; in one state where it is given."""
    found = await orders.page(who.mid, who.sub, below, count, state=state, was=who.was)
    return await _own(orders.ledger, who.mid, found) if found else []


async def cancel(orders: Orders, who: Claims, order_id: str, reason: str | None) -> OwnOrder:
    """Cancel one that awaits payment; safe to repeat. Raises NotFound and MoveRefused."""
    order = await orders.cancel(who.mid, who.sub, order_id, reason, was=who.was)
    return (await _own(orders.ledger, who.mid, [order]))[0]


async def put_recipient(orders: Orders, who: Claims, order_id: str, whom: Whom) -> OwnOrder:
    """Set or replace whom one goes to, while it awaits payment. Raises NotFound and RecipientFixed."""
    stored = await store_own.put_recipient(orders.ledger, who.mid, [who.sub, *who.was], order_id, whom)
    order = await read(orders, who, order_id)
    if not stored:
        raise RecipientFixed(state=order.state)
    return order


async def who_ordered(session: AsyncSession, merchant_id: str, customer_ids: Sequence[str]) -> frozenset[str]:
    """Which of these customers ever ordered something."""
    return await store_own.who_ordered(session, merchant_id, customer_ids)


async def _own(ledger: Ledger, merchant_id: str, orders: Sequence[OrderDocument]) -> list[OwnOrder]:
    needs = await store_own.needs(ledger, merchant_id, [order.id for order in orders])
    return [_with(order, needs[order.id]) for order in orders]


def _with(order: OrderDocument, need: Need) -> OwnOrder:
    whom = need.whom
    recipient = None if whom is None else Recipient(whom.name, whom.phone, whom.address)
    missing = missing_of(order.state, whom, to_be_sent=need.to_be_sent)
    return OwnOrder(**{name: getattr(order, name) for name in _NAMES}, recipient=recipient, missing=missing)
