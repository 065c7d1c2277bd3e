"""A crowd on sockets: whatever becomes of a wish is counted once, and frames are found however they are cut."""

import asyncio
import json

import pytest

from keel.clock import FollowingClock
from keel.ids import Ids
from loadtests.sides import Sale
from loadtests.socket_crowd import SocketCrowd, SocketRush
from loadtests.socket_wire import BuyerSocket, masked
from millpond.crowd_answers import Wish


class Standing:
    """A socket that only takes."""

    def __init__(self):
        self.stands, self.said = True, []

    def say(self, frames):
        self.said.append(frames)


class Wire(asyncio.Transport):
    """A transport that only takes."""

    def __init__(self):
        self.said = []

    def write(self, data):
        self.said.append(bytes(data))

    def abort(self):
        """Gone."""


def wishes(*buyers):
    return [Wish(buyer, f"key-{number}", b"wish-%d" % number) for number, buyer in enumerate(buyers)]


def ordered(number, *, replayed=False):
    order = {"id": f"order-{number}", "receipt": {"no": number + 1}}
    return json.dumps(
        {"type": "order", "order": order, "ref": f"key-{number}", "key": f"key-{number}", "replayed": replayed},
        separators=(",", ":"),
    ).encode()


def refused(number):
    problem = {"type": "urn:millpond:problem:sold-out", "status": 409}
    document = {"type": "problem", "problem": problem, "ref": f"key-{number}"}
    return json.dumps(document, separators=(",", ":")).encode()


def text(payload):
    return b"\x81\x7e" + len(payload).to_bytes(2, "big") + payload


async def test_the_next_wish_leaves_when_an_answer_comes():
    ann, bob = Standing(), Standing()
    rush = SocketRush(wishes("ann", "bob", "ann"), {"ann": ann, "bob": bob})
    rush.begin(2)
    assert (ann.said, bob.said) == ([b"wish-0"], [b"wish-1"])
    rush.hear(b'{"type":"tick","rooms":[]}')
    rush.hear(refused(1))
    assert ann.said == [b"wish-0", b"wish-2"]
    rush.hear(ordered(2, replayed=True))
    rush.hear(ordered(0))
    rush.hear(ordered(0))
    assert rush.done.is_set()
    said = [(answer.kind, answer.status, answer.order_id, answer.no) for answer in rush.result().answers]
    assert said == [("accepted", 201, "order-0", 1), ("sold_out", 409, "", 0), ("accepted", 200, "order-2", 3)]
    assert rush.progress()[:3] == (3, 2, 1)


async def test_a_lost_socket_leaves_its_wishes_without_an_answer():
    sockets = {"ann": Standing(), "bob": Standing()}
    rush = SocketRush(wishes("ann", "bob", "ann"), sockets)
    rush.begin(1)
    sockets["ann"].stands = False
    rush.lost("ann")
    rush.hear(ordered(1))
    assert rush.done.is_set()
    assert [answer.kind for answer in rush.result().answers] == ["no_answer", "accepted", "no_answer"]


async def test_what_has_no_answer_in_time_gets_none():
    rush = SocketRush(wishes("ann"), {"ann": Standing()})
    rush.begin(400)
    rush.end()
    assert [answer.kind for answer in rush.result().answers] == ["no_answer"]


async def test_with_more_wishes_than_buyers_they_take_turns():
    crowd = SocketCrowd(Ids(FollowingClock()))
    crowd._sockets = {buyer: BuyerSocket(b"", print, print) for buyer in ("ann", "bob")}
    made = crowd.wishes(Sale("sale", "item", 3), 3)
    assert [wish.buyer for wish in made] == ["ann", "bob", "ann"]
    assert len({wish.key for wish in made}) == 3


@pytest.mark.parametrize("step", [1, 7, 10_000])
async def test_frames_are_found_however_they_are_cut(step):
    heard: list[bytes] = []
    wire = Wire()
    socket = BuyerSocket(b"greeting", heard.append, lambda: None)
    socket.connection_made(wire)
    stream = b"HTTP/1.1 101 Switching Protocols\r\n\r\n" + text(b'{"type":"welcome"}') + text(b'{"type":"joined"}')
    stream += b"\x81\x05hello" + b"\x89\x00" + text(b"x" * 300)
    for start in range(0, len(stream), step):
        socket.data_received(stream[start : start + step])
    assert socket.joined.done()
    assert heard == [b"hello", b"x" * 300]
    assert wire.said[1:] == [b"greeting", b"\x8a\x80\x00\x00\x00\x00"]


async def test_a_buyer_who_is_turned_away_never_joins():
    lost = []
    socket = BuyerSocket(b"", lambda _: None, lambda: lost.append("lost"))
    socket.connection_made(Wire())
    socket.data_received(b"HTTP/1.1 429 Too Many Requests\r\n\r\n")
    socket.connection_lost(None)
    with pytest.raises(ConnectionError, match="429"):
        await socket.joined
    assert (lost, socket.stands) == (["lost"], False)


def test_what_a_client_says_is_masked():
    assert masked("hi") == b"\x81\x82" + bytes(4) + b"hi"
    assert masked("x" * 200)[:4] == b"\x81\xfe\x00\xc8"
