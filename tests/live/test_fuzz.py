"""Anything at all, in any order, at a real gateway: what comes back is in the protocol, and the room goes on."""

import asyncio
import json
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass
from queue import Queue
from threading import Thread
from typing import Any, Union

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed

from live.close_codes import STANDARD, CloseCode
from live.messages import Answer, Bye, Done, Joined, Left, Problem, Tick, Welcome
from millpond.socket_orders import Ordered
from millpond.socket_talk import Said, Ticketed
from tests.databases import Databases
from tests.inventory.selling import Sale, open_sale
from tests.live.watching import STAFF, Pond, Watcher, gateway

ANSWERS = (Bye, Done, Joined, Left, Ordered, Problem, Said, Tick, Ticketed, Welcome)
read = msgspec.json.Decoder(Union[ANSWERS]).decode  # noqa: UP007 -- made of a list
DOCUMENTED = {int(code) for code in CloseCode} | STANDARD.keys()
SILENCE_S = 0.2
TYPES = [
    "hello", "join", "leave", "comment", "like", "order.place", "order.status", "sale.arm", "sale.open", "sale.pause",
    "sale.resume", "sale.restock", "ticket", "pin", "unpin", "announce", "talk.rule", "silence", "silence.lift",
    "comment.remove", "tick", "bye", "",
]  # fmt: skip

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40)
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
)
known = st.sampled_from(["{room}", "{sale}", "{item}", "{token}", "{staff}", "{guest}", "key"])
member = known | anything
members = st.dictionaries(
    st.sampled_from(
        [
            "ref",
            "place",
            "since",
            "token",
            "guest",
            "text",
            "count",
            "sale_id",
            "item_id",
            "order_id",
            "key",
            "add",
            "room_id",
            "session_id",
            "no",
            "viewer_id",
            "kind",
            "for_s",
            "comment_id",
        ]
    ),
    member,
    max_size=5,
)
nearly = st.builds(lambda kind, rest: {"type": kind} | rest, st.sampled_from(TYPES), members)
orders = st.builds(
    lambda key, quantity, more: {
        "type": "order.place",
        "sale_id": "{sale}",
        "key": key,
        "order": {"lines": [{"item_id": "{item}", "quantity": quantity}]} | more,
    },
    st.text(max_size=5),
    member | st.integers(1, 3),
    st.dictionaries(st.sampled_from(["expected_total", "recipient", "ticket"]), member, max_size=2),
)
good = st.sampled_from(
    [
        {"type": "hello"},
        {"type": "hello", "token": "{token}"},
        {"type": "hello", "token": "{staff}"},
        {"type": "join", "place": "{room}"},
        {"type": "join", "place": "{room}", "since": {"epoch": 1, "seq": 1}},
        {"type": "leave", "place": "{room}"},
        {"type": "sale.pause", "sale_id": "{sale}"},
        {"type": "sale.resume", "sale_id": "{sale}"},
    ]
)
said = good | nearly | orders | anything | st.binary(max_size=100) | st.text(max_size=100)


@dataclass
class World:
    """A gateway whose loop runs by itself, in a thread, while examples are made up."""

    loop: asyncio.AbstractEventLoop
    pond: Pond
    room: str
    sale: Sale

    def run(self, story: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(story, self.loop).result(60)


@pytest.fixture(scope="module")
def world(databases: Databases, database_template: str, flushable_redis_url: str) -> Iterator[World]:
    name = databases.create(database_template)
    opened: Queue[World] = Queue()
    stop = asyncio.Event()

    async def live() -> None:
        async with gateway(databases.url_of(name), flushable_redis_url, gateway_messages_burst=1_000) as pond:
            room, sale = await pond.make_room(), await open_sale(pond.shop, units=[50])
            opened.put(World(asyncio.get_running_loop(), pond, room, sale))
            await stop.wait()

    thread = Thread(target=asyncio.run, args=(live(),))
    thread.start()
    world = opened.get(timeout=60)
    yield world
    world.loop.call_soon_threadsafe(stop.set)
    thread.join(60)
    databases.drop(name)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(first=st.sampled_from([{}, {"token": "{token}"}, {"token": "{staff}"}, None]), steps=st.lists(said, max_size=20))
def test_whatever_is_said_is_answered_by_the_protocol(world, first, steps):
    world.run(story(world, steps if first is None else [{"type": "hello"} | first, *steps]))


async def story(world: World, steps: list[Any]) -> None:
    pond, sale = world.pond, world.sale
    names = {
        "{room}": world.room,
        "{sale}": sale.id,
        "{item}": sale.item_ids[0],
        "{token}": pond.token(),
        "{staff}": STAFF,
    }
    async with pond.viewer() as bystander, pond.bare() as watcher:
        await bystander.join(world.room)
        code = await converse(watcher, steps, names)
        assert code is None or code in DOCUMENTED
        await bystander.tick_with(await pond.publish(world.room))


async def converse(watcher: Watcher, steps: list[Any], names: dict[str, str]) -> int | None:
    """Say everything, hear everything; the code of the close, if there was one."""
    try:
        for step in steps:
            await watcher.socket.send(written(step, names))
        while True:
            async with asyncio.timeout(SILENCE_S):
                check(await watcher.socket.recv())
    except TimeoutError:
        return None
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd is not None else 1006


def check(raw: str | bytes) -> None:
    """A message of the protocol; a problem has what every problem has, and says nothing of what is behind."""
    assert isinstance(raw, str)
    message: Answer = read(raw)
    problem = getattr(message, "problem", None)
    if problem is not None:
        assert problem["type"].startswith("urn:millpond:problem:")
        assert problem["type"] != "urn:millpond:problem:internal"
        assert problem["title"]
        assert 400 <= problem["status"] < 600


def written(step: Any, names: dict[str, str]) -> str | bytes:
    if isinstance(step, bytes | str):
        return step
    text = json.dumps(step)
    for name, value in names.items():
        text = text.replace(f'"{name}"', f'"{value}"')
    return text
