"""Jobs over HTTP: how far one is, and what came of it."""

from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Request
from pydantic import BaseModel, ConfigDict

from keel.idempotency import idempotency_key
from keel.identity import EVERYBODY, Principal, staff_as
from keel.ids import ID_PATTERN
from keel.jobs import Jobs

REPLAYED: Final = "idempotency-replayed"  # the header of an answer that an earlier request with this key earned

router = APIRouter(prefix="/v1/staff/jobs", tags=["staff"])


class JobOut(BaseModel):
    """A job: `waiting`, `running`, `done`, `refused` (what was sent is wrong; nothing was stored) or `failed`.

    `done` of `total` is the progress of the present `step`; `result` is there in the end.
    """

    model_config = ConfigDict(from_attributes=True)

    id: str
    kind: str
    state: str
    step: str
    done: int
    total: int | None
    result: dict[str, Any] | None
    created_at: datetime
    ended_at: datetime | None


async def jobs_of(request: Request) -> Jobs:
    """The jobs of this process, as wired by millpond."""
    jobs: Jobs = request.app.state.jobs
    return jobs


async def key_of(request: Request) -> str:
    """The one Idempotency-Key of a request. Raises IdempotencyKeyMissing."""
    return idempotency_key(request.headers.raw)


async def optional_key_of(request: Request) -> str | None:
    """The same where a request may go without. Raises IdempotencyKeyMissing for one that is no key."""
    return await key_of(request) if "idempotency-key" in request.headers else None


JobsHere = Annotated[Jobs, Depends(jobs_of)]
Key = Annotated[str, Depends(key_of)]
OptionalKey = Annotated[str | None, Depends(optional_key_of)]


@router.get("/{job_id}")
async def show(
    jobs: JobsHere,
    by: Annotated[Principal, Depends(staff_as(EVERYBODY))],
    job_id: Annotated[str, Path(pattern=ID_PATTERN)],
) -> JobOut:
    """How far a job is."""
    return JobOut.model_validate(await jobs.read(by, job_id))
