"""Mapped classes of rooms and their broadcasts. No relationships: the stores read together what belongs together.

The migrations define the schema; a test holds these columns against the migrated database.
"""

from typing import Any

from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from keel.database import Table
from keel.tables_columns import Big, Count, Flag, Id, Key, Moment, Word
from live.model import place_of


class RoomRow(Table):
    """Where a merchant broadcasts; permanent."""

    __tablename__ = "room"

    id: Mapped[Key]
    merchant_id: Mapped[Id]
    title: Mapped[Word]
    created_at: Mapped[Moment]
    archived_at: Mapped[Moment | None]
    cover_url: Mapped[Word | None]
    grace_s: Mapped[Count]
    idle_end_s: Mapped[Count | None]
    version: Mapped[Big]


class CrewRow(Table):
    """What a member of staff is in one room."""

    __tablename__ = "room_crew"

    merchant_id: Mapped[Id]
    room_id: Mapped[Key]
    staff_id: Mapped[Key]
    role: Mapped[Word]
    added_at: Mapped[Moment]


class SessionRow(Table):
    """One broadcast of a room. `quiet_since`: on air without a picture since then."""

    __tablename__ = "session"

    id: Mapped[Key]
    merchant_id: Mapped[Id]
    room_id: Mapped[Id]
    rehearsal: Mapped[Flag]
    created_at: Mapped[Moment]
    title: Mapped[Word | None]
    state: Mapped[Word]
    starts_at: Mapped[Moment | None]
    autostart: Mapped[Flag]
    started_at: Mapped[Moment | None]
    quiet_since: Mapped[Moment | None]
    ended_at: Mapped[Moment | None]
    version: Mapped[Big]

    @property
    def place(self) -> str:
        """Where it happens: the room, or itself."""
        return place_of(self.room_id, self.id, rehearsal=self.rehearsal)


class SessionSaleRow(Table):
    """What is sold in a session. `link_no`: the version that the session got by taking it in."""

    __tablename__ = "session_sale"

    merchant_id: Mapped[Id]
    session_id: Mapped[Key]
    sale_id: Mapped[Key]
    link_no: Mapped[Big]


class SessionHistoryRow(Table):
    """A move of a session; append-only."""

    __tablename__ = "session_history"

    id: Mapped[Key]
    merchant_id: Mapped[Id]
    session_id: Mapped[Id]
    source: Mapped[Word]
    target: Mapped[Word]
    reason: Mapped[Word]
    actor: Mapped[Word]
    at: Mapped[Moment]


class IngestRow(Table):
    """Who sends the picture of a place. `others`: of the last few who left, and of who was the picture before; see
    live.publishers. `alive_at` stays when a client leaves: its media server gives signs of life."""

    __tablename__ = "ingest"

    place: Mapped[Key]
    merchant_id: Mapped[Id]
    room_id: Mapped[Id]
    key_no: Mapped[Count]
    client: Mapped[Word | None]
    since: Mapped[Moment | None]
    alive_at: Mapped[Moment | None]
    others: Mapped[list[Any]] = mapped_column("gone", JSONB)
