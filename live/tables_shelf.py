"""Mapped classes of shelf and pins. The migrations define the schema; a test holds these columns against it."""

from sqlalchemy import BigInteger, Boolean, SmallInteger, Text
from sqlalchemy.orm import Mapped, mapped_column

from keel.database import Table
from keel.tables_columns import Id, Key, Moment, Small


class ShelfRow(Table):
    """The shelf of a session; its version against lost updates."""

    __tablename__ = "shelf"

    session_id: Mapped[Key]
    merchant_id: Mapped[Id]
    version: Mapped[int] = mapped_column(BigInteger)
    told: Mapped[str | None] = mapped_column(Text)


class SlotRow(Table):
    """An item on a shelf under the number that the host says on air; `place` orders them."""

    __tablename__ = "shelf_slot"

    session_id: Mapped[Key]
    no: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    merchant_id: Mapped[Id]
    place: Mapped[Small]
    sale_id: Mapped[Id]
    item_id: Mapped[Id]
    hidden: Mapped[bool] = mapped_column(Boolean)


class PinRow(Table):
    """What was pinned from when to when; still is, where `to_at` is null."""

    __tablename__ = "pin_interval"

    id: Mapped[Key]
    merchant_id: Mapped[Id]
    session_id: Mapped[Id]
    no: Mapped[Small]
    sale_id: Mapped[Id]
    item_id: Mapped[Id]
    from_at: Mapped[Moment]
    to_at: Mapped[Moment | None]
    pinned_by: Mapped[str] = mapped_column(Text)
