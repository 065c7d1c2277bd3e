"""Commands of the studio on what is held up, over the socket: the use cases that HTTP has."""

from typing import Annotated, Any

from msgspec import Meta

from keel.identity import EVERYBODY
from live import pins
from live.messages import Id, Request
from live.pins import pin_body
from live.registry import Registry
from live.shelf import SLOT_NO_MAX
from live.studio import Studio
from live.viewers import Caller


class Pin(Request, tag="pin", frozen=True, kw_only=True):
    """Hold up what stands in a slot of a session that is on air; orders carry it from now on. Safe to repeat."""

    session_id: Id
    no: Annotated[int, Meta(ge=1, le=SLOT_NO_MAX, description="The number that is said on air.")]


class Unpin(Request, tag="unpin", frozen=True, kw_only=True):
    """Take down what is pinned. With `pin_id`, refused where something else is pinned by now."""

    session_id: Id
    pin_id: Id | None = None


def register_shelf(registry: Registry, studio: Studio) -> None:
    """Make the commands known. Every member of staff may be of a room's crew: the use case looks that up."""

    async def pin(caller: Caller, message: Pin) -> dict[str, Any]:
        return pin_body(await pins.pin(studio, caller.principal, message.session_id, message.no))

    async def unpin(caller: Caller, message: Unpin) -> None:
        await pins.unpin(studio, caller.principal, message.session_id, message.pin_id)

    registry.staff(Pin, EVERYBODY, pin)
    registry.staff(Unpin, EVERYBODY, unpin)
