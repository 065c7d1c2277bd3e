"""What people do with orders that stand: read, list, cancel; and what time does to them."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from inventory.faults import LedgerFault, NotSent
from inventory.ledger import Ledger
from keel.clock import Clock
from keel.errors import NotFound
from orders.documents import document_of_row
from orders.errors import MoveRefused
from orders.metrics import EXPIRY_FAILURES
from orders.model import OrderState
from orders.schemas import OrderDocument
from orders.store import DuePlace, due_orders, lapse, order_page, order_rows

log = logging.getLogger(__name__)

PAGE_MAX: Final = 100
EXPIRE_BATCH_MAX: Final = 256


@dataclass(frozen=True)
class Orders:
    """Use cases over the ledger. `subscribers` of the fact that an order lapsed."""

    ledger: Ledger
    clock: Clock
    subscribers: Sequence[str]

    async def read(
        self, merchant_id: str, customer_id: str, order_id: str, *, was: Sequence[str] = ()
    ) -> OrderDocument:
        """One of the customer's own orders, or of the guests they were. Raises NotFound."""
        rows = await order_rows(self.ledger, merchant_id, [order_id], [customer_id, *was])
        if not rows:
            raise NotFound(what="order")
        return document_of_row(rows[0])

    async def page(
        self,
        merchant_id: str,
        customer_id: str,
        below: str | None,
        count: int,
        *,
        state: OrderState | None = None,
        was: Sequence[str] = (),
    ) -> list[OrderDocument]:
        """The orders of the customer, and of the guests they were, below an id, newest first; in one state if given."""
        rows = await order_page(self.ledger, merchant_id, [customer_id, *was], below, count, state=state)
        return [document_of_row(row) for row in rows]

    async def cancel(
        self, merchant_id: str, customer_id: str, order_id: str, reason: str | None, *, was: Sequence[str] = ()
    ) -> OrderDocument:
        """Cancel an order that awaits payment; safe to repeat. Raises NotFound and MoveRefused."""
        order = await self.read(merchant_id, customer_id, order_id, was=was)
        if order.state != OrderState.CANCELLED:
            await lapse(
                self.ledger,
                merchant_id,
                [order_id],
                target=OrderState.CANCELLED,
                due_by=None,
                at=self.clock.now(),
                actor="customer",
                reason=reason,
                subscribers=self.subscribers,
            )
            order = await self.read(merchant_id, customer_id, order_id, was=was)
        if order.state != OrderState.CANCELLED:
            raise MoveRefused(state=order.state, target=OrderState.CANCELLED)
        return order

    async def expire_due(self, after: DuePlace | None = None) -> int:
        """Expire orders whose hold has run out, at most EXPIRE_BATCH_MAX; how many there were.

        `after` goes on where the batch before ended and is moved on, so that orders that cannot lapse are stepped past.
        """
        now = self.clock.now()
        due = await due_orders(self.ledger, now, after or DuePlace(), EXPIRE_BATCH_MAX)
        for merchant_id, order_ids in due.items():
            await self._expire(merchant_id, order_ids, now)
        return sum(len(order_ids) for order_ids in due.values())

    async def _expire(self, merchant_id: str, order_ids: Sequence[str], now: datetime) -> None:
        """Expire orders together or, where one of them cannot lapse, one by one. Raises NotSent."""
        try:
            await lapse(
                self.ledger,
                merchant_id,
                order_ids,
                target=OrderState.EXPIRED,
                due_by=now,
                at=now,
                actor="worker",
                reason="not paid in time",
                subscribers=self.subscribers,
            )
        except NotSent:
            raise  # no order's fault; the next tick comes soon
        except LedgerFault as fault:
            if len(order_ids) == 1:
                EXPIRY_FAILURES.inc()
                log.exception("order %s of merchant %s cannot lapse: %s", order_ids[0], merchant_id, fault)
                return
            for order_id in order_ids:
                await self._expire(merchant_id, [order_id], now)
