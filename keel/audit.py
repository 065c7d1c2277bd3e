"""What staff did, and when: a row per command, in the transaction of the command itself."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from keel.clock import Clock
from keel.identity import Principal
from keel.ids import Ids
from keel.tables import StaffAuditRow


@dataclass(frozen=True, slots=True)
class Audited:
    """What commands of staff stand on; a package adds what else its own need."""

    sessions: async_sessionmaker[AsyncSession]
    ids: Ids
    clock: Clock

    def audit(self, session: AsyncSession, by: Principal, command: str, subject_id: str | None, **detail: Any) -> None:
        """Note a command. `detail` is JSON without personal data; the row is there once the transaction commits."""
        row = StaffAuditRow(
            id=self.ids.new(),
            merchant_id=by.merchant_id,
            actor=by.subject,
            command=command,
            subject_id=subject_id,
            detail=detail,
            at=self.clock.now(),
        )
        session.add(row)
