"""What begins and ends with a broadcast: orders of its sales carry it, its shelf is shown, and its pin comes down.

Whoever moves a session calls these in the transaction of the move, with the session locked and its times written.
"""

from keel.identity import Principal
from live import store_shelf, store_talk
from live.pins import carry, carry_nothing, clear_pin
from live.shelf import tell_shelf
from live.studio import Command


async def went_on_air(command: Command, merchant_id: str, session_id: str) -> None:
    """A session has begun: its sales carry it, and the screens show its shelf."""
    at = await store_shelf.find_session(command.session, merchant_id, session_id)
    for sale_id in await store_shelf.sale_ids(command.session, merchant_id, session_id):
        await carry(command, merchant_id, at, sale_id, None, take_over=True)
    await tell_shelf(command, merchant_id, at, await store_shelf.slots(command.session, merchant_id, session_id))


async def went_off_air(command: Command, merchant_id: str, session_id: str) -> None:
    """A session is over: what was pinned comes down, and orders that its sales still take carry nothing."""
    at = await store_shelf.find_session(command.session, merchant_id, session_id)
    up = await store_shelf.open_pin(command.session, merchant_id, session_id)
    if up is not None:
        await clear_pin(command, merchant_id, at, up)
    for sale_id in await store_shelf.sale_ids(command.session, merchant_id, session_id):
        await carry_nothing(command, merchant_id, at, sale_id)


async def fell_silent(command: Command, merchant_id: str, session_id: str) -> None:
    """A session is over, or called off: what it announced goes, unless another one has spoken since."""
    at = await store_shelf.find_session(command.session, merchant_id, session_id)
    last = await store_talk.last_announcement(command.session, merchant_id, at.place)
    if last is not None and last.session_id == session_id:
        command.announce(at.place, "announcement.cleared", {"announcement_id": last.id})


async def sale_joined(command: Command, by: Principal, session_id: str, sale_id: str) -> None:
    """A sale was linked to a session: its orders carry it from now on, where it is on air."""
    at = await store_shelf.find_session(command.session, by.merchant_id, session_id)
    if at.on_air:
        await carry(command, by.merchant_id, at, sale_id, None)


async def sale_left(command: Command, by: Principal, session_id: str, sale_id: str) -> None:
    """A sale was taken out of a session: what it still sells carries nothing of it."""
    at = await store_shelf.find_session(command.session, by.merchant_id, session_id)
    if at.on_air:
        await carry_nothing(command, by.merchant_id, at, sale_id)
