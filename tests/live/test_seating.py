"""Several requests at once on one socket: no more rooms than it may have, and nobody where he may not be."""

import asyncio
import json
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest

from keel.clock import FakeClock
from live import places, store_places
from live.audience import Audience
from live.fanout import Pace
from live.seating import Seating
from live.talk_rules import RoomTalk, Silence
from live.viewers import Viewer
from tests.inventory.selling import make_merchant
from tests.live.test_plain_text import frame as masked
from tests.live.watching import Pond, gateway

ROOMS_MAX = 4


@pytest.fixture
async def pond(database_url: str, redis_url: str) -> AsyncIterator[Pond]:
    async with gateway(database_url, redis_url) as pond:
        yield pond


async def test_joins_that_come_all_at_once_take_no_more_rooms_than_there_are_for_a_socket(pond):
    rooms = [await pond.make_room() for _ in range(12)]
    async with pond.viewer() as viewer:
        joins = [masked(json.dumps({"type": "join", "place": room, "ref": room}).encode()) for room in rooms]
        viewer.socket.transport.write(b"".join(joins))
        refused = [await viewer.hear("problem") for _ in range(len(rooms) - ROOMS_MAX)]
        assert {answer["problem"]["type"] for answer in refused} == {"urn:millpond:problem:too-many-rooms"}
        joined = {(await viewer.hear("joined"))["place"] for _ in range(ROOMS_MAX)}
        assert joined | {answer["ref"] for answer in refused} == set(rooms)
        for room in joined:
            await viewer.ask("left", type="leave", place=room)
        assert await viewer.join(refused[0]["ref"])


async def test_whoever_says_hello_while_a_guest_is_about_to_join_is_asked_in_himself(pond, monkeypatch):
    stranger = await make_merchant(pond.shop.selling)
    foreign = await pond.make_room(stranger.merchant_id)
    asked, answer, place_of = asyncio.Event(), asyncio.Event(), store_places.place_of

    async def slow(*args: Any) -> Any:
        asked.set()
        await answer.wait()
        return await place_of(*args)

    monkeypatch.setattr(places, "place_of", slow)
    async with pond.viewer() as viewer:
        await viewer.say(type="join", place=foreign)
        await asyncio.wait_for(asked.wait(), 5)
        await viewer.hello(token=pond.token())
        answer.set()
        assert (await viewer.hear("problem"))["problem"]["type"] == "urn:millpond:problem:not-found"
        leave = await viewer.refused(type="leave", place=foreign)
        assert leave["type"] == "urn:millpond:problem:not-joined"


async def test_questions_of_all_kinds_count_for_their_address(database_url, redis_url):
    limits = {"rate_address_per_s": 0.001, "rate_address_burst": 4}
    async with gateway(database_url, redis_url, **limits) as pond:
        room, nothing = await pond.make_room(), pond.shop.ids.new()
        questions = (
            {"type": "order.status", "order_id": nothing},
            {"type": "ticket", "place": room, "sale_id": nothing},
            {"type": "join", "place": nothing},
        )
        async with pond.viewer(token=pond.token()) as one, pond.viewer(token=pond.token()) as other:
            await one.join(room)
            for question in questions:
                assert (await one.refused(**question))["status"] != 429
            assert await other.join(room), "that one is known"
            for question in questions:
                another = {"place": pond.shop.ids.new()} if question["type"] == "join" else {}
                refusal = await other.refused(**{**question, **another})
                assert refusal["type"] == "urn:millpond:problem:too-many-requests"


class Line:
    """Stands for a connection; counts how often somebody looks who is there."""

    looks = 0

    def __init__(self, viewer: Viewer) -> None:
        self.somebody, self.said = viewer, list[Any]()
        self.seats: dict[str, Any] = {}
        self.conversation = SimpleNamespace(places=set())

    @property
    def viewer(self) -> Viewer:
        Line.looks += 1
        return self.somebody

    def say(self, message: Any) -> None:
        self.said.append(message)


async def test_who_is_banned_is_looked_for_and_not_everybody_who_is_there():
    clock, nothing = FakeClock(), SimpleNamespace(joined=lambda *_: None, left=lambda *_: None)
    room: Audience[Any] = Audience("a place", "a merchant", "a room")
    bans = {(f"viewer {number}", Silence.BAN): clock.ms() + 60_000 for number in (7, 8, 100_000)}
    talk = RoomTalk("a room", "a merchant", silences=bans)
    here: Any = SimpleNamespace(rooms=[room], find=lambda _: room)
    no: Any = nothing
    seating = Seating(reception=no, places=no, halls=here, presence=no, clock=clock, talk_at=lambda _: talk, witness=no)
    lines: list[Any] = [Line(Viewer(f"viewer {number}")) for number in range(1_000)]
    for line in lines:
        seating._crowd.changed(line, None, line.somebody)
        seating._sit(line, line.somebody, room)
    Line.looks = 0
    await seating.put_out_banned(Pace())
    assert [line for line in lines if line.said] == lines[7:9]
    assert len(room.viewers) == 998
    assert Line.looks < 10
    clock.advance(s=120)
    seating._sit(lines[7], lines[7].somebody, room)
    await seating.put_out_banned(Pace())
    assert lines[7] in room.viewers
