"""Use cases that say what a sale is: its window and limits. Some of it may change while it runs."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncSession

from inventory import store
from inventory.model import HOLD_TTL_S, RUNNING, SaleKind, SaleState
from inventory.selling import Selling, caught_up, locked, push, require_window
from inventory.tables import SaleRow
from inventory.versions import ledger_first
from keel.errors import Conflict, Malformed
from keel.identity import Principal


@dataclass(frozen=True, slots=True)
class NewSale:
    """A draft. Without `opens_at` a hand opens it; without `closes_at` a hand closes it, as it does every shelf.

    No limit is None; a hold time of None is what is usual for the kind. With `needs_ticket` only those may buy who have
    been in the room for `ticket_after_s` seconds; None is the usual time.
    """

    title: str
    currency: str
    kind: SaleKind = SaleKind.FLASH
    opens_at: datetime | None = None
    closes_at: datetime | None = None
    hold_ttl_s: int | None = None
    limit_per_customer: int | None = None
    rehearsal: bool = False
    needs_ticket: bool = False
    ticket_after_s: int | None = None


# What may still change in which state, by the names of NewSale's fields.
EDITABLE: Final = {
    # Tickets are asked for from the first moment that a sale can be seen, so no process has to hear of it later.
    SaleState.DRAFT: {
        "title",
        "opens_at",
        "closes_at",
        "hold_ttl_s",
        "limit_per_customer",
        "needs_ticket",
        "ticket_after_s",
    },
    SaleState.SCHEDULED: {"title", "opens_at", "closes_at", "hold_ttl_s", "limit_per_customer"},
    SaleState.OPEN: {"title", "closes_at", "hold_ttl_s", "limit_per_customer"},
    SaleState.PAUSED: {"title", "closes_at", "hold_ttl_s", "limit_per_customer"},
    SaleState.CLOSED: set[str](),
}
assert EDITABLE.keys() == set(SaleState), "every state says what may change"


async def create_sale(selling: Selling, by: Principal, new: NewSale) -> SaleRow:
    """Begin a sale as a draft. Raises Malformed for a window that is none, or not one for its kind."""
    async with store.edge(selling.sessions) as session:
        return await enter_sale(selling, session, by, new)


async def enter_sale(selling: Selling, session: AsyncSession, by: Principal, new: NewSale) -> SaleRow:
    """The same, as a part of something larger."""
    now, sale_id = selling.clock.now(), selling.ids.new()
    _check_window(new.kind, new.opens_at, new.closes_at, now)
    values = asdict(new) | {"id": sale_id, "merchant_id": by.merchant_id, "created_at": now}
    values["hold_ttl_s"] = new.hold_ttl_s or HOLD_TTL_S[new.kind]
    sale = await store.add_sale(session, **values, state=SaleState.DRAFT, version=ledger_first(0), segments=1)
    selling.audit(session, by, "sale.create", sale_id, title=new.title)
    return sale


async def edit_sale(
    selling: Selling, by: Principal, sale_id: str, changes: Mapping[str, Any], *, version: int | None = None
) -> SaleRow:
    """Change fields of a sale, by their names in NewSale. Raises Conflict for what its state does not allow."""
    now = selling.clock.now()
    async with store.edge(selling.sessions) as session:
        sale = await caught_up(session, await locked(session, by, sale_id, version), now)
        if sale.state != SaleState.DRAFT:
            require_window(sale, now)
        fixed = changes.keys() - EDITABLE[SaleState(sale.state)]
        if fixed:
            raise Conflict(detail=f"{', '.join(sorted(fixed))} cannot change while the sale is {sale.state}")
        if changes.keys() & {"opens_at", "closes_at"}:
            opens_at, closes_at = changes.get("opens_at", sale.opens_at), changes.get("closes_at", sale.closes_at)
            _check_window(SaleKind(sale.kind), opens_at, closes_at, now)
        sale = await store.revise(session, sale_id, **changes, version=ledger_first(sale.version))
        selling.audit(session, by, "sale.edit", sale_id, fields=sorted(changes))
    if sale.state in RUNNING:
        await push(selling, sale_id)
    return sale


def _check_window(kind: SaleKind, opens_at: datetime | None, closes_at: datetime | None, now: datetime) -> None:
    if closes_at is None:
        return
    if kind is SaleKind.SHELF:
        raise Malformed(detail="closes_at: a shelf sells until it is closed by hand")
    if opens_at is not None and opens_at >= closes_at:
        raise Malformed(detail="closes_at: must be later than opens_at")
    if closes_at <= now:
        raise Malformed(detail="closes_at: must be in the future")
