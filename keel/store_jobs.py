"""SQL of jobs. Whoever runs one writes under the number of its attempt: an attempt that was given up writes nothing."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from keel.tables import JobPieceRow, JobRow

_FRESH: Final = {"populate_existing": True}


async def add(session: AsyncSession, body: bytes, **values: Any) -> bool:
    """A new job with its input; False where the merchant has a job of this kind under this key."""
    new = insert(JobRow).values(**values).on_conflict_do_nothing(index_elements=["merchant_id", "kind", "key"])
    if await session.scalar(new.returning(JobRow.id)) is None:
        return False
    if body:
        await session.execute(insert(JobPieceRow).values(job_id=values["id"], no=0, body=body))
    return True


async def by_key(session: AsyncSession, merchant_id: str, kind: str, key: str) -> JobRow | None:
    """The job that a key stands for."""
    mine = JobRow.merchant_id == merchant_id, JobRow.kind == kind, JobRow.key == key
    row: JobRow | None = await session.scalar(select(JobRow).where(*mine))
    return row


async def count_open(session: AsyncSession, merchant_id: str) -> int:
    """How many jobs of a merchant wait or run; nobody else adds one until the commit."""
    alone = func.pg_advisory_xact_lock(func.hashtextextended(f"jobs of {merchant_id}", 0))
    await session.execute(select(alone))
    is_open = JobRow.state.in_(["waiting", "running"])
    return await session.scalar(select(func.count()).where(JobRow.merchant_id == merchant_id, is_open)) or 0


async def find(session: AsyncSession, merchant_id: str, job_id: str) -> JobRow | None:
    """A job of this merchant."""
    row: JobRow | None = await session.scalar(
        select(JobRow).where(JobRow.merchant_id == merchant_id, JobRow.id == job_id)
    )
    return row


async def take(
    session: AsyncSession, kinds: Sequence[str], now: datetime, *, silent_since: datetime, attempts_max: int
) -> JobRow | None:
    """The oldest job that waits or whose attempt fell silent, begun anew; None without any.

    One whose last attempt fell silent is ended as failed and returned so.
    """
    silent = (JobRow.state == "running") & (JobRow.alive_at < silent_since)
    open_ones = select(JobRow).where(JobRow.kind.in_(kinds), (JobRow.state == "waiting") | silent)
    job: JobRow | None = await session.scalar(open_ones.order_by(JobRow.id).limit(1).with_for_update(skip_locked=True))
    if job is None:
        return None
    if job.attempts >= attempts_max:
        await end(session, job, now, state="failed", result=None)
        return job
    begun = {"state": "running", "attempts": job.attempts + 1, "alive_at": now, "done": 0, "step": ""}
    change = update(JobRow).where(JobRow.id == job.id).values(**begun).returning(JobRow)
    taken: JobRow | None = await session.scalar(change, execution_options=_FRESH)
    return taken


async def tell(session: AsyncSession, job: JobRow, **values: Any) -> bool:
    """Write progress of a running attempt; False when it is no longer ours."""
    ours = JobRow.id == job.id, JobRow.attempts == job.attempts, JobRow.state == "running"
    return await session.scalar(update(JobRow).where(*ours).values(**values).returning(JobRow.id)) is not None


async def end(session: AsyncSession, job: JobRow, now: datetime, *, state: str, result: dict[str, Any] | None) -> bool:
    """End an attempt and let go of its input; False when it is no longer ours."""
    if not await tell(session, job, state=state, result=result, ended_at=now, alive_at=now):
        return False
    await session.execute(delete(JobPieceRow).where(JobPieceRow.job_id == job.id))
    return True


async def body(session: AsyncSession, job_id: str) -> bytes:
    """What a job reads."""
    pieces = await session.scalars(
        select(JobPieceRow.body).where(JobPieceRow.job_id == job_id).order_by(JobPieceRow.no)
    )
    return b"".join(pieces)
