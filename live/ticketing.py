"""Purchase tickets for viewers: whoever has been in the room long enough gets one for a sale of the session."""

from collections.abc import Collection
from dataclasses import dataclass

from inventory.book import SaleBook
from inventory.faults import LedgerFault
from inventory.ledger import Ledger
from keel.errors import NotFound, Unavailable
from live import store_parts, store_presence
from live.attendance import together_ms
from live.errors_talk import TicketTooEarly
from orders.tickets import Tickets


@dataclass(frozen=True, slots=True)
class Watching:
    """A viewer in a session: under all his ids, and since when he has been in the room with this socket.

    `sale_ids` are the session's as far as the screens know: of these nobody asks PostgreSQL, as a crowd would that has
    earned its tickets in the same second.
    """

    merchant_id: str
    session_id: str
    viewer_id: str
    people: tuple[str, ...]
    since_ms: int
    now_ms: int
    sale_ids: Collection[str] = ()


@dataclass(frozen=True)
class TicketDesk:
    """Where viewers get their tickets."""

    tickets: Tickets
    book: SaleBook
    reader: Ledger

    async def ticket(self, viewer: Watching, sale_id: str) -> str:
        """A ticket for a sale of the session. Raises TicketTooEarly, NotFound and Unavailable."""
        try:
            config = await self.book.get(sale_id)
            mine = config is not None and config.merchant_id == viewer.merchant_id
            if config is None or not mine or not await self._is_sold(viewer, sale_id):
                raise NotFound(what="sale")
            missing_ms = config.ticket_wait_s * 1_000 - (viewer.now_ms - viewer.since_ms)
            if missing_ms > 0:  # by this socket alone; before it there may have been others
                missing_ms = config.ticket_wait_s * 1_000 - await self._watched_ms(viewer)
        except LedgerFault as fault:
            raise Unavailable from fault
        if missing_ms > 0:
            raise TicketTooEarly(retry_after_ms=missing_ms)
        return self.tickets.sign(merchant_id=viewer.merchant_id, sale_id=sale_id, viewer_id=viewer.viewer_id)

    async def _watched_ms(self, viewer: Watching) -> int:
        """For how long he has been in the room during this session, over all his sockets, each moment once."""
        before = await store_presence.stays(self.reader, viewer.merchant_id, viewer.session_id, viewer.people)
        return together_ms([*before, (viewer.since_ms, viewer.now_ms)])

    async def _is_sold(self, viewer: Watching, sale_id: str) -> bool:
        if sale_id in viewer.sale_ids:
            return True
        return await store_parts.is_sold_in(self.reader, viewer.merchant_id, viewer.session_id, sale_id)
