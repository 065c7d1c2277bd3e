"""Files of orders, asked for by staff: made in the background by a worker, kept for a few days, streamed when ready."""

from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from typing import Any, Final

import msgspec

from keel.database import edge
from keel.errors import Conflict, Forbidden, NotFound
from keel.identity import Principal, Role
from orders import store_export
from orders.filters import OrderFilter
from orders.handling import Handling
from orders.recipients import may_see
from orders.store_staff import filter_values
from orders.tables import OrderExportRow

EXPORTS_OPEN_MAX: Final = 3  # of one person, as all of these: nobody stands in a colleague's way
EXPORTS_KEPT_MAX: Final = 20
EXPORTS_SHOWN_MAX: Final = 200
EXPORT_ROWS_MAX: Final = 1_000_000
KEEP_FOR: Final = timedelta(days=7)
KEEP_PLAIN_FOR: Final = timedelta(days=1)  # whom thousands of orders go to is not left lying about
BUSY: Final = "the database is busy with exports"


def filter_of(values: Mapping[str, Any]) -> OrderFilter:
    """The other way of `orders.store_staff.filter_values`."""
    return msgspec.convert(values, OrderFilter)


async def ask_export(handling: Handling, by: Principal, given: OrderFilter, *, plain: bool) -> OrderExportRow:
    """Ask for a file of the orders that fit and were placed by now. `plain` has recipients as they are.

    Raises Forbidden, and Conflict for somebody who has too many; those that failed do not count.
    """
    if plain and not may_see(by):
        raise Forbidden(role=by.role)
    export_id, values = handling.ids.new(), filter_values(given)
    async with edge(handling.sessions, busy=BUSY) as session:
        still_open, kept = await store_export.counts(session, by.merchant_id, by.subject)
        if still_open >= EXPORTS_OPEN_MAX:
            raise Conflict(detail=f"at most {EXPORTS_OPEN_MAX} exports are made at a time for one person")
        if kept >= EXPORTS_KEPT_MAX:
            raise Conflict(detail=f"at most {EXPORTS_KEPT_MAX} exports are kept for one person: delete one first")
        handling.audit(session, by, "order.export", export_id, plain=plain, filter=values)
        asked = {"id": export_id, "merchant_id": by.merchant_id, "asked_by": by.subject, "plain": plain}
        return await store_export.add(
            session, **asked, filter=values, resume_below=export_id, created_at=handling.clock.now()
        )


async def read_export(handling: Handling, by: Principal, export_id: str) -> OrderExportRow:
    """How far a file is. Raises NotFound."""
    async with edge(handling.sessions, busy=BUSY) as session:
        return await store_export.find(session, by.merchant_id, export_id)


async def list_exports(handling: Handling, by: Principal) -> list[OrderExportRow]:
    """The merchant's exports, newest first."""
    async with edge(handling.sessions, busy=BUSY) as session:
        return list(await store_export.recent(session, by.merchant_id, EXPORTS_SHOWN_MAX))


async def delete_export(handling: Handling, by: Principal, export_id: str) -> None:
    """Delete a file, made or in the making: one's own, or as an owner anybody's. Raises NotFound, for others' too."""
    asked_by = None if by.role is Role.OWNER else by.subject
    async with edge(handling.sessions, busy=BUSY) as session:
        gone = await store_export.remove(session, by.merchant_id, export_id, asked_by=asked_by)
        detail = {"asked_by": gone.asked_by, "plain": gone.plain, "rows": gone.rows_done}
        handling.audit(session, by, "order.export_delete", export_id, **detail)


async def fetch_export(handling: Handling, by: Principal, export_id: str) -> OrderExportRow:
    """A file that is ready to be streamed; who reads recipients in bulk leaves a row in the audit.

    Raises NotFound, Forbidden, and Conflict while it is not ready.
    """
    async with edge(handling.sessions, busy=BUSY) as session:
        export = await store_export.find(session, by.merchant_id, export_id)
        if export.plain and not may_see(by):
            raise Forbidden(role=by.role)
        if export.state != "done":
            raise Conflict(detail=f"the export is {export.state}")
        handling.audit(session, by, "order.export_read", export_id, plain=export.plain, rows=export.rows_done)
        return export


async def pieces(handling: Handling, export: OrderExportRow) -> AsyncIterator[bytes]:
    """The file, piece by piece, each read by itself: a slow reader holds no connection. Raises NotFound."""
    for no in range(export.chunks):
        async with edge(handling.sessions, busy=BUSY) as session:
            content = await store_export.chunk(session, export.id, no)
        if content is None:
            raise NotFound(what="export")  # deleted meanwhile: the reader sees fewer bytes than were announced
        yield content
