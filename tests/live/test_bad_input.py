"""Whatever a client sends: a problem document or a documented close code, and the others in the room never notice."""

import asyncio
import os
import struct
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import httpx
import pytest
import pytest_asyncio
from websockets.exceptions import InvalidStatus

from live.close_codes import CloseCode
from live.connection import FRAGMENTS_MAX, FRAME_BYTES_MAX
from live.conversation import FLOOD_MAX
from tests.databases import Databases
from tests.live.watching import Pond, Watcher, gateway

SOCKETS_MAX = 20
HALF_A_HANDSHAKE = b"GET /v1/live HT"
A_TLS_HELLO = b"\x16\x03\x01\x02\x00\x01"

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pond(databases: Databases, database_template: str, flushable_redis_url: str) -> AsyncIterator[Pond]:
    """One gateway for all of them: it has to stand whatever came before."""
    name = databases.create(database_template)
    async with gateway(databases.url_of(name), flushable_redis_url, gateway_sockets_per_address=SOCKETS_MAX) as pond:
        yield pond
    databases.drop(name)


@pytest_asyncio.fixture(loop_scope="module")
async def bystander(pond: Pond) -> AsyncIterator[Watcher]:
    """Somebody in a room who notices nothing: after the test he hears the room as before."""
    room = await pond.make_room()
    async with pond.viewer() as watcher:
        await watcher.join(room)
        yield watcher
        await watcher.tick_with(await pond.publish(room))
        assert not [message for message in watcher.kept if message["type"] != "tick"]


@pytest.mark.parametrize(
    "text",
    ["", "nonsense", "[]", "{}", '{"type":"shout"}', '{"type":"hello","colour":"red"}', "[" * 10_000],
)
async def test_a_message_that_cannot_be_understood_is_a_problem(pond, bystander, text):
    async with pond.bare() as watcher:
        await watcher.socket.send(text)
        problem = (await watcher.hear("problem"))["problem"]
        assert (problem["type"], problem["status"]) == ("urn:millpond:problem:malformed", 400)
        assert await watcher.hello()


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"\x00binary", CloseCode.BINARY),
        ("x" * (FRAME_BYTES_MAX + 1), 1009),
        ("x" * 1_000_000, 1009),
        ('{"type":"join","place":"01a3185c-5000-7009-8e45-b0f67c226c88"}', CloseCode.HELLO_FIRST),
        ('{"type":"hello","token":"expired"}', CloseCode.TOKEN),
        ('{"type":"hello","guest":"made up"}', CloseCode.TOKEN),
    ],
)
async def test_what_ends_a_socket_ends_it_with_a_code(pond, bystander, raw, code):
    async with pond.bare() as watcher:
        await watcher.socket.send(raw)
        assert await watcher.closed() == code


@pytest.mark.parametrize(
    "raw", [b"\xff\xff", b'{"type":"join","place":"\xc3"}', b'{"type":"leave","place":"\xed\xa0\x80"}']
)
async def test_what_is_not_utf8_ends_its_socket(pond, bystander, raw):
    async with pond.viewer() as watcher:
        await watcher.socket.send(raw, text=True)
        assert await watcher.closed() == 1007
        assert watcher.kept[-1]["problem"]["detail"] == "the message is not UTF-8"


async def test_an_expired_token_is_no_hello_and_a_token_that_expires_later_stops_orders_not_the_show(pond, bystander):
    async with pond.bare() as watcher:
        await watcher.say(type="hello", token=pond.token(ttl_s=-60))
        assert await watcher.closed() == CloseCode.TOKEN
        assert watcher.kept[-1]["problem"]["type"] == "urn:millpond:problem:not-signed-in"
    customer_id, room = pond.shop.ids.new(), await pond.make_room()
    async with pond.viewer(token=pond.token(customer_id, ttl_s=60)) as watcher:
        await watcher.join(room)
        pond.shop.clock.advance(s=120)
        order = {"type": "order.status", "order_id": room}
        assert (await watcher.refused(**order))["type"] == "urn:millpond:problem:not-signed-in"
        await watcher.tick_with(await pond.publish(room))
        await watcher.hello(token=pond.token(customer_id))
        assert (await watcher.refused(**order))["type"] == "urn:millpond:problem:not-found"


async def test_who_says_nothing_is_sent_away(pond, bystander, monkeypatch):
    monkeypatch.setattr("live.conversation.HELLO_WITHIN_S", 0.0)
    async with pond.bare() as watcher:
        assert await watcher.closed() == CloseCode.NO_HELLO


async def test_a_flood_is_told_to_slow_down_and_then_closed(pond, bystander):
    async with pond.viewer() as watcher:
        for _ in range(FLOOD_MAX + 100):
            await watcher.socket.send('{"type":"leave","place":"01a3185c-5000-7009-8e45-b0f67c226c88","ref":"r"}')
        assert await watcher.closed() == CloseCode.FLOOD
        slow_down = [m for m in watcher.kept if m.get("problem", {}).get("status") == 429 and m["type"] == "problem"]
        assert len(slow_down) == FLOOD_MAX
        assert {message["ref"] for message in slow_down} == {"r"}


async def test_a_flood_of_what_says_nothing_is_closed_too(pond, bystander):
    async with pond.viewer() as watcher:
        watcher.socket.transport.write(b"\x89\x80mask" * 100_000)
        assert await watcher.closed() == CloseCode.FLOOD


async def test_fragments_are_put_together_and_counted(pond, bystander):
    async with pond.bare() as watcher:
        await watcher.socket.send(['{"type":', '"hello"', "}"])
        assert await watcher.hear("welcome")
        await watcher.socket.send(["x"] * (FRAGMENTS_MAX + 1))
        assert await watcher.closed() == 1009


async def test_bytes_that_are_no_frames_end_their_socket_alone(pond, bystander):
    for junk in (b"\xff" * 100, b"\x81\x05hello", os.urandom(2_000), struct.pack("!BBQ", 0x81, 0xFF, 2**63)):
        async with pond.viewer() as watcher:
            watcher.socket.transport.write(junk)
            assert await watcher.closed() in {1002, 1006, 1007, 1009}


async def test_half_a_handshake_and_things_that_are_none(pond, bystander):
    for bytes_ in (
        b"",
        b"GET /v1/live HT",
        b"\x16\x03\x01\x02\x00\x01",
        b"POST /v1/live HTTP/1.1\r\n\r\n",
        b"\n" * 9_000,
    ):
        reader, writer = await asyncio.open_connection("127.0.0.1", pond.port)
        writer.write(bytes_)
        writer.write_eof()
        await asyncio.wait_for(reader.read(), 10)
        writer.close()


async def test_a_page_of_another_origin_may_not_open_a_socket(pond, bystander):
    with pytest.raises(InvalidStatus) as caught:
        async with pond.bare(headers={"Origin": "https://elsewhere.example"}):
            pass
    assert caught.value.response.status_code == 403
    assert b"origin-refused" in caught.value.response.body
    for origin in (f"http://127.0.0.1:{pond.port}", "https://servicewechat.com"):
        async with pond.bare(headers={"Origin": origin}) as watcher:
            assert await watcher.hello()


async def test_one_address_has_so_many_sockets(pond, bystander):
    async with AsyncExitStack() as stack:
        for _ in range(SOCKETS_MAX - 1):  # the bystander has one
            await stack.enter_async_context(pond.viewer())
        with pytest.raises(InvalidStatus) as caught:
            await stack.enter_async_context(pond.viewer())
    assert caught.value.response.status_code == 429
    assert caught.value.response.headers["Retry-After"] == "5"
    async with pond.viewer():
        pass


async def test_the_same_port_says_how_it_is_and_nothing_else(pond, bystander):
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{pond.port}") as client:
        assert (await client.get("/healthz")).json() == {"status": "alive"}
        ready = await client.get("/readyz")
        assert (ready.status_code, ready.json()["checks"]["feed"]) == (200, "fine")
        missing = await client.get("/v1/sales")
        assert (missing.status_code, missing.json()["type"]) == (404, "urn:millpond:problem:not-found")
        plain = await client.get("/v1/live")
        assert plain.status_code == 426
