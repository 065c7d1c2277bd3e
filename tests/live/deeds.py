"""What people and media servers do in a room, by the use cases that HTTP, the socket and the hooks have.

Each is given the room and one of its sessions, and may be refused: Conflict, NotFound, PublishRefused, Unavailable.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from inventory.items import edit_item
from inventory.running import pause_sale, resume_sale
from keel.errors import Conflict
from keel.identity import Principal
from live.moderation import announce, remove_comment, rule
from live.pins import pin, unpin
from live.rooms import edit_room
from live.sessions import edit_session, link_sale, unlink_sale
from live.shelf import SlotWish, hide_slot, read_shelf, set_shelf, tell_changed_shelves
from live.studio import Studio
from live.tables_rooms import RoomRow, SessionRow
from tests.inventory.selling import Sale
from tests.live.ponds import Pond


@dataclass
class Floor:
    """A room and its sessions, each with a sale on its shelf and another beside it. `number`: of what is done now."""

    pond: Pond
    stock: dict[bool, tuple[Sale, Sale]]  # by whether it is rehearsed: what stands on shelves, and what does not
    room: RoomRow = field(init=False)
    sessions: list[SessionRow] = field(init=False)
    comments: dict[str, list[str]] = field(init=False)  # by place
    number: int = field(init=False, default=0)

    @property
    def studio(self) -> Studio:
        return self.pond.rooms

    @property
    def by(self) -> Principal:
        return self.pond.by

    def shelved(self, session: SessionRow) -> Sale:
        """The sale on its shelf."""
        return self.stock[session.rehearsal][0]

    def beside(self, session: SessionRow) -> Sale:
        """The sale that is in no slot."""
        return self.stock[session.rehearsal][1]


Deed = Callable[[Floor, SessionRow], Awaitable[object]]


async def begin(floor: Floor, session: SessionRow) -> None:
    """By hand."""
    await floor.pond.start(session)


async def end(floor: Floor, session: SessionRow) -> None:
    """By hand, or called off."""
    await floor.pond.stop(session)


async def bring_picture(floor: Floor, session: SessionRow) -> None:
    """An encoder comes: what waits for it begins, what was interrupted goes on."""
    await floor.pond.publish(session, f"obs-{floor.number}")


async def lose_picture(floor: Floor, session: SessionRow) -> None:
    """An encoder comes and is gone."""
    client = f"obs-{floor.number}"
    await floor.pond.publish(session, client)
    await floor.pond.unpublish(session, client)


async def plan(floor: Floor, session: SessionRow) -> None:
    """One more session of the room, which sells nothing yet."""
    floor.sessions.append(await floor.pond.session(floor.room))


async def rename_session(floor: Floor, session: SessionRow) -> None:
    await edit_session(floor.studio, floor.by, session.id, {"title": f"Evening {floor.number}"})


async def rename_room(floor: Floor, session: SessionRow) -> None:
    await edit_room(floor.studio, floor.by, floor.room.id, {"title": f"Pond {floor.number}"})


async def arrange_shelf(floor: Floor, session: SessionRow) -> None:
    """Other numbers for the same items, now in this order and now in that."""
    items = floor.shelved(session).item_ids[:: 1 if floor.number % 2 else -1]
    wishes = [SlotWish(floor.number % 9 + no, item) for no, item in enumerate(items, start=1)]
    await set_shelf(floor.studio, floor.by, session.id, wishes)


async def hide_or_show(floor: Floor, session: SessionRow) -> None:
    """What stands first, which may be pinned."""
    slot = (await read_shelf(floor.studio, floor.by, session.id)).slots[0]
    await hide_slot(floor.studio, floor.by, session.id, slot.item_id, hidden=not slot.hidden)


async def reprice(floor: Floor, session: SessionRow) -> None:
    """A new price of what stands on a shelf; a worker sees it."""
    sale = floor.shelved(session)
    changes = {"price": 10_000 + floor.number}
    await edit_item(floor.pond.shop.selling, floor.by, sale.id, sale.item_ids[0], changes)
    await tell_changed_shelves(floor.studio)


async def hold_up(floor: Floor, session: SessionRow) -> None:
    """Another slot than the one that is."""
    shelf = await read_shelf(floor.studio, floor.by, session.id)
    held_up = None if shelf.pin is None else shelf.pin.no
    no = next((slot.no for slot in shelf.slots if slot.no != held_up and not slot.hidden), 1)
    await pin(floor.studio, floor.by, session.id, no)


async def take_down(floor: Floor, session: SessionRow) -> None:
    await unpin(floor.studio, floor.by, session.id)


async def pause_or_resume(floor: Floor, session: SessionRow) -> None:
    """The sale that is not on the shelf; a worker sees it."""
    selling, by, sale_id = floor.pond.shop.selling, floor.by, floor.beside(session).id
    try:
        await pause_sale(selling, by, sale_id)
    except Conflict:
        await resume_sale(selling, by, sale_id)


async def take_sale_in(floor: Floor, session: SessionRow) -> None:
    """Again, where it is in; a worker sees it."""
    await link_sale(floor.studio, floor.pond.book, floor.by, session.id, floor.beside(session).id)


async def take_sale_out(floor: Floor, session: SessionRow) -> None:
    await unlink_sale(floor.studio, floor.by, session.id, floor.beside(session).id)


async def rule_talk(floor: Floor, session: SessionRow) -> None:
    """Of the room and its rehearsals."""
    await rule(floor.studio, floor.by, floor.room.id, {"slow_mode_s": floor.number % 60})


async def say_to_all(floor: Floor, session: SessionRow) -> None:
    await announce(floor.studio, floor.by, session.id, f"Free shipping, {floor.number}")


async def take_off_a_comment(floor: Floor, session: SessionRow) -> None:
    said = floor.comments[session.place]
    await remove_comment(floor.studio, floor.by, floor.room.id, said[floor.number % len(said)])


DEEDS: Final[Mapping[str, Deed]] = {
    deed.__name__: deed
    for deed in (
        begin, end, bring_picture, lose_picture, plan, rename_session, rename_room, arrange_shelf, hide_or_show,
        reprice, hold_up, take_down, pause_or_resume, take_sale_in, take_sale_out, rule_talk, say_to_all,
        take_off_a_comment,
    )
}  # fmt: skip
