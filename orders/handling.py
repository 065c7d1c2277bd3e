"""What staff do with orders: read one, cancel it, correct its recipient, note something down."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from keel.audit import Audited
from keel.database import edge
from keel.errors import Conflict
from keel.identity import Principal
from orders import store_staff
from orders.errors import MoveRefused, RecipientFixed
from orders.model import OrderState
from orders.recipients import Whom, may_see
from orders.schemas_staff import OrderOut
from orders.shown import order_of

NOTES_MAX: Final = 200
BUSY: Final = "the database is busy with this order"
# Staff put a wrong address right after payment too; the customer's own word ends with payment.
_STAFF_MAY_ADDRESS: Final = {OrderState.AWAITING_PAYMENT, OrderState.PAID}


@dataclass(frozen=True, slots=True)
class Handling(Audited):
    """What the use cases of staff need. `lapse_heard_by`: subscribers of the fact that an order lapsed."""

    lapse_heard_by: Sequence[str]


async def read_order(handling: Handling, by: Principal, id_or_number: str) -> OrderOut:
    """An order by its id or the number people read, with history and notes. Raises NotFound."""
    async with edge(handling.sessions, busy=BUSY) as session:
        order_id = await store_staff.id_of(session, by.merchant_id, id_or_number)
        return await _shown(session, by, order_id)


async def cancel_order(handling: Handling, by: Principal, order_id: str, reason: str) -> OrderOut:
    """Cancel an order that awaits payment; its units go back. Safe to repeat. Raises NotFound and MoveRefused."""
    at, heard_by = handling.clock.now(), handling.lapse_heard_by
    async with edge(handling.sessions, busy=BUSY) as session:
        await store_staff.state_of(session, by.merchant_id, order_id)
        cancelled = await store_staff.cancel(
            session, by.merchant_id, order_id, at=at, actor=by.subject, reason=reason, heard_by=heard_by
        )
        if cancelled:
            handling.audit(session, by, "order.cancel", order_id, reason=reason)
        state = await store_staff.state_of(session, by.merchant_id, order_id)
        if state != OrderState.CANCELLED:
            raise MoveRefused(state=state, target=OrderState.CANCELLED)
        return await _shown(session, by, order_id)


async def set_recipient(handling: Handling, by: Principal, order_id: str, whom: Whom) -> OrderOut:
    """Set or correct whom an order goes to, unless it lapsed. Raises NotFound and RecipientFixed."""
    async with edge(handling.sessions, busy=BUSY) as session:
        state = await store_staff.lock(session, by.merchant_id, order_id)
        if state not in _STAFF_MAY_ADDRESS:
            raise RecipientFixed(state=state)
        await store_staff.put_recipient(session, by.merchant_id, order_id, whom)
        handling.audit(session, by, "order.recipient", order_id, state=state)
        return await _shown(session, by, order_id)


async def add_note(handling: Handling, by: Principal, order_id: str, text: str) -> OrderOut:
    """Write down something about an order, for good. Raises NotFound, and Conflict when there are too many notes."""
    merchant_id, at = by.merchant_id, handling.clock.now()
    async with edge(handling.sessions, busy=BUSY) as session:
        await store_staff.lock(session, merchant_id, order_id)
        if await store_staff.count_notes(session, merchant_id, order_id) >= NOTES_MAX:
            raise Conflict(detail=f"an order takes at most {NOTES_MAX} notes")
        note_id = handling.ids.new()
        note = {"merchant_id": merchant_id, "order_id": order_id, "id": note_id, "author": by.subject, "text": text}
        await store_staff.add_note(session, **note, at=at)
        handling.audit(session, by, "order.note", order_id, note_id=note_id)
        return await _shown(session, by, order_id)


async def _shown(session: AsyncSession, by: Principal, order_id: str) -> OrderOut:
    (row,) = await store_staff.rows(session, by.merchant_id, [order_id])
    history = await store_staff.history(session, by.merchant_id, order_id)
    notes = await store_staff.notes(session, by.merchant_id, order_id)
    return order_of(row, history, notes, plain=may_see(by))
