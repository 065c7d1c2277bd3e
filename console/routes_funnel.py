"""The funnel of a session over HTTP, for staff."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Path, Request
from pydantic import BaseModel

from console import funnel
from console.funnel_steps import DEFINITIONS, By
from console.model import NotAuditable
from keel.clock import Clock
from keel.database import Pool
from keel.errors import NotFound, Unavailable
from keel.identity import EVERYBODY, Principal, staff_as
from keel.ids import ID_PATTERN

READINGS_MAX: Final = 2

PathId = Annotated[str, Path(pattern=ID_PATTERN)]
Reader = Annotated[Principal, Depends(staff_as(EVERYBODY))]


class StepOut(BaseModel):
    """A step: how many did it and all before it, and the part of those of the step before."""

    name: str
    count: int | None
    of_before: float | None


class PartOut(BaseModel):
    """The whole, or a channel, a community or a sharer; `key` is null for those without one."""

    key: str | None
    steps: list[StepOut]
    ordered_at_all: int


class FunnelOut(BaseModel):
    """How far people went who were brought to a session, and what each step means."""

    session_id: str
    by: By | None
    whole: PartOut
    parts: list[PartOut]
    definitions: dict[str, str]


class LongReadings:
    """Where long readings go: a few at a time, for the pool's connections are wanted for more than these."""

    def __init__(self, pool: Pool) -> None:
        self._pool, self._places = pool, asyncio.Semaphore(READINGS_MAX)

    @asynccontextmanager
    async def one(self) -> AsyncIterator[Pool]:
        """A place for one. Raises Unavailable where all are taken."""
        if self._places.locked():
            raise Unavailable(detail="others are reading as much just now")
        async with self._places:
            yield self._pool


async def readings_of(request: Request) -> LongReadings:
    """As wired by millpond."""
    readings: LongReadings = request.app.state.long_readings
    return readings


async def clock_of(request: Request) -> Clock:
    """The process's own."""
    clock: Clock = request.app.state.sharing.clock
    return clock


router = APIRouter(prefix="/v1/staff/sessions", tags=["staff"])


@router.get("/{session_id}/funnel")
async def show(
    readings: Annotated[LongReadings, Depends(readings_of)],
    clock: Annotated[Clock, Depends(clock_of)],
    by: Reader,
    session_id: PathId,
    parted: By | None = None,
) -> FunnelOut:
    """How far people went who were brought to a session: whole, and `parted` by channel, community or sharer."""
    try:
        async with readings.one() as pool:
            found = await funnel.read(pool, by.merchant_id, session_id, by=parted, now=clock.now())
    except NotAuditable as fault:
        raise Unavailable(detail="the funnel could not be read in time") from fault
    if found is None:
        raise NotFound(what="session")
    return FunnelOut.model_validate(asdict(found) | {"definitions": DEFINITIONS})
