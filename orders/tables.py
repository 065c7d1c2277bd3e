"""Mapped classes of orders, for what people do with them; placement writes the same tables through the ledger.

The migrations define the schema; a test holds these columns against the migrated database.
"""

from typing import Any

from sqlalchemy import CHAR, Integer, LargeBinary, SmallInteger, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from keel.database import Table
from keel.tables_columns import Big, Count, Flag, Id, Key, Moment, Word


class OrderRow(Table):
    """An order; amounts in minor units."""

    __tablename__ = "orders"

    merchant_id: Mapped[Key]
    id: Mapped[Key]
    sale_id: Mapped[Id]
    segment: Mapped[int] = mapped_column(SmallInteger)
    customer_id: Mapped[Id]
    claim_key: Mapped[Word]
    app_id: Mapped[Id | None]
    state: Mapped[Word]
    currency: Mapped[str] = mapped_column(CHAR(3))
    lines_total: Mapped[Big]
    adjustment_total: Mapped[Big]
    shipping_total: Mapped[Big]
    tax_included: Mapped[Flag]
    total: Mapped[Big]
    refunded_total: Mapped[Big]
    room_id: Mapped[Id | None]
    session_id: Mapped[Id | None]
    pin_id: Mapped[Id | None]
    broadcast_offset_ms: Mapped[Big | None]
    share_code: Mapped[Word | None]
    rehearsal: Mapped[Flag]
    placed_at: Mapped[Moment]
    expires_at: Mapped[Moment]


class OrderLineRow(Table):
    """Units of one item, as sold."""

    __tablename__ = "order_line"

    merchant_id: Mapped[Key]
    order_id: Mapped[Key]
    no: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    item_id: Mapped[Id]
    item_version_id: Mapped[Id]
    quantity: Mapped[Count]
    unit_price: Mapped[Big]
    amount: Mapped[Big]


class OrderHistoryRow(Table):
    """A state that was entered: when, by whom, why."""

    __tablename__ = "order_history"

    merchant_id: Mapped[Key]
    order_id: Mapped[Key]
    state: Mapped[str] = mapped_column(Text, primary_key=True)
    at: Mapped[Moment]
    actor: Mapped[Word]
    reason: Mapped[Word | None]


class OrderRecipientRow(Table):
    """Whom to send it to: personal data."""

    __tablename__ = "order_recipient"

    merchant_id: Mapped[Key]
    order_id: Mapped[Key]
    name: Mapped[Word]
    phone: Mapped[Word]
    address: Mapped[Word]


class OrderNoteRow(Table):
    """What staff wrote about an order; append-only."""

    __tablename__ = "order_note"

    merchant_id: Mapped[Key]
    order_id: Mapped[Key]
    id: Mapped[Key]
    author: Mapped[Word]
    text: Mapped[Word]
    at: Mapped[Moment]


class OrderExportRow(Table):
    """A file of orders in the making, or made."""

    __tablename__ = "order_export"

    id: Mapped[Key]
    merchant_id: Mapped[Id]
    asked_by: Mapped[Word]
    plain: Mapped[Flag]
    filter: Mapped[dict[str, Any]] = mapped_column(JSONB)
    state: Mapped[Word]
    rows_done: Mapped[Big]
    rows_total: Mapped[Big | None]
    rows_counted: Mapped[Big]
    counted_below: Mapped[Id | None]
    bytes: Mapped[Big]
    chunks: Mapped[Count]
    resume_below: Mapped[Id]
    lease_no: Mapped[Big]
    lease_until: Mapped[Moment | None]
    tries: Mapped[Count]
    error: Mapped[Word | None]
    created_at: Mapped[Moment]
    ended_at: Mapped[Moment | None]


class OrderExportChunkRow(Table):
    """A piece of a file, in the order of `no`."""

    __tablename__ = "order_export_chunk"

    export_id: Mapped[Key]
    no: Mapped[int] = mapped_column(Integer, primary_key=True)
    content: Mapped[bytes] = mapped_column(LargeBinary)
