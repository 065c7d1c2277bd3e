"""One frame for each viewer and tick; one room's fault is its own, and many rooms leave others their turns."""

import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from live.connection import ViewerConnection
from live.conversation import Limits
from live.fanout import SLICE_MAX_S, Pace
from live.gateway import TICK_EVERY_S, Gateway
from live.news import news
from live.roomlog import channel_of
from live.several import Several
from tests.live.turns import longest, taking_turns
from tests.live.watching import Pond, Watcher, gateway
from tests.millpond.airs import Air, on_air, viewer_in


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


@dataclass
class Ticks:
    """When each tick of the gateway began and ended, and how many frames of ticks it wrote to each socket."""

    began_s: list[float] = field(default_factory=list)
    ended_s: list[float] = field(default_factory=list)
    frames: "Counter[tuple[int, ViewerConnection]]" = field(default_factory=Counter)
    beside: int = 0  # frames that no tick wrote

    @property
    def is_under_way(self) -> bool:
        return len(self.began_s) > len(self.ended_s)


@pytest.fixture
def ticks(monkeypatch: pytest.MonkeyPatch) -> Ticks:
    """Those of every gateway of this test."""
    ticks, tick, push = Ticks(), Gateway.tick, ViewerConnection.push

    async def noted_tick(self: Gateway) -> None:
        ticks.began_s.append(time.monotonic())
        await tick(self)
        ticks.ended_s.append(time.monotonic())

    def noted_push(self: ViewerConnection, frame: bytes) -> None:
        if b'{"type":"tick"' in frame[:20]:
            ticks.beside += not ticks.is_under_way
            ticks.frames[len(ticks.began_s), self] += 1
        push(self, frame)

    monkeypatch.setattr(Gateway, "tick", noted_tick)
    monkeypatch.setattr(ViewerConnection, "push", noted_push)
    return ticks


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


async def stir(pond: Pond, airs: list[Air], guest: Watcher) -> None:
    """All that may happen in rooms happens in each: events, comments, likes, orders, and people who come and go."""
    pond.shop.clock.advance(s=1)
    for number, air in enumerate(airs):
        key, lines = pond.shop.ids.new(), [{"item_id": air.sale.item_ids[0], "quantity": 1}]
        await guest.say(type="comment", place=air.room, text=f"how much is {key}?")
        await guest.say(type="like", place=air.room, count=number + 1)
        await guest.say(type="order.place", sale_id=air.sale.id, key=key, order={"lines": lines})
        for text in ("one", "two"):
            await pond.publish(air.room, text)
        async with viewer_in(pond, air):
            await guest.hear("order")


def news_in(tick: dict[str, Any]) -> set[tuple[str, str]]:
    """What a frame tells of which room."""
    return {
        (what, room["place"])
        for room in tick["rooms"]
        for what in ("snapshot", "events", "comments", *room.get("state", {}))
        if what in room or what in room.get("state", {})
    }


async def test_whatever_happens_in_all_rooms_of_a_viewer_is_one_frame_a_tick_and_five_a_second(
    database_url, redis_url, ticks
):
    wide = {"gateway_messages_burst": 10_000, "rate_customer_burst": 10_000, "rate_address_burst": 10_000}
    async with gateway(database_url, redis_url, **wide) as pond:
        airs = [await on_air(pond, units=[500]) for _ in range(Limits().rooms_max)]
        expected = {(what, air.room) for what in ("events", "comments", "counts", "stock") for air in airs}
        expected.add(("snapshot", airs[0].room))
        async with viewer_in(pond, airs[0]) as viewer, viewer_in(pond, airs[0]) as guest, viewer_in(pond, airs[1]):
            for air in airs[1:]:
                for one in (viewer, guest):
                    await one.join(air.room)
            await pond.shop.redis.delete(f"{channel_of(airs[0].room)}:meta")  # its log begins anew: a resync
            heard, together = set[tuple[str, str]](), 0
            while expected - heard:
                await stir(pond, airs, guest)
                tick = await viewer.hear("tick")
                heard |= news_in(tick)
                together = max(together, len(tick["rooms"]))
    assert together == len(airs)
    assert (max(ticks.frames.values()), ticks.beside) == (1, 0), "of all rooms together"
    pauses = [later - earlier for earlier, later in zip(ticks.ended_s, ticks.began_s[1:], strict=False)]
    assert min(pauses) > TICK_EVERY_S - 0.005, "clocks are that coarse"


async def test_whoever_comes_into_another_room_in_the_middle_of_a_tick_gets_one_frame_more():
    ann, several = "ann", Several()
    viewer: Any = ann
    rooms = [Room("a", [ann], []), Room("b", ["bob"], [])]
    frames: list[tuple[bytes, list[str]]] = []
    here = house(rooms, several)
    async for frame, who in news(here, here, Pace()):
        frames.append((frame[2:], [*map(str, who)]))
        several.moved(viewer, ["a", "b"])
        rooms[1].viewers[ann] = None
    assert frames == [(b'{"type":"tick","rooms":[a]}', [ann]), (b'{"type":"tick","rooms":[b]}', ["bob", ann])]
    assert await told(here) == [
        (b'{"type":"tick","rooms":[a]}', []),
        (b'{"type":"tick","rooms":[b]}', ["bob"]),
        (b'{"type":"tick","rooms":[a,b]}', [ann]),
    ]
