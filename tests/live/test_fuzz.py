"""Anything at all, in any order, at a real gateway: all of it is answered by the protocol, and the room goes on."""

import asyncio
import json
from collections import Counter
from collections.abc import Coroutine, Iterator
from contextlib import suppress
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
from live.messages import Answer, Bye, Left, Tick
from live.moderation import silence
from live.registry import Who
from live.sampling import Comment
from live.store_comments import Entry, Venue, record
from live.talk_rules import CommentState, Silence
from tests.databases import Databases
from tests.inventory.selling import draft_sale
from tests.live.sayings import ANSWERS, ENTRIES, REQUESTS, RIGHTLY, answer_of, rightly, sayings
from tests.live.watching import STAFF, WAIT_MAX_S, Pond, Watcher, gateway
from tests.millpond.airs import Air, on_air

read = msgspec.json.Decoder(Union[tuple(ANSWERS)]).decode  # noqa: UP007 -- made of a list
# Whatever is said, a fault of ours it is not.
DOCUMENTED = ({int(code) for code in CloseCode} | STANDARD.keys()) - {CloseCode.FAULT, 1011}
STEPS_MAX = 20
TOKEN_TTL_S = 1_000_000


@dataclass
class Bystander:
    """Somebody in the room, from the first example to the last. Of the log he is told everything, in its order."""

    watcher: Watcher
    seq: int
    due: int = 0  # what was said in the example before: nobody waits for a tick

    async def hears(self, seq: int) -> None:
        """Everything up to there."""
        while self.seq < seq:
            message = await self.watcher.hear_any()
            assert message["type"] == "tick", message
            (room,) = message["rooms"]
            assert "snapshot" not in room
            for event in room.get("events", []):
                assert event["seq"] == self.seq + 1
                self.seq = event["seq"]
            assert room["seq"] == self.seq


@dataclass
class World:
    """A gateway whose loop runs by itself, in a thread, while examples are made up."""

    loop: asyncio.AbstractEventLoop
    pond: Pond
    air: Air
    bystander: Bystander
    known: dict[str, str]

    def run(self, story: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(story, self.loop).result(60)

    async def goes_on(self) -> None:
        """The bystander hears what happens now, and somebody else comes in."""
        await self.bystander.hears(await self.pond.publish(self.air.room))
        async with self.pond.viewer() as newcomer:
            assert (await newcomer.join(self.air.room))["place"] == self.air.room

    async def names(self) -> dict[str, str]:
        """What there is to speak of, with comments that nobody has judged."""
        shop, air = self.pond.shop, self.air
        said = {"{waiting}": CommentState.WAITING, "{doubtful}": CommentState.WAITING, "{shown}": CommentState.SHOWN}
        comments = {name: Comment(shop.ids.new(), shop.ids.new(), None, "hm", shop.clock.ms()) for name in said}
        venue = Venue(shop.staff.merchant_id, air.room, air.room, air.session_id)
        await record(shop.pool, [Entry(venue, comments[name], state) for name, state in said.items()])
        return self.known | {name: comment.id for name, comment in comments.items()}


async def known_of(pond: Pond, air: Air) -> dict[str, str]:
    """What everybody may speak of, by the names that sayings have for it."""
    shop, studio = pond.shop, pond.parts.studio()
    token, viewer_id = pond.token(ttl_s=TOKEN_TTL_S), shop.ids.new()
    row = await silence(studio, shop.staff, air.room, viewer_id, Silence.MUTE, for_s=60, reason=None)
    known = {
        "{room}": air.room, "{session}": air.session_id, "{sale}": air.sale.id, "{item}": air.sale.item_ids[0],
        "{draft}": (await draft_sale(shop)).id, "{viewer}": viewer_id, "{silence}": row.id, "{token}": token,
        "{staff}": STAFF, "{nobody}": shop.ids.new(),
    }  # fmt: skip
    async with pond.viewer(token=token) as buyer, pond.bare() as guest:
        order = json.loads(written(rightly("order.place"), known))
        known["{order}"] = (await buyer.ask("order", **order))["order"]["id"]
        known["{guest}"] = (await guest.hello())["guest"]
    return known


@pytest.fixture(scope="module")
def world(databases: Databases, database_template: str, flushable_redis_url: str) -> Iterator[World]:
    name = databases.create(database_template)
    opened: Queue[World] = Queue()
    stop = asyncio.Event()
    wide = {f"{what}_{rate}": 10_000 for what in ("rate_customer", "rate_address") for rate in ("per_s", "burst")}

    async def live() -> None:
        async with gateway(databases.url_of(name), flushable_redis_url, gateway_messages_burst=1_000, **wide) as pond:
            air = await on_air(pond, units=[500, 5])
            known = await known_of(pond, air)
            async with pond.viewer() as watcher:
                bystander = Bystander(watcher, (await watcher.join(air.room))["seq"])
                opened.put(World(asyncio.get_running_loop(), pond, air, bystander, known))
                await stop.wait()

    thread = Thread(target=asyncio.run, args=(live(),))
    thread.start()
    world = opened.get(timeout=60)
    yield world
    world.run(world.goes_on())
    world.loop.call_soon_threadsafe(stop.set)
    thread.join(60)
    databases.drop(name)


def test_every_message_that_is_understood_is_said_here():
    assert RIGHTLY.keys() == REQUESTS.keys()


def test_what_is_said_rightly_is_carried_out(world):
    async def story() -> None:
        names, pond = await world.names(), world.pond
        async with pond.viewer(token=STAFF) as staff, pond.viewer(token=names["{token}"]) as customer:
            for viewer in (staff, customer):
                await viewer.join(world.air.room)
            pond.shop.clock.advance(s=60)  # a ticket is for whoever has been here for a while
            for kind in RIGHTLY:
                speaker = staff if kind in ENTRIES and ENTRIES[kind].who is Who.STAFF else customer
                message = json.loads(written(rightly(kind) | ({"token": "{token}"} if kind == "hello" else {}), names))
                await speaker.say(**message, ref=kind)
                while (answer := await speaker.hear_any()).get("ref") != kind:
                    pass
                assert answer["type"] == answer_of(kind).__struct_config__.tag, answer
        await world.goes_on()

    world.run(story())


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    first=st.sampled_from([{}, {"token": "{token}"}, {"token": "{staff}"}, {"guest": "{guest}"}, None]),
    is_inside=st.booleans(),
    steps=st.lists(sayings, max_size=STEPS_MAX),
)
def test_whatever_is_said_is_answered_by_the_protocol(world, first, is_inside, steps):
    hello = [] if first is None else [{"type": "hello"} | first]
    world.run(story(world, [*hello, *[rightly("join")] * is_inside, *steps]))


async def story(world: World, steps: list[Any]) -> None:
    names, pond = await world.names(), world.pond
    pond.shop.clock.advance(s=5)  # else whoever has said something may say no more
    said = [written(step, names, ref=f"step {no}") for no, step in enumerate(steps)]
    async with pond.bare() as watcher:
        seq = await pond.publish(world.air.room)
        code = await converse(watcher, said)
        assert code is None or code in DOCUMENTED
    await world.bystander.hears(world.bystander.due)
    world.bystander.due = seq


async def converse(watcher: Watcher, said: list[str | bytes]) -> int | None:
    """Say everything, and hear an answer to each; the code of the close, if there was one before."""
    answers: list[Answer] = []
    try:
        for one in said:
            await watcher.socket.send(one)
        while not answered(said, answers):
            answers += heard(await asyncio.wait_for(watcher.socket.recv(), WAIT_MAX_S))
        return None
    except TimeoutError:
        raise AssertionError(f"not answered: {unanswered(said, answers)}, of {len(said)}") from None
    except ConnectionClosed:
        return await closed(watcher, answers)


async def closed(watcher: Watcher, answers: list[Answer]) -> int:
    """What else came before the close, and its code, which is the one of the bye where there was one."""
    with suppress(ConnectionClosed):
        while True:
            answers += heard(await asyncio.wait_for(watcher.socket.recv(), WAIT_MAX_S))
    code = watcher.socket.close_code
    assert code is not None
    byes = [answer.code for answer in answers if isinstance(answer, Bye)]
    assert byes in ([], [code])
    return code


def answered(said: list[str | bytes], answers: list[Answer]) -> bool:
    count = sum(not isinstance(answer, Bye) for answer in answers)
    assert count <= len(said)
    return count == len(said) and not unanswered(said, answers)


def unanswered(said: list[str | bytes], answers: list[Answer]) -> "Counter[str]":
    """The refs that nobody has repeated."""
    refs = Counter(ref for one in said if (ref := ref_of(one)) is not None)
    return refs - Counter(ref for answer in answers if (ref := getattr(answer, "ref", None)) is not None)


def ref_of(said: str | bytes) -> str | None:
    """The ref of a message, where it is an object with one that is fit to be repeated."""
    try:
        message = msgspec.json.decode(said)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
    ref = message.get("ref") if isinstance(message, dict) else None
    return ref if isinstance(ref, str) and len(ref) <= 64 and ref.isascii() and ref.isprintable() else None


def heard(raw: str | bytes) -> list[Answer]:
    """A message of the protocol, if it is an answer. A problem has what every problem has, and is not our fault."""
    assert isinstance(raw, str)
    message: Answer = read(raw)
    problem = getattr(message, "problem", None)
    if problem is not None:
        assert problem["type"].startswith("urn:millpond:problem:")
        assert problem["type"] != "urn:millpond:problem:internal"
        assert problem["title"]
        assert 400 <= problem["status"] < 600
    is_unasked = isinstance(message, Tick) or (isinstance(message, Left) and message.problem is not None)
    return [] if is_unasked else [message]


def written(step: Any, names: dict[str, str], ref: str = "") -> str | bytes:
    """As it goes over the wire, with a ref where it may have one and has none."""
    if isinstance(step, bytes | str):
        return step
    text = json.dumps({"ref": ref} | step if ref and isinstance(step, dict) else step)
    for name, value in names.items():
        text = text.replace(f'"{name}"', f'"{value}"')
    return text
