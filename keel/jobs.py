"""Jobs: what takes longer than a request may, asked for over HTTP and run by a worker, one at a time.

A job is a row. Its input is stored with it, so a job outlives the process that took it in; whoever runs it gives signs
of life, and a job that fell silent is begun anew by the next worker, up to ATTEMPTS_MAX times. What a job stores, it
stores in the transaction that also ends it (`Run.end`): of two workers that run the same job, say because one of them
froze, exactly one commits.
"""

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from keel import store_jobs
from keel.audit import Audited
from keel.clock import Clock
from keel.database import edge
from keel.errors import IdempotencyKeyReused, NotFound, TooManyRequests, Unavailable
from keel.identity import Principal, Role
from keel.loops import run_every
from keel.tables import JobRow

log = logging.getLogger(__name__)

RUN_EVERY_S: Final = 0.5
SILENT_AFTER: Final = timedelta(seconds=20)  # longer than a statement of staff may take
ATTEMPTS_MAX: Final = 3
BEAT_EVERY_S: Final = 5.0
PIECE_MAX: Final = timedelta(minutes=5)  # between two words of progress; after that a heart that beats means nothing
OPEN_MAX: Final = 10  # of one merchant; each keeps its input until it ends
BUSY_RETRY_S: Final = 10.0


class JobLost(Exception):
    """Another worker has begun this job anew, or its process is to stop: nothing more may be done for it here."""


@dataclass(frozen=True, slots=True)
class Jobs(Audited):
    """Taking jobs in, and showing how far they are."""

    async def ask(self, by: Principal, kind: str, *, key: str, options: Mapping[str, Any], body: bytes) -> JobRow:
        """Take in a job; under a key that stands for one, that job.

        Raises IdempotencyKeyReused, Unavailable, and TooManyRequests while a merchant has OPEN_MAX jobs open.
        """
        now, job_id = self.clock.now(), self.ids.new()
        fingerprint = await asyncio.to_thread(_fingerprint, options, body)  # a large body holds the loop up
        asked = {"merchant_id": by.merchant_id, "kind": kind, "key": key, "fingerprint": fingerprint}
        values = asked | {"id": job_id, "actor": by.subject, "role": by.role, "options": dict(options)}
        async with edge(self.sessions) as session:
            is_full = await store_jobs.count_open(session, by.merchant_id) >= OPEN_MAX
            if is_full and await store_jobs.by_key(session, by.merchant_id, kind, key) is None:
                raise TooManyRequests(retry_after_s=BUSY_RETRY_S)
            if await store_jobs.add(session, body, **values, state="waiting", created_at=now, alive_at=now):
                self.audit(session, by, f"{kind}.ask", job_id, bytes=len(body), **options)
            job = await store_jobs.by_key(session, by.merchant_id, kind, key)
        assert job is not None, "jobs are never deleted"
        if job.fingerprint != asked["fingerprint"]:
            raise IdempotencyKeyReused
        return job

    async def read(self, by: Principal, job_id: str) -> JobRow:
        """How far a job is. Raises NotFound, for another merchant's as well."""
        async with edge(self.sessions) as session:
            job = await store_jobs.find(session, by.merchant_id, job_id)
        if job is None:
            raise NotFound(what="job")
        return job


@dataclass
class Run:
    """One attempt at a job. `told_at` is when it last said how far it is."""

    job: JobRow
    sessions: async_sessionmaker[AsyncSession]
    clock: Clock
    stop: asyncio.Event
    told_at: datetime

    @property
    def by(self) -> Principal:
        """Who asked for it."""
        return Principal(self.job.merchant_id, self.job.actor, Role(self.job.role))

    async def body(self) -> bytes:
        """What was sent with it."""
        async with edge(self.sessions) as session:
            return await store_jobs.body(session, self.job.id)

    async def tell(self, step: str, *, done: int, total: int) -> None:
        """Say how far it is; no two words may be PIECE_MAX apart. Raises JobLost."""
        if self.stop.is_set():
            raise JobLost
        self.told_at = now = self.clock.now()
        async with edge(self.sessions) as session:
            progress = {"step": step, "done": done, "total": total, "alive_at": now}
            if not await store_jobs.tell(session, self.job, **progress):
                raise JobLost

    async def beat(self) -> None:
        """A sign of life while one piece is worked on, as long as a piece may take."""
        now = self.clock.now()
        if now - self.told_at <= PIECE_MAX:
            async with edge(self.sessions) as session:
                await store_jobs.tell(session, self.job, alive_at=now)

    async def end(self, session: AsyncSession, *, state: str, result: dict[str, Any]) -> None:
        """End it, as `done` or `refused`, in the transaction of what it stores. Raises JobLost."""
        if not await store_jobs.end(session, self.job, self.clock.now(), state=state, result=result):
            raise JobLost


Handler = Callable[[Run], Awaitable[None]]


@dataclass(frozen=True)
class JobRunner:
    """Runs what was asked for. `handlers` by kind; a job of any other kind waits for a runner that knows it."""

    sessions: async_sessionmaker[AsyncSession]
    clock: Clock
    handlers: Mapping[str, Handler]
    stop: asyncio.Event

    async def tick(self) -> bool:
        """Run the next job, if there is one. A fault of a handler leaves its job to fall silent, and is raised."""
        now = self.clock.now()
        kinds, silent_since = list(self.handlers), now - SILENT_AFTER
        async with edge(self.sessions) as session:
            job = await store_jobs.take(session, kinds, now, silent_since=silent_since, attempts_max=ATTEMPTS_MAX)
        if job is None:
            return False
        if job.state != "running":
            log.error("job %s (%s) was given up after %d attempts", job.id, job.kind, job.attempts)
            return True
        try:
            await self._run(self.handlers[job.kind], Run(job, self.sessions, self.clock, self.stop, told_at=now))
        except JobLost:
            log.warning("job %s (%s) was taken away from its attempt %d", job.id, job.kind, job.attempts)
            if self.stop.is_set():
                await self._give_back(job)
        except Unavailable as refusal:  # it falls silent, and is begun anew when that is noticed
            log.warning("job %s (%s) goes on later: %s", job.id, job.kind, refusal.detail)
        return True

    async def _run(self, handler: Handler, run: Run) -> None:
        over = asyncio.Event()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(run_every("job_heartbeat", BEAT_EVERY_S, over, run.beat))
                try:
                    await handler(run)
                finally:
                    over.set()
        except ExceptionGroup as faults:  # of the handler: a heartbeat that fails is logged, and tried again
            raise faults.exceptions[0] from None

    async def _give_back(self, job: JobRow) -> None:
        """Let the next worker begin it at once, as if this attempt had not been."""
        async with edge(self.sessions) as session:
            await store_jobs.tell(session, job, state="waiting", attempts=job.attempts - 1)


def _fingerprint(options: Mapping[str, Any], body: bytes) -> str:
    digest = hashlib.sha256(msgspec.json.encode(dict(sorted(options.items()))))
    digest.update(body)
    return digest.hexdigest()
