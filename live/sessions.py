"""Use cases of sessions by hand: planned, changed, begun, ended, and what is sold in them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from inventory.book import SaleBook
from keel.errors import Conflict, NotFound
from keel.identity import Principal
from live import store_rooms, store_sessions, store_shelf
from live.airing import sale_joined, sale_left
from live.model import OPEN, OPEN_SESSIONS_MAX, SALES_PER_SESSION_MAX, Power, SessionFilter, SessionState, Why
from live.moving import announce, end, go_live, taken
from live.staging import may_in_room, may_in_session
from live.studio import Command, Studio
from live.tables_rooms import SessionHistoryRow, SessionRow


@dataclass(frozen=True, slots=True)
class NewSession:
    """A broadcast to come. Without a title it has the room's; with `autostart` the picture begins it, not before
    `starts_at`. Only staff see a rehearsal, and it sells from rehearsal sales alone."""

    title: str | None = None
    starts_at: datetime | None = None
    autostart: bool = True
    rehearsal: bool = False


@dataclass(frozen=True, slots=True)
class Told:
    """A session with what is sold in it, and every move it made."""

    row: SessionRow
    sale_ids: Sequence[str]
    history: Sequence[SessionHistoryRow]


async def plan_session(rooms: Studio, by: Principal, room_id: str, new: NewSession) -> Told:
    """A new session. Raises Forbidden, NotFound, and Conflict for a room that is put away or has too many."""
    session_id, now = rooms.ids.new(), rooms.clock.now()
    async with rooms.command() as command:
        await may_in_room(command.session, by, room_id, Power.RUN)
        room = await store_rooms.lock_room(command.session, by.merchant_id, room_id)
        if room.archived_at is not None:
            raise Conflict(detail="the room is put away")
        if await store_sessions.count_open(command.session, by.merchant_id, room_id) >= OPEN_SESSIONS_MAX:
            raise Conflict(detail=f"a room has at most {OPEN_SESSIONS_MAX} sessions that are not over")
        row = await store_sessions.add_session(
            command.session,
            id=session_id,
            merchant_id=by.merchant_id,
            room_id=room_id,
            title=new.title,
            starts_at=new.starts_at,
            autostart=new.autostart,
            rehearsal=new.rehearsal,
            created_at=now,
        )
        command.audit(by, "session.plan", session_id, room_id=room_id, rehearsal=new.rehearsal)
        announce(command, row, now)
        return Told(row, [], [])


async def edit_session(
    rooms: Studio, by: Principal, session_id: str, changes: Mapping[str, Any], *, version: int | None = None
) -> Told:
    """Change title, start or autostart, by their names in NewSession. Raises Conflict for what its state does not
    allow."""
    async with rooms.command() as command:
        row = await _mine(command, by, session_id, Power.RUN, version)
        if row.state != SessionState.SCHEDULED and changes.keys() - {"title"}:
            raise Conflict(detail=f"only the title changes while the session is {row.state}")
        row = await store_sessions.revise(command.session, row, **changes)
        command.audit(by, "session.edit", session_id, fields=sorted(changes))
        told = await _told(command, row)
        announce(command, row, told.history[-1].at if told.history else row.created_at)
        return told


async def start_session(rooms: Studio, by: Principal, session_id: str, *, version: int | None = None) -> Told:
    """Go on air by hand, with a picture or without, for the first time or after an interruption. Raises Conflict."""
    async with rooms.command() as command:
        row = await _mine(command, by, session_id, Power.RUN, version)
        ingest = await taken(command, row)
        row = await store_sessions.find_session(command.session, by.merchant_id, session_id)
        other = await store_sessions.on_air_at(command.session, by.merchant_id, row.place)
        if other is not None and other.id != row.id:
            raise Conflict(detail=f"session {other.id} of this room is on air")
        with_picture = ingest.client is not None
        row = await go_live(command, row, actor=by.subject, why=Why.HAND, with_picture=with_picture)
        command.audit(by, "session.start", session_id)
        return await _told(command, row)


async def stop_session(rooms: Studio, by: Principal, session_id: str, *, version: int | None = None) -> Told:
    """End a session by hand, or call off one that has not begun. Raises Conflict for one that is over."""
    async with rooms.command() as command:
        row = await _mine(command, by, session_id, Power.RUN, version)
        await taken(command, row)
        row = await store_sessions.find_session(command.session, by.merchant_id, session_id)
        row = await end(command, row, actor=by.subject, why=Why.HAND)
        command.audit(by, "session.stop", session_id)
        return await _told(command, row)


async def link_sale(rooms: Studio, book: SaleBook, by: Principal, session_id: str, sale_id: str) -> Told:
    """Sell a sale in a session. Raises NotFound, and Conflict where one is a rehearsal and the other is not."""
    async with rooms.command() as command:
        row = await _mine(command, by, session_id, Power.SELL, None)
        sale = await book.fresher(sale_id)
        if sale is None or sale.archived or sale.merchant_id != by.merchant_id:
            raise NotFound(what="sale")
        if sale.rehearsal != row.rehearsal:  # of both it is said once, when they are made
            what = "a rehearsal sells only from rehearsal sales" if row.rehearsal else "the sale is a rehearsal's"
            raise Conflict(detail=what)
        row = await store_sessions.revise(command.session, row)
        link = {"merchant_id": by.merchant_id, "session_id": session_id, "sale_id": sale_id}
        if await store_sessions.add_sale(command.session, **link):
            await sale_joined(command, by, session_id, sale_id)
        told = await _told(command, row)
        if len(told.sale_ids) > SALES_PER_SESSION_MAX:
            raise Conflict(detail=f"a session has at most {SALES_PER_SESSION_MAX} sales")
        command.audit(by, "session.sale.link", session_id, sale_id=sale_id)
        return told


async def unlink_sale(rooms: Studio, by: Principal, session_id: str, sale_id: str) -> None:
    """Take a sale out of a session that is not over. Raises NotFound, and Conflict where its shelf shows it."""
    async with rooms.command() as command:
        row = await _mine(command, by, session_id, Power.SELL, None)
        await store_sessions.revise(command.session, row)
        if await store_shelf.is_on_shelf(command.session, by.merchant_id, session_id, sale_id):
            raise Conflict(detail="the sale stands on the shelf of this session: take it off there first")
        if not await store_sessions.drop_sale(command.session, by.merchant_id, session_id, sale_id):
            raise NotFound(what="sale")
        await sale_left(command, by, session_id, sale_id)
        command.audit(by, "session.sale.unlink", session_id, sale_id=sale_id)


async def show_session(rooms: Studio, by: Principal, session_id: str) -> Told:
    """A session with everything. Raises NotFound."""
    async with rooms.command() as command:
        return await _told(command, await store_sessions.find_session(command.session, by.merchant_id, session_id))


async def list_sessions(
    rooms: Studio, by: Principal, wanted: SessionFilter, *, below: str | None, count: int
) -> Sequence[SessionRow]:
    """A page of sessions, newest first."""
    async with store_rooms.edge(rooms.sessions) as session:
        return await store_sessions.list_sessions(session, by.merchant_id, wanted, below=below, count=count)


async def _mine(command: Command, by: Principal, session_id: str, power: Power, version: int | None) -> SessionRow:
    """A session in whose room somebody has a power. Raises Forbidden, NotFound, Conflict."""
    await may_in_session(command.session, by, session_id, power)
    row = await store_sessions.find_session(command.session, by.merchant_id, session_id)
    if version is not None and version != row.version:
        raise Conflict(detail=f"the session is at version {row.version}")
    if row.state not in OPEN:
        raise Conflict(detail="the session is over")
    return row


async def _told(command: Command, row: SessionRow) -> Told:
    sales = await store_sessions.sale_ids(command.session, row.merchant_id, row.id)
    return Told(row, sales, await store_sessions.history(command.session, row.merchant_id, row.id))
