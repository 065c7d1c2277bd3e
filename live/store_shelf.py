"""SQL of shelf and pins. Locks go in one order: the session, then sales by id."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import delete, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from keel.database import newest_first
from keel.errors import NotFound
from live.tables_shelf import PinRow, ShelfRow, SlotRow


@dataclass(frozen=True, slots=True)
class Broadcast:
    """What a session is to its shelf: where it is shown, and since when."""

    id: str
    room_id: str
    rehearsal: bool
    started_at: datetime | None
    ended_at: datetime | None

    @property
    def place(self) -> str:
        """Whose screens it is on: the room's; a rehearsal has its own."""
        return self.id if self.rehearsal else self.room_id

    @property
    def on_air(self) -> bool:
        """Begun, and not over."""
        return self.started_at is not None and self.ended_at is None


@dataclass(frozen=True, slots=True)
class Slot:
    """A slot with what stands in it: title, price and picture as they are shown on air. Minor units of `currency`."""

    no: int
    sale_id: str
    item_id: str
    hidden: bool
    title: str
    price: int
    currency: str
    picture_url: str | None


@dataclass(frozen=True, slots=True)
class Offer:
    """An item of a sale that is linked to a session."""

    item_id: str
    sale_id: str
    rehearsal: bool


_SESSION: Final = """
    SELECT id::text, room_id::text, rehearsal, started_at, ended_at FROM session
    WHERE merchant_id = :merchant_id AND id = :session_id
"""
_SLOTS: Final = """
    SELECT l.no, l.sale_id::text, l.item_id::text, l.hidden, v.title, v.price, v.currency, v.picture_url
    FROM shelf_slot l
    JOIN sale_item i ON i.merchant_id = l.merchant_id AND i.id = l.item_id
    JOIN item_version v ON v.merchant_id = i.merchant_id AND v.id = i.item_version_id
    WHERE l.merchant_id = :merchant_id AND l.session_id = :session_id ORDER BY l.place, l.no
"""
_OFFERS: Final = """
    SELECT i.id::text AS item_id, i.sale_id::text, s.rehearsal FROM session_sale l
    JOIN sale s ON s.merchant_id = l.merchant_id AND s.id = l.sale_id
    JOIN sale_item i ON i.merchant_id = s.merchant_id AND i.sale_id = s.id
    WHERE l.merchant_id = :merchant_id AND l.session_id = :session_id AND i.id = ANY (CAST(:item_ids AS uuid[]))
"""
_SALES: Final = """
    SELECT l.sale_id::text FROM session_sale l
    WHERE l.merchant_id = :merchant_id AND l.session_id = :session_id ORDER BY l.sale_id
"""

# What stands on a shelf and is shown, at which version of each item.
_DIGEST: Final = """
    SELECT md5(coalesce(string_agg(l.no || ' ' || i.item_version_id, ',' ORDER BY l.place, l.no), ''))
    FROM shelf_slot l JOIN sale_item i ON i.merchant_id = l.merchant_id AND i.id = l.item_id
    WHERE l.session_id = h.session_id AND NOT l.hidden
"""
_NOTE_TOLD: Final = f"""
    UPDATE shelf h SET told = ({_DIGEST}) WHERE h.merchant_id = :merchant_id AND h.session_id = :session_id
"""  # noqa: S608 - made of constants
_UNTOLD: Final = f"""
    WITH known AS (
        SELECT * FROM session WHERE state IN ('live', 'interrupted')
        UNION ALL SELECT * FROM session WHERE state = 'ended' AND ended_at > :ended_since AND started_at IS NOT NULL)
    SELECT h.merchant_id::text, h.session_id::text FROM known s
    JOIN shelf h ON h.merchant_id = s.merchant_id AND h.session_id = s.id
    WHERE h.told IS DISTINCT FROM ({_DIGEST}) AND (s.rehearsal OR NOT EXISTS (
        SELECT 1 FROM session n
        WHERE n.room_id = s.room_id AND NOT n.rehearsal AND (n.started_at, n.id) > (s.started_at, s.id)))
    ORDER BY h.session_id LIMIT :count
"""  # noqa: S608 - made of constants
_SHOWN: Final = """
    SELECT id::text FROM session
    WHERE merchant_id = :merchant_id AND started_at IS NOT NULL
      AND (id = :place AND rehearsal OR room_id = :place AND NOT rehearsal)
    ORDER BY started_at DESC, id DESC LIMIT 1
"""


async def find_session(session: AsyncSession, merchant_id: str, session_id: str, *, lock: bool = False) -> Broadcast:
    """A session; locked, until the commit, where so asked. Raises NotFound, for another merchant's as well."""
    statement = text(_SESSION + (" FOR NO KEY UPDATE" if lock else ""))
    row = (await session.execute(statement, {"merchant_id": merchant_id, "session_id": session_id})).one_or_none()
    if row is None:
        raise NotFound(what="session")
    return Broadcast(*row)


async def sale_ids(session: AsyncSession, merchant_id: str, session_id: str) -> list[str]:
    """The sales of a session, in the order in which they are locked."""
    found = await session.execute(text(_SALES), {"merchant_id": merchant_id, "session_id": session_id})
    return [row[0] for row in found]


async def offers(session: AsyncSession, merchant_id: str, session_id: str, item_ids: Sequence[str]) -> dict[str, Offer]:
    """Of these items those that sales of the session have, by their id."""
    values = {"merchant_id": merchant_id, "session_id": session_id, "item_ids": list(item_ids)}
    return {row.item_id: Offer(*row) for row in await session.execute(text(_OFFERS), values)}


async def slots(session: AsyncSession, merchant_id: str, session_id: str) -> list[Slot]:
    """The shelf in its order, hidden ones included."""
    found = await session.execute(text(_SLOTS), {"merchant_id": merchant_id, "session_id": session_id})
    return [Slot(*row) for row in found]


async def version(session: AsyncSession, merchant_id: str, session_id: str) -> int:
    """The version of a shelf; 0 where there is none yet."""
    mine = ShelfRow.merchant_id == merchant_id, ShelfRow.session_id == session_id
    return await session.scalar(select(ShelfRow.version).where(*mine)) or 0


async def put_version(session: AsyncSession, merchant_id: str, session_id: str, new: int) -> None:
    """A shelf with this version; its session is locked."""
    values = insert(ShelfRow).values(merchant_id=merchant_id, session_id=session_id, version=new)
    await session.execute(values.on_conflict_do_update(index_elements=["session_id"], set_={"version": new}))


async def replace(session: AsyncSession, merchant_id: str, session_id: str, rows: Sequence[dict[str, Any]]) -> None:
    """All slots anew; the session is locked."""
    await session.execute(delete(SlotRow).where(SlotRow.merchant_id == merchant_id, SlotRow.session_id == session_id))
    if rows:
        mine = {"merchant_id": merchant_id, "session_id": session_id}
        await session.execute(insert(SlotRow), [row | mine for row in rows])


async def note_told(session: AsyncSession, merchant_id: str, session_id: str) -> None:
    """Write down what the screens are told of a shelf in this transaction; the session is locked."""
    await session.execute(text(_NOTE_TOLD), {"merchant_id": merchant_id, "session_id": session_id})


async def untold(session: AsyncSession, ended_since: datetime, *, count: int) -> list[tuple[str, str]]:
    """(merchant id, session id) of shelves on screens that have changed since these were told, by a new price say.

    A place goes on to show the shelf of the session that began last, when that is over too.
    """
    values = {"ended_since": ended_since, "count": count}
    return [(row[0], row[1]) for row in await session.execute(text(_UNTOLD), values)]


async def shown_at(session: AsyncSession, merchant_id: str, place: str) -> str | None:
    """The session whose shelf a place shows: the one that began last."""
    shown: str | None = await session.scalar(text(_SHOWN), {"merchant_id": merchant_id, "place": place})
    return shown


async def hide(session: AsyncSession, merchant_id: str, session_id: str, item_id: str, *, hidden: bool) -> None:
    """Hide a slot or show it. Raises NotFound."""
    mine = SlotRow.merchant_id == merchant_id, SlotRow.session_id == session_id, SlotRow.item_id == item_id
    change = update(SlotRow).where(*mine).values(hidden=hidden).returning(SlotRow.no)
    if await session.scalar(change) is None:
        raise NotFound(what="slot")


async def is_on_shelf(session: AsyncSession, merchant_id: str, session_id: str, sale_id: str) -> bool:
    """Whether a sale has a slot in a session: such a one cannot be taken out of it."""
    mine = SlotRow.merchant_id == merchant_id, SlotRow.session_id == session_id, SlotRow.sale_id == sale_id
    return await session.scalar(select(SlotRow.no).where(*mine).limit(1)) is not None


async def open_pin(session: AsyncSession, merchant_id: str, session_id: str) -> PinRow | None:
    """What is pinned now."""
    mine = PinRow.merchant_id == merchant_id, PinRow.session_id == session_id, PinRow.to_at.is_(None)
    return await session.scalar(select(PinRow).where(*mine), execution_options={"populate_existing": True})


async def add_pin(session: AsyncSession, **values: Any) -> PinRow:
    """A new interval, open. Of one session there is one at a time: the database refuses a second."""
    row: PinRow | None = await session.scalar(insert(PinRow).values(**values).returning(PinRow))
    assert row is not None
    return row


async def close_pin(session: AsyncSession, pin: PinRow, at: datetime) -> None:
    """End an interval; one that another process's clock put after `at` has no length."""
    mine = PinRow.merchant_id == pin.merchant_id, PinRow.id == pin.id
    await session.execute(update(PinRow).where(*mine).values(to_at=max(at, pin.from_at)))


async def list_pins(
    session: AsyncSession, merchant_id: str, session_id: str, *, below: str | None, count: int
) -> Sequence[PinRow]:
    """A page of a session's pins, newest first, below an id."""
    page = select(PinRow).where(PinRow.merchant_id == merchant_id, PinRow.session_id == session_id)
    return (await session.scalars(newest_first(page, PinRow.id, below=below, count=count))).all()
