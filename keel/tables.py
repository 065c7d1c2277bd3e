"""The tables of staff commands, of the outbox and of jobs; everything else that keel keeps has its own store."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, DateTime, Integer, LargeBinary, SmallInteger, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from keel.database import Table


class StaffAuditRow(Table):
    """One row per staff command, written in its transaction."""

    __tablename__ = "staff_audit"

    id: Mapped[str] = mapped_column(Uuid(as_uuid=False), primary_key=True)
    merchant_id: Mapped[str] = mapped_column(Uuid(as_uuid=False))
    actor: Mapped[str] = mapped_column(Text)
    command: Mapped[str] = mapped_column(Text)
    subject_id: Mapped[str | None] = mapped_column(Uuid(as_uuid=False))
    detail: Mapped[dict[str, Any]] = mapped_column(JSONB)
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class OutboxEventRow(Table):
    """A fact; see keel.outbox."""

    __tablename__ = "outbox_event"

    id: Mapped[str] = mapped_column(Uuid(as_uuid=False), primary_key=True)
    topic: Mapped[str] = mapped_column(Text)
    aggregate: Mapped[str] = mapped_column(Uuid(as_uuid=False))
    payload: Mapped[dict[str, Any]] = mapped_column(JSONB)
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class OutboxDeliveryRow(Table):
    """What one subscriber still has to hear, or has heard."""

    __tablename__ = "outbox_delivery"

    event_id: Mapped[str] = mapped_column(Uuid(as_uuid=False), primary_key=True)
    subscriber: Mapped[str] = mapped_column(Text, primary_key=True)
    lane: Mapped[int] = mapped_column(SmallInteger)
    aggregate: Mapped[str] = mapped_column(Uuid(as_uuid=False))
    state: Mapped[str] = mapped_column(Text, default="waiting")
    due_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    error: Mapped[str | None] = mapped_column(Text)
    done_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class JobRow(Table):
    """Something that takes longer than a request may; see keel.jobs."""

    __tablename__ = "job"

    id: Mapped[str] = mapped_column(Uuid(as_uuid=False), primary_key=True)
    merchant_id: Mapped[str] = mapped_column(Uuid(as_uuid=False))
    kind: Mapped[str] = mapped_column(Text)
    key: Mapped[str] = mapped_column(Text)
    fingerprint: Mapped[str] = mapped_column(Text)
    actor: Mapped[str] = mapped_column(Text)
    role: Mapped[str] = mapped_column(Text)
    options: Mapped[dict[str, Any]] = mapped_column(JSONB)
    state: Mapped[str] = mapped_column(Text)
    attempts: Mapped[int] = mapped_column(Integer)
    step: Mapped[str] = mapped_column(Text)
    done: Mapped[int] = mapped_column(BigInteger)
    total: Mapped[int | None] = mapped_column(BigInteger)
    result: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    alive_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    ended_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class JobPieceRow(Table):
    """A piece of what a job reads, or of what it made."""

    __tablename__ = "job_piece"

    job_id: Mapped[str] = mapped_column(Uuid(as_uuid=False), primary_key=True)
    no: Mapped[int] = mapped_column(Integer, primary_key=True)
    body: Mapped[bytes] = mapped_column(LargeBinary)
