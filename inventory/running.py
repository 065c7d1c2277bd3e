"""Use cases that move a sale through its states, by hand and by the clock."""

import logging
from datetime import datetime
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncSession

from inventory import store
from inventory.faults import GateSilent, LedgerFault
from inventory.items import enter_stock
from inventory.selling import Selling, caught_up, locked, push, require_window, tell_first
from inventory.sheet import CLOSE, OPEN, PAUSE, RESUME, SCHEDULE, SEGMENT, Move
from inventory.tables import SaleRow
from inventory.versions import ledger_first
from keel.errors import Conflict, NotFound, Unavailable
from keel.identity import Principal, Role

log = logging.getLogger(__name__)

DUE_PER_TICK_MAX: Final = 100
CLOCK: Final = "clock"


async def schedule_sale(selling: Selling, by: Principal, sale_id: str, *, version: int | None = None) -> SaleRow:
    """Draft to scheduled: the planned units leave base stock, all or none, and the gate is loaded.

    With `opens_at` the gate opens by itself at that time. Raises NotEnoughUnits with the SKU that falls short.
    """
    async with store.edge(selling.sessions) as session:
        sale = await locked(session, by, sale_id, version)
        sale = await store.move(session, sale, SCHEDULE, version=ledger_first(sale.version))
        require_window(sale, selling.clock.now())
        items = list(await store.items(session, sale_id))
        if not any(item.planned for item in items):
            raise Conflict(detail="a sale needs an item with units")
        await enter_stock(selling, session, by, items)
        selling.audit(session, by, "sale.schedule", sale_id)
    await _load(selling, sale_id)
    return sale


async def open_sale(selling: Selling, by: Principal, sale_id: str, *, version: int | None = None) -> SaleRow:
    """Open a scheduled sale by hand: an armed one, or another before its time, which is now then."""
    now = selling.clock.now()
    async with store.edge(selling.sessions) as session:
        sale = await locked(session, by, sale_id, version)
        opens_at = now if sale.opens_at is None else min(sale.opens_at, now)
        sale = await _move_first(session, sale, OPEN, now, opens_at=opens_at)
        selling.audit(session, by, "sale.open", sale_id)
    await push(selling, sale_id)
    return sale


async def resume_sale(selling: Selling, by: Principal, sale_id: str, *, version: int | None = None) -> SaleRow:
    """Go on after a pause."""
    async with store.edge(selling.sessions) as session:
        sale = await locked(session, by, sale_id, version)
        sale = await _move_first(session, sale, RESUME, selling.clock.now())
        selling.audit(session, by, "sale.resume", sale_id)
    await push(selling, sale_id)
    return sale


async def pause_sale(selling: Selling, by: Principal, sale_id: str, *, version: int | None = None) -> SaleRow:
    """Stop giving out units for a while; the gate first. Raises Unavailable when the gate is silent."""
    return await _stop(selling, by, sale_id, PAUSE, version)


async def close_sale(selling: Selling, by: Principal, sale_id: str, *, version: int | None = None) -> SaleRow:
    """End a sale for good; the gate first. What is left returns to base stock once no hold is open."""
    return await _stop(selling, by, sale_id, CLOSE, version)


async def open_due(selling: Selling, now: datetime) -> int:
    """Write down that scheduled sales have opened by the clock: the gate has let buyers in since. How many."""
    async with store.edge(selling.sessions) as session:
        due = await store.due_to_open(session, now, count=DUE_PER_TICK_MAX)
    opened = 0
    for merchant_id, sale_id in due:
        by = Principal(merchant_id, CLOCK, Role.OPERATOR)
        try:
            async with store.edge(selling.sessions) as session:
                sale = await _move_first(session, await locked(session, by, sale_id, None), OPEN, now)
                selling.audit(session, by, "sale.open", sale_id)
        except (Conflict, NotFound, Unavailable) as refusal:  # somebody was faster, or the next tick is
            log.info("sale %s was not opened by the clock: %s", sale_id, refusal)
            continue
        await push(selling, sale.id)
        opened += 1
    return opened


async def close_due(selling: Selling, now: datetime) -> int:
    """Close sales whose window is over: the gate refuses since then. How many."""
    async with store.edge(selling.sessions) as session:
        due = await store.due_to_close(session, now, count=DUE_PER_TICK_MAX)
    closed = 0
    for merchant_id, sale_id in due:
        try:
            await close_sale(selling, Principal(merchant_id, CLOCK, Role.OPERATOR), sale_id)
        except (Conflict, NotFound, Unavailable) as refusal:
            log.info("sale %s was not closed by the clock: %s", sale_id, refusal)
            continue
        closed += 1
    return closed


async def _move_first(session: AsyncSession, sale: SaleRow, step: Move, now: datetime, **values: Any) -> SaleRow:
    """Move on in PostgreSQL, under a version of a ledger-first change. Raises Conflict."""
    require_window(sale, now)
    return await store.move(session, sale, step, version=ledger_first(sale.version), **values)


async def _stop(selling: Selling, by: Principal, sale_id: str, step: Move, version: int | None) -> SaleRow:
    """Pause or close. A gate that is not loaded sells nothing, so PostgreSQL alone decides and a rebuild loads that."""
    async with store.edge(selling.sessions) as session:
        sale = await caught_up(session, await locked(session, by, sale_id, version), selling.clock.now())
        sale = await store.move(session, sale, step)  # refused here, before the gate hears of it
        sheet = await store.sheet(session, sale_id)
        told_version, loaded = await tell_first(selling.gate, sheet)
        sale = await store.revise(session, sale_id, version=told_version)
        if step is CLOSE and loaded:
            await _note_turned_away(selling, session, sale_id)
        selling.audit(session, by, f"sale.{step.name}", sale_id)
    if not loaded:
        await push(selling, sale_id)  # where a rebuild has read the state of before
    return sale


async def _note_turned_away(selling: Selling, session: AsyncSession, sale_id: str) -> None:
    """Keep what the gate counted, for its keys lapse a day after the sale. An estimate may be missing."""
    try:
        status = await selling.gate.status(sale_id, SEGMENT)
    except GateSilent:
        log.warning("sale %s: nobody knows how many buyers were turned away", sale_id)
        return
    await store.note_turned_away(session, sale_id, {item.no: item.refused for item in status.items})


async def _load(selling: Selling, sale_id: str) -> None:
    """The gate's first load. Where it fails, the reconciler finds a sale that the gate does not know."""
    try:
        await selling.rebuilder.rebuild(sale_id, SEGMENT)
    except (GateSilent, LedgerFault) as error:
        log.warning("sale %s is not loaded yet, the reconciler will: %s", sale_id, type(error).__name__)
