"""Shelf and pins of a session over HTTP, for staff."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Path, Query, Request

from keel.identity import EVERYBODY, Principal, staff_as
from keel.ids import ID_PATTERN
from keel.paging import next_of
from live import pins, shelf
from live.routes_rooms import Member
from live.schemas_shelf import PinOut, PinPage, PinWish, ShelfOut, ShelfPut, SlotChange, UnpinWish
from live.shelf import SlotWish
from live.studio import Studio

PAGE_MAX: Final = 100


async def studio_of(request: Request) -> Studio:
    """What the use cases need, as wired by millpond."""
    studio: Studio = request.app.state.studio
    return studio


Here = Annotated[Studio, Depends(studio_of)]
Reader = Annotated[Principal, Depends(staff_as(EVERYBODY))]
PathId = Annotated[str, Path(pattern=ID_PATTERN)]
Below = Annotated[str | None, Query(pattern=ID_PATTERN)]
Count = Annotated[int, Query(ge=1, le=PAGE_MAX)]

router = APIRouter(prefix="/v1/staff/sessions", tags=["room"])


@router.get("/{session_id}/shelf")
async def show_shelf(here: Here, by: Reader, session_id: PathId) -> ShelfOut:
    """The shelf of a session, and what is pinned."""
    return ShelfOut.model_validate(await shelf.read_shelf(here, by, session_id))


@router.put("/{session_id}/shelf")
async def put_shelf(here: Here, by: Member, session_id: PathId, wish: ShelfPut) -> ShelfOut:
    """Put the whole shelf in order: the items of the session's sales, under the numbers that are said on air."""
    wishes = [SlotWish(slot.no, slot.item_id, slot.hidden) for slot in wish.slots]
    return ShelfOut.model_validate(await shelf.set_shelf(here, by, session_id, wishes, version=wish.version))


@router.patch("/{session_id}/shelf/{item_id}")
async def change_slot(here: Here, by: Member, session_id: PathId, item_id: PathId, change: SlotChange) -> ShelfOut:
    """Hide a slot from viewers, or show it."""
    changed = await shelf.hide_slot(here, by, session_id, item_id, hidden=change.hidden, version=change.version)
    return ShelfOut.model_validate(changed)


@router.post("/{session_id}/pin")
async def pin(here: Here, by: Member, session_id: PathId, wish: PinWish) -> PinOut:
    """Hold up what stands in a slot; orders carry it from now on. Safe to repeat."""
    return PinOut.model_validate(await pins.pin(here, by, session_id, wish.no))


@router.post("/{session_id}/unpin", status_code=204)
async def unpin(here: Here, by: Member, session_id: PathId, wish: UnpinWish | None = None) -> None:
    """Take down what is pinned. Safe to repeat."""
    await pins.unpin(here, by, session_id, wish.pin_id if wish else None)


@router.get("/{session_id}/pins")
async def show_pins(here: Here, by: Reader, session_id: PathId, below: Below = None, count: Count = 20) -> PinPage:
    """What was pinned from when to when, newest first."""
    rows = await pins.list_pins(here, by, session_id, below=below, count=count)
    return PinPage(pins=[PinOut.model_validate(row) for row in rows], next=next_of(rows, count))
