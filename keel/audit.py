"""What staff did, and when: a row per command, in the transaction of the command itself."""

from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from keel.identity import Principal
from keel.tables import StaffAuditRow


def record(
    session: AsyncSession,
    by: Principal,
    *,
    row_id: str,
    command: str,
    subject_id: str | None,
    detail: dict[str, Any],
    at: datetime,
) -> None:
    """Note a command. `detail` is JSON and holds no personal data; the row is there once the transaction commits."""
    row = StaffAuditRow(
        id=row_id,
        merchant_id=by.merchant_id,
        actor=by.subject,
        command=command,
        subject_id=subject_id,
        detail=detail,
        at=at,
    )
    session.add(row)
