"""Use cases of the shelf: what a session shows, under the numbers that the host says on air."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import msgspec

from keel.errors import Conflict, Malformed
from keel.identity import Principal
from live import store_ingest, store_shelf
from live.model import Power
from live.pins import clear_pin
from live.sale_news import WATCHED_DAYS
from live.staging import may_in_session
from live.store_shelf import Broadcast, Offer, Slot
from live.studio import Command, Studio
from live.tables_shelf import PinRow

SLOTS_MAX: Final = 100
SLOT_NO_MAX: Final = 999
SHELF_BYTES_MAX: Final = 48_000  # every viewer gets the shelf, and again with each change of it
TOLD_PER_TICK_MAX: Final = 100
TELL_EVERY_S: Final = 1.0

_encode: Final = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class SlotWish:
    """An item of one of the session's sales, under a number."""

    no: int
    item_id: str
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class Shelf:
    """A shelf as staff see it: in its order, hidden slots included, and what is pinned."""

    version: int
    slots: Sequence[Slot]
    pin: PinRow | None


async def read_shelf(studio: Studio, by: Principal, session_id: str) -> Shelf:
    """The shelf of a session. Raises NotFound."""
    async with studio.command() as command:
        await store_shelf.find_session(command.session, by.merchant_id, session_id)
        return await _shown(command, by, session_id)


async def set_shelf(
    studio: Studio, by: Principal, session_id: str, wishes: Sequence[SlotWish], *, version: int | None = None
) -> Shelf:
    """Put the whole shelf in order. What is pinned and no longer shown is unpinned.

    Raises NotFound, Malformed for a number or an item that comes twice, and Conflict for an item of a sale that is not
    the session's, or whose stock is real in a rehearsal.
    """
    _require_once([wish.no for wish in wishes], "number")
    _require_once([wish.item_id for wish in wishes], "item")
    async with studio.command() as command:
        at = await _taken(command, by, session_id, version)
        there = await store_shelf.offers(command.session, by.merchant_id, session_id, [w.item_id for w in wishes])
        rows = list(_rows(at, wishes, there))
        await store_shelf.put_version(command.session, by.merchant_id, session_id, await _next(command, by, at))
        await store_shelf.replace(command.session, by.merchant_id, session_id, rows)
        command.audit(by, "shelf.set", session_id, slots=[wish.no for wish in wishes])
        return await _changed(command, by, at)


async def hide_slot(
    studio: Studio, by: Principal, session_id: str, item_id: str, *, hidden: bool, version: int | None = None
) -> Shelf:
    """Hide a slot from viewers, or show it. Raises NotFound and Conflict."""
    async with studio.command() as command:
        at = await _taken(command, by, session_id, version)
        await store_shelf.hide(command.session, by.merchant_id, session_id, item_id, hidden=hidden)
        await store_shelf.put_version(command.session, by.merchant_id, session_id, await _next(command, by, at))
        command.audit(by, "shelf.hide" if hidden else "shelf.show", session_id, item_id=item_id)
        return await _changed(command, by, at)


async def tell_shelf(command: Command, merchant_id: str, at: Broadcast, slots: Sequence[Slot]) -> None:
    """Tell the screens what stands on a shelf; the session is locked."""
    command.announce(at.place, "shelf.changed", shelf_body(slots))
    await store_shelf.note_told(command.session, merchant_id, at.id)


async def tell_changed_shelves(studio: Studio) -> int:
    """Tell the screens of shelves whose items changed under them, by a new price say. How many; a worker's tick.

    A place shows the shelf of what was on last, as whoever comes in reads it; until another session begins, which
    waits for the lock of the place's ingest.
    """
    async with studio.command() as command:
        since = studio.now - timedelta(days=WATCHED_DAYS)
        due = await store_shelf.untold(command.session, since, count=TOLD_PER_TICK_MAX)
    for merchant_id, session_id in due:
        async with studio.command() as command:
            at = await store_shelf.find_session(command.session, merchant_id, session_id)
            await store_ingest.lock(command.session, merchant_id=merchant_id, room_id=at.room_id, place=at.place)
            if await store_shelf.shown_at(command.session, merchant_id, at.place) == session_id:
                await store_shelf.find_session(command.session, merchant_id, session_id, lock=True)
                slots = await store_shelf.slots(command.session, merchant_id, session_id)
                await tell_shelf(command, merchant_id, at, slots)
    return len(due)


def shelf_body(slots: Sequence[Slot]) -> dict[str, Any]:
    """The shelf as screens show it: without what is hidden, and without pictures where they would be too much."""
    shown = [_slot_body(slot) for slot in slots if not slot.hidden]
    if len(_encode(shown)) > SHELF_BYTES_MAX:
        shown = [slot | {"picture_url": None} for slot in shown]
    return {"slots": shown}


def _slot_body(slot: Slot) -> dict[str, Any]:
    return {
        "no": slot.no,
        "sale_id": slot.sale_id,
        "item_id": slot.item_id,
        "title": slot.title,
        "price": slot.price,
        "currency": slot.currency,
        "picture_url": slot.picture_url,
        "hidden": slot.hidden,
    }


def _require_once(values: Sequence[int | str], what: str) -> None:
    if len(set(values)) < len(values):
        raise Malformed(detail=f"slots: a {what} comes twice")


def _rows(at: Broadcast, wishes: Sequence[SlotWish], there: Mapping[str, Offer]) -> Iterator[dict[str, Any]]:
    for place, wish in enumerate(wishes):
        offer = there.get(wish.item_id)
        if offer is None:
            raise Conflict(detail=f"item {wish.item_id} is in no sale of this session")
        if offer.rehearsal != at.rehearsal:
            raise Conflict(detail="a rehearsal shows sales of rehearsals, and nothing else does")
        yield {
            "no": wish.no,
            "place": place,
            "sale_id": offer.sale_id,
            "item_id": wish.item_id,
            "hidden": wish.hidden,
        }


async def _taken(command: Command, by: Principal, session_id: str, version: int | None) -> Broadcast:
    """The session, locked. Raises Forbidden, NotFound and Conflict."""
    await may_in_session(command.session, by, session_id, Power.SELL)
    at = await store_shelf.find_session(command.session, by.merchant_id, session_id, lock=True)
    if at.ended_at is not None:
        raise Conflict(detail="the session is over")
    stands = await store_shelf.version(command.session, by.merchant_id, session_id)
    if version is not None and version != stands:
        raise Conflict(detail=f"the shelf is at version {stands}")
    return at


async def _next(command: Command, by: Principal, at: Broadcast) -> int:
    return await store_shelf.version(command.session, by.merchant_id, at.id) + 1


async def _changed(command: Command, by: Principal, at: Broadcast) -> Shelf:
    """Tell the screens that show this session, and take down a pin whose slot they no longer show."""
    shelf = await _shown(command, by, at.id)
    if at.on_air:
        await tell_shelf(command, by.merchant_id, at, shelf.slots)
    shown = {(slot.no, slot.item_id) for slot in shelf.slots if not slot.hidden}
    if shelf.pin is None or (shelf.pin.no, shelf.pin.item_id) in shown:
        return shelf
    await clear_pin(command, by.merchant_id, at, shelf.pin)
    return Shelf(shelf.version, shelf.slots, None)


async def _shown(command: Command, by: Principal, session_id: str) -> Shelf:
    return Shelf(
        await store_shelf.version(command.session, by.merchant_id, session_id),
        await store_shelf.slots(command.session, by.merchant_id, session_id),
        await store_shelf.open_pin(command.session, by.merchant_id, session_id),
    )
