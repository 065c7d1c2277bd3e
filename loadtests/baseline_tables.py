"""The baseline's tables: an order as durable as ours, in columns and keys of the same shape."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from sqlalchemy import CHAR, BigInteger, CheckConstraint, DateTime, Index, SmallInteger, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

Moment = Annotated[datetime, mapped_column(DateTime(timezone=True))]
Big = Annotated[int, mapped_column(BigInteger)]
Small = Annotated[int, mapped_column(SmallInteger)]
Word = Annotated[str, mapped_column(Text)]


class Table(DeclarativeBase):
    """All tables."""


class Item(Table):
    """What is sold, at which price, and how many of it were given to the sale."""

    __tablename__ = "item"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    merchant_id: Mapped[UUID]
    sale_id: Mapped[UUID]
    price: Mapped[Big]
    currency: Mapped[str] = mapped_column(CHAR(3))
    allocated: Mapped[Big]


class Claim(Table):
    """One row per idempotency key: what makes a retry safe when Redis has forgotten it."""

    __tablename__ = "claim"

    sale_id: Mapped[UUID] = mapped_column(primary_key=True)
    customer_id: Mapped[UUID] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(Text, primary_key=True)
    order_id: Mapped[UUID]
    merchant_id: Mapped[UUID]
    fingerprint: Mapped[Word]
    units: Mapped[int]
    state: Mapped[Word]
    verdict_no: Mapped[Big]
    served_at: Mapped[Moment]


class Order(Table):
    """An order that awaits payment."""

    __tablename__ = "orders"
    __table_args__ = (
        CheckConstraint("lines_total >= 0"),
        Index("orders_of_customer", "merchant_id", "customer_id", "id"),
        Index("orders_to_expire", "expires_at"),
    )

    merchant_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    sale_id: Mapped[UUID]
    customer_id: Mapped[UUID]
    claim_key: Mapped[Word]
    state: Mapped[Word]
    currency: Mapped[str] = mapped_column(CHAR(3))
    lines_total: Mapped[Big]
    total: Mapped[Big]
    placed_at: Mapped[Moment]
    expires_at: Mapped[Moment]


class OrderLine(Table):
    """Units of one item."""

    __tablename__ = "order_line"
    __table_args__ = (CheckConstraint("quantity > 0"), CheckConstraint("amount = quantity * unit_price"))

    merchant_id: Mapped[UUID] = mapped_column(primary_key=True)
    order_id: Mapped[UUID] = mapped_column(primary_key=True)
    no: Mapped[Small] = mapped_column(primary_key=True)
    item_id: Mapped[UUID]
    quantity: Mapped[int]
    unit_price: Mapped[Big]
    amount: Mapped[Big]


class OrderHistory(Table):
    """A state that an order entered."""

    __tablename__ = "order_history"

    merchant_id: Mapped[UUID] = mapped_column(primary_key=True)
    order_id: Mapped[UUID] = mapped_column(primary_key=True)
    state: Mapped[str] = mapped_column(Text, primary_key=True)
    at: Mapped[Moment]
    actor: Mapped[Word]


class OutboxEvent(Table):
    """A fact for whoever listens."""

    __tablename__ = "outbox_event"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    topic: Mapped[Word]
    aggregate: Mapped[UUID]
    payload: Mapped[dict[str, Any]] = mapped_column(JSONB)
    at: Mapped[Moment]
