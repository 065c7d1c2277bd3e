"""One frame for each viewer and tick; one room's fault is its own, and many rooms leave others their turns."""

import time
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from live.fanout import SLICE_MAX_S, Pace
from live.news import news
from live.several import Several
from tests.live.turns import longest, taking_turns
from tests.live.watching import Pond, gateway


class Room:
    """A room whose news take a while to encode."""

    def __init__(self, place: str, viewers: list[str], taken: list[str]) -> None:
        self.place, self.viewers, self.taken = place, dict.fromkeys(viewers), taken
        self.room = self

    def take_tick(self) -> bytes:
        until_s = time.perf_counter() + SLICE_MAX_S / 10
        while time.perf_counter() < until_s:
            pass
        self.taken.append(self.place)
        return self.place.encode()


def house(rooms: list[Room], several: Several) -> Any:
    return SimpleNamespace(all=rooms, several=several, follow=lambda _: None)


async def told(here: Any) -> list[tuple[bytes, list[str]]]:
    return [(frame[2:], [*map(str, who)]) async for frame, who in news(here, here, Pace())]


@pytest.fixture
async def pond(database_url: str, redis_url: str) -> AsyncIterator[Pond]:
    async with gateway(database_url, redis_url) as pond:
        yield pond


async def test_others_have_their_turn_while_many_rooms_are_asked():
    taken: list[str] = []
    here = house([Room(str(number), ["ann"], taken) for number in range(200)], Several())
    async with taking_turns(taken) as turns:
        await told(here)
    assert len(taken) == 200
    assert longest(turns) <= 12


async def test_whoever_is_in_several_rooms_gets_one_frame_of_them_and_is_left_out_of_the_others():
    ann, bob, several = "ann", "bob", Several()
    viewer: Any = ann
    several.moved(viewer, ["a", "c"])
    rooms = [Room("a", [ann, bob], []), Room("b", [bob], []), Room("c", [ann], [])]
    assert await told(house(rooms, several)) == [
        (b'{"type":"tick","rooms":[a]}', [bob]),
        (b'{"type":"tick","rooms":[b]}', [bob]),
        (b'{"type":"tick","rooms":[c]}', []),
        (b'{"type":"tick","rooms":[a,c]}', [ann]),
    ]


async def test_what_one_room_cannot_show_silences_no_other_and_the_room_itself_for_a_moment_only(pond, caplog):
    strange, plain = await pond.make_room(), await pond.make_room()
    session_id = pond.shop.ids.new()
    body = {"session_id": session_id, "state": "of a newer release", "at": "now", "title": None, "rehearsal": False}
    async with pond.viewer() as one, pond.viewer() as other:
        await one.join(strange)
        await other.join(plain)
        await pond.log.publish(strange, session_id, "session.moved", msgspec.json.encode(body))
        await other.tick_with(await pond.publish(plain))
        await other.tick_with(await pond.publish(plain))
        await one.tick_with(await pond.publish(strange))
    assert "what is new could not be told" in caplog.text


async def test_what_cannot_be_read_on_a_lane_costs_its_room_a_snapshot_and_nobody_else_anything(pond, caplog):
    strange, plain = await pond.make_room(), await pond.make_room()
    async with pond.viewer() as one, pond.viewer() as other:
        await one.join(strange)
        await other.join(plain)
        await pond.log.put(strange, "comments", b'{"said":[]}')
        await other.tick_with(await pond.publish(plain))
        ticks = await one.tick_with(await pond.publish(strange))
        assert "snapshot" in ticks[0]["rooms"][0]
        assert [message for message in other.kept if message["type"] != "tick"] == []
    assert "could not be taken" in caplog.text
