"""SQL of the order in which a place is told things: by the ids of its events, under a lock of its own.

A place is a room or a session that its caller has read as his merchant's; the row holds nothing else of it.
"""

from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from keel.ids import NIL_ID

_LOCK: Final = text("""
    INSERT INTO place_told AS t (place, last_id) VALUES (:place, :first)
    ON CONFLICT (place) DO UPDATE SET last_id = t.last_id RETURNING last_id::text
""")
_NOTE: Final = text("UPDATE place_told SET last_id = :last_id WHERE place = :place")


async def lock_last(session: AsyncSession, place: str) -> str:
    """The id of the event that the place was told last; nobody else tells it anything until the commit."""
    return str(await session.scalar(_LOCK, {"place": place, "first": NIL_ID}))


async def note_last(session: AsyncSession, place: str, event_id: str) -> None:
    """What it is told now."""
    await session.execute(_NOTE, {"place": place, "last_id": event_id})
