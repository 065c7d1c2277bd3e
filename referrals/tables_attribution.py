"""Mapped classes of attribution. The migrations define the schema; a test holds these columns against it."""

from typing import Any

from sqlalchemy import ARRAY, CHAR, SmallInteger, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from keel.database import Table
from keel.tables_columns import Big, Count, Id, Key, Moment, Word


class RuleRow(Table):
    """A version of a rule of the shop, or of one of its campaigns; written once. Clocks without an end are null."""

    __tablename__ = "attribution_rule"

    id: Mapped[Key]
    merchant_id: Mapped[Id]
    campaign: Mapped[Word | None]
    version: Mapped[Count]
    model: Mapped[Word]
    valid_for_s: Mapped[Count | None]
    protected_for_s: Mapped[Count | None]
    self_purchase: Mapped[Word]
    in_force_at: Mapped[Moment]
    created_at: Mapped[Moment]
    created_by: Mapped[Word]


class AttributionRow(Table):
    """Who is credited with an order, and why; written once, but for what became of the order."""

    __tablename__ = "attribution"

    order_id: Mapped[Key]
    merchant_id: Mapped[Id]
    customer_id: Mapped[Id]
    sale_id: Mapped[Id]
    room_id: Mapped[Id | None]
    session_id: Mapped[Id | None]
    currency: Mapped[str] = mapped_column(CHAR(3))
    total: Mapped[Big]
    share_code: Mapped[Word | None]
    code_state: Mapped[Word]
    outcome: Mapped[Word]
    reason: Mapped[Word]
    rule_id: Mapped[Id | None]
    rule: Mapped[dict[str, Any]] = mapped_column(JSONB)
    touches: Mapped[Count]
    considered: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    placed_at: Mapped[Moment]
    decided_at: Mapped[Moment]
    ended: Mapped[Word | None]
    ended_at: Mapped[Moment | None]


class CreditRow(Table):
    """A share's part of an order, in millionths and in minor units; `chain` from the root down to the share itself."""

    __tablename__ = "credit"

    order_id: Mapped[Key]
    no: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    merchant_id: Mapped[Id]
    share_id: Mapped[Id]
    sharer_id: Mapped[Id]
    root_id: Mapped[Id]
    chain: Mapped[list[str]] = mapped_column(ARRAY(Uuid(as_uuid=False)))
    part: Mapped[Count]
    amount: Mapped[Big]
    touch_id: Mapped[Id | None]
    touched_at: Mapped[Moment]


class ReachRow(Table):
    """How far a merchant's orders are judged."""

    __tablename__ = "attribution_reach"

    merchant_id: Mapped[Key]
    order_id: Mapped[Id]
