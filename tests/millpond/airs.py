"""A broadcast at a gateway: a room with a session on air that sells, and what those who watch read.

async with gateway(database_url, redis_url) as pond:
    air = await on_air(pond, units=[10])
    async with viewer_in(pond, air) as viewer, host_in(pond, air) as host:
        ...
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from inventory.book import SaleBook
from keel.identity import Role
from live.rooms import NewRoom, create_room
from live.sessions import NewSession, link_sale, plan_session, start_session
from live.shelf import SlotWish, set_shelf
from tests.inventory.selling import Sale, open_sale
from tests.live.watching import STAFF, Pond, Watcher


@dataclass(frozen=True)
class Air:
    """A session on air in a room, with a sale whose items stand on its shelf as 1, 2, …"""

    room: str
    session_id: str
    sale: Sale


async def on_air(pond: Pond, *, units: Sequence[int] = (10, 5), **options: Any) -> Air:
    """Begin a broadcast; options of draft_sale."""
    studio, by = pond.parts.studio(), pond.shop.staff
    room = await create_room(studio, by, NewRoom("By the pond"))
    session_id = (await plan_session(studio, by, room.id, NewSession())).row.id
    sale = await open_sale(pond.shop, units=units, **options)
    await link_sale(studio, SaleBook(pond.shop.ledger), by, session_id, sale.id)
    await set_shelf(
        studio, by, session_id, [SlotWish(no, item_id) for no, item_id in enumerate(sale.item_ids, start=1)]
    )
    await start_session(studio, by, session_id)
    return Air(room.id, session_id, sale)


@asynccontextmanager
async def viewer_in(pond: Pond, air: Air, **hello: Any) -> AsyncIterator[Watcher]:
    """A customer who has joined, or whoever the members of hello say."""
    async with pond.viewer(**(hello or {"token": pond.token()})) as viewer:
        await viewer.join(air.room)
        yield viewer


@asynccontextmanager
async def host_in(pond: Pond, air: Air) -> AsyncIterator[Watcher]:
    """The owner, in the room."""
    async with viewer_in(pond, air, token=STAFF) as host:
        yield host


def staff_token(pond: Pond, role: Role, staff_id: str = "") -> str:
    """An access token of a member of staff."""
    ids, merchant_id = pond.shop.ids, pond.shop.staff.merchant_id
    people = {"staff_id": staff_id or ids.new(), "merchant_id": merchant_id, "sign_in_id": ids.new()}
    token: str = pond.tokens.sign_staff(**people, role=role.value, ttl_s=600)
    return token


async def say(watcher: Watcher, air: Air, text: str, **more: Any) -> dict[str, Any]:
    """Speak; the answer."""
    return await watcher.ask("said", type="comment", place=air.room, text=text, **more)


async def event(watcher: Watcher, kind: str) -> dict[str, Any]:
    """The body of the next event of this kind."""
    while True:
        for room in (await watcher.hear("tick"))["rooms"]:
            for one in room.get("events", []):
                if one["kind"] == kind:
                    return dict(one["body"])


async def frames_until(watcher: Watcher, comment_id: str) -> list[list[dict[str, Any]]]:
    """What is shown up to this comment, frame by frame."""
    frames: list[list[dict[str, Any]]] = []
    while comment_id not in [comment["id"] for frame in frames for comment in frame]:
        frames.append([one for room in (await watcher.hear("tick"))["rooms"] for one in room.get("comments", [])])
    return frames


async def comments_until(watcher: Watcher, comment_id: str) -> list[dict[str, Any]]:
    """What is shown up to this comment."""
    return [comment for frame in await frames_until(watcher, comment_id) for comment in frame]
