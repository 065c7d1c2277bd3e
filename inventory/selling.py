"""What the use cases of sales share, and how the two stores are kept in order.

Open, resume, add stock, edit, first load: PostgreSQL first, then the gate (`push`). A push that fails is the
reconciler's to repeat. Pause, close, take stock: the gate first (`tell_first`), inside the transaction that holds the
sale's row, so that PostgreSQL never says less is sold than still can be. Where that transaction fails the gate is left
above PostgreSQL, and the reconciler pushes PostgreSQL's state over it.
"""

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncSession

from inventory import store
from inventory.errors import NotEnoughUnits
from inventory.faults import GateSilent
from inventory.gate import Gate
from inventory.model import RUNNING, SaleState, gate_fields
from inventory.rebuild import Rebuilder
from inventory.replies import NotEnoughFree, NotLoaded, Ok, Older
from inventory.sheet import OPEN, SaleSheet
from inventory.tables import SaleRow
from inventory.versions import gate_first, ledger_first
from keel.audit import Audited
from keel.clock import to_ms
from keel.errors import Conflict, Unavailable
from keel.identity import Principal

log = logging.getLogger(__name__)

TELLS_MAX: Final = 3


@dataclass(frozen=True, slots=True)
class Selling(Audited):
    """What the use cases of catalogue and sales need."""

    gate: Gate
    rebuilder: Rebuilder

    def movement(
        self,
        by: Principal,
        kind: str,
        sku_id: str,
        units: int,
        *,
        at_item: tuple[str, int] | None = None,
        reason: str | None = None,
    ) -> dict[str, Any]:
        """A movement of units; `at_item` is (item id, segment) where a sale's item is one side of it."""
        item_id, segment = at_item or (None, None)
        return {
            "id": self.ids.new(),
            "merchant_id": by.merchant_id,
            "sku_id": sku_id,
            "item_id": item_id,
            "segment": segment,
            "kind": kind,
            "units": units,
            "actor": by.subject,
            "reason": reason,
            "at": self.clock.now(),
        }


async def locked(session: AsyncSession, by: Principal, sale_id: str, version: int | None) -> SaleRow:
    """The sale, locked. Raises NotFound, and Conflict when the caller knew another version."""
    sale = await store.lock_sale(session, by.merchant_id, sale_id)
    if version is not None and version != sale.version:
        raise Conflict(detail=f"the sale is at version {sale.version}")
    return sale


async def caught_up(session: AsyncSession, sale: SaleRow, now: datetime) -> SaleRow:
    """Write down that a scheduled sale has opened by its clock, where the worker has not come to it yet."""
    if sale.state == SaleState.SCHEDULED and sale.opens_at is not None and sale.opens_at <= now:
        return await store.move(session, sale, OPEN)
    return sale


def require_window(sale: SaleRow, now: datetime) -> None:
    """Raises Conflict when the sale's window is over: at the gate it has ended, whatever is written down."""
    if sale.closes_at is not None and sale.closes_at <= now:
        raise Conflict(detail="the window of this sale is over")


def require_running(sale: SaleRow, now: datetime) -> None:
    """Raises Conflict unless the gate sells this sale, now or later."""
    if sale.state not in RUNNING:
        raise Conflict(detail=f"the sale is {sale.state}")
    require_window(sale, now)


async def push(selling: Selling, sale_id: str) -> None:
    """Tell the gate what PostgreSQL says, as absolute values. Where that fails the reconciler does it."""
    try:
        for _ in range(TELLS_MAX):
            async with store.edge(selling.sessions) as session:
                sheet = await store.sheet(session, sale_id)
            standing = await _configure(selling.gate, sheet)
            if standing is None or standing == sheet.config.version:
                return
            await _surpass(selling, sheet.config.merchant_id, sale_id, standing)
    except (GateSilent, Unavailable) as error:
        log.warning("sale %s was not pushed to the gate, the reconciler will: %s", sale_id, error)


async def _surpass(selling: Selling, merchant_id: str, sale_id: str, standing: int) -> None:
    """Raise the version above what a failed gate-first command left at the gate."""
    async with store.edge(selling.sessions) as session:
        sale = await store.lock_sale(session, merchant_id, sale_id)
        if sale.version < standing:
            await store.revise(session, sale_id, version=ledger_first(standing))


async def _configure(gate: Gate, sheet: SaleSheet) -> int | None:
    """Tell all segments. Returns the version that stands above or at this one; None when all is said or not loaded."""
    config = sheet.config
    for segment in range(config.segments):
        reply = await _tell(gate, sheet, segment)
        if isinstance(reply, Older):
            return reply.standing
        if isinstance(reply, NotEnoughFree):
            log.error("gate of sale %s:%d has more out than PostgreSQL allocates: %s", config.id, segment, reply)
    return None


async def _tell(gate: Gate, sheet: SaleSheet, segment: int) -> Ok | NotLoaded | Older | NotEnoughFree:
    return await gate.configure(
        sheet.config.id,
        segment,
        epoch=sheet.epoch(segment),
        version=sheet.config.version,
        fields=gate_fields(sheet.config, to_ms),
        items=sheet.gate_items(segment),
    )


async def tell_first(gate: Gate, coming: SaleSheet) -> tuple[int, bool]:
    """Tell the gate what PostgreSQL is about to say; the sale is locked. Returns the version, and False if not loaded.

    Raises Unavailable when the gate is silent, for it may still be selling, and NotEnoughUnits.
    """
    version = coming.config.version
    try:
        for _ in range(TELLS_MAX):
            version = gate_first(above=version)
            replies = [await _tell(gate, coming.at_version(version), s) for s in range(coming.config.segments)]
            for reply in replies:
                if isinstance(reply, NotEnoughFree):
                    raise NotEnoughUnits(available=reply.free)
            standing = max((reply.standing for reply in replies if isinstance(reply, Older)), default=None)
            if standing is None:
                return version, not any(isinstance(reply, NotLoaded) for reply in replies)
            version = standing
    except GateSilent as silence:
        raise Unavailable(detail="the gate does not answer and may still be selling") from silence
    raise Unavailable(detail="the gate is being changed by somebody else")
