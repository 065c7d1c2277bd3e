"""The table of staff commands; everything else that keel keeps has its own store."""

from datetime import datetime
from typing import Any

from sqlalchemy import DateTime, Text, Uuid
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
