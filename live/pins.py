"""Use cases of pins: what the host holds up, from when to when. Reports say by them what sold while it was shown.

A pin changes three things in one transaction, with the session locked: the interval, the context of the sales (an order
carries what is pinned, by the gate's verdict and not by a client's word), and what the screens are told. A sale of the
session that has nothing pinned carries the session alone.
"""

from collections.abc import Sequence
from typing import Any

from inventory.airing import Context, is_at_gate, show_during, show_nothing
from keel.clock import rfc3339, to_ms
from keel.errors import Conflict, NotFound
from keel.identity import Principal
from live import store_shelf
from live.model import Power
from live.staging import may_in_session
from live.store_shelf import Broadcast, Slot
from live.studio import Command, Studio
from live.tables_shelf import PinRow


async def pin(studio: Studio, by: Principal, session_id: str, no: int) -> PinRow:
    """Hold up what stands in a slot, in the place of what was. Safe to repeat.

    Raises Forbidden, NotFound, and Conflict where the session is not on air, the slot is hidden or its sale does not
    sell.
    """
    async with studio.command() as command:
        await may_in_session(command.session, by, session_id, Power.SELL)
        at = await _on_air(command, by, session_id)
        slot = await _slot(command, by, session_id, no)
        before = await store_shelf.open_pin(command.session, by.merchant_id, session_id)
        if before is not None and (before.no, before.item_id) == (slot.no, slot.item_id):
            return before
        if before is not None:
            await store_shelf.close_pin(command.session, before, studio.now)
        row = await _open(command, by, at, slot)
        await _carry(command, by.merchant_id, at, pin=row, was=before)
        command.announce(at.place, "pin.set", pin_body(row))
        command.audit(by, "pin", session_id, pin_id=row.id, no=no)
        return row


async def unpin(studio: Studio, by: Principal, session_id: str, pin_id: str | None = None) -> None:
    """Take down what is pinned. Safe to repeat. Raises NotFound, and Conflict where another pin than `pin_id` is up."""
    async with studio.command() as command:
        await may_in_session(command.session, by, session_id, Power.SELL)
        at = await store_shelf.find_session(command.session, by.merchant_id, session_id, lock=True)
        up = await store_shelf.open_pin(command.session, by.merchant_id, session_id)
        if up is None:
            return
        if pin_id is not None and pin_id != up.id:
            raise Conflict(detail="something else is pinned by now")
        await clear_pin(command, by.merchant_id, at, up)
        command.audit(by, "unpin", session_id, pin_id=up.id)


async def list_pins(
    studio: Studio, by: Principal, session_id: str, *, below: str | None, count: int
) -> Sequence[PinRow]:
    """A page of what was pinned, newest first. Raises NotFound."""
    async with studio.command() as command:
        await store_shelf.find_session(command.session, by.merchant_id, session_id)
        return await store_shelf.list_pins(command.session, by.merchant_id, session_id, below=below, count=count)


async def clear_pin(command: Command, merchant_id: str, at: Broadcast, up: PinRow) -> None:
    """Take a pin down; the session is locked."""
    await store_shelf.close_pin(command.session, up, command.studio.now)
    if at.on_air:
        await _carry(command, merchant_id, at, pin=None, was=up)
    command.announce(at.place, "pin.cleared", {"pin_id": up.id, "at": rfc3339(to_ms(command.studio.now))})


def pin_body(row: PinRow) -> dict[str, Any]:
    """A pin as screens are told of it."""
    return {
        "pin_id": row.id,
        "no": row.no,
        "sale_id": row.sale_id,
        "item_id": row.item_id,
        "at": rfc3339(to_ms(row.from_at)),
    }


def context_of(at: Broadcast, pin_id: str | None) -> Context:
    """What an order of a session that is on air carries; see orders_place of the ledger."""
    assert at.started_at is not None, "the session is on air"
    context = {"room_id": at.room_id, "session_id": at.id, "started_ms": to_ms(at.started_at)}
    return context if pin_id is None else context | {"pin_id": pin_id}


async def carry(
    command: Command, merchant_id: str, at: Broadcast, sale_id: str, pin_id: str | None, *, take_over: bool = False
) -> bool:
    """Let the orders of a sale carry this session. False where it sells nothing: a draft, closed, or put away."""
    context = context_of(at, pin_id)
    try:
        sale = await show_during(command.session, merchant_id, sale_id, context, take_over=take_over)
    except NotFound:
        return False
    if is_at_gate(sale):
        command.sales.add(sale_id)
    return is_at_gate(sale)


async def carry_nothing(command: Command, merchant_id: str, at: Broadcast, sale_id: str) -> None:
    """Let the orders of a sale carry this session no more."""
    try:
        sale = await show_nothing(command.session, merchant_id, sale_id, session_id=at.id)
    except NotFound:
        return
    if is_at_gate(sale):
        command.sales.add(sale_id)


async def _carry(command: Command, merchant_id: str, at: Broadcast, *, pin: PinRow | None, was: PinRow | None) -> None:
    wanted: dict[str, str | None] = {} if was is None else {was.sale_id: None}
    if pin is not None:
        wanted[pin.sale_id] = pin.id
    for sale_id in sorted(wanted):  # always in one order: two sessions may share sales
        pin_id = wanted[sale_id]
        sells = await carry(command, merchant_id, at, sale_id, pin_id, take_over=pin_id is not None)
        if pin_id is not None and not sells:
            raise Conflict(detail="the sale of this item does not sell")


async def _on_air(command: Command, by: Principal, session_id: str) -> Broadcast:
    at = await store_shelf.find_session(command.session, by.merchant_id, session_id, lock=True)
    if not at.on_air:
        raise Conflict(detail="the session is not on air")
    return at


async def _slot(command: Command, by: Principal, session_id: str, no: int) -> Slot:
    found = await store_shelf.slots(command.session, by.merchant_id, session_id)
    slot = next((slot for slot in found if slot.no == no), None)
    if slot is None:
        raise NotFound(what="slot")
    if slot.hidden:
        raise Conflict(detail="the slot is hidden")
    return slot


async def _open(command: Command, by: Principal, at: Broadcast, slot: Slot) -> PinRow:
    return await store_shelf.add_pin(
        command.session,
        id=command.studio.new_id(),
        merchant_id=by.merchant_id,
        session_id=at.id,
        no=slot.no,
        sale_id=slot.sale_id,
        item_id=slot.item_id,
        from_at=command.studio.now,
        pinned_by=by.subject,
    )
