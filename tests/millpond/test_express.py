"""A plain placement takes the express lane, everything else does not, and nobody can tell the answers apart."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import httpx
import pytest

from millpond import corked
from millpond.corked import CorkedProtocol
from orders.place_route import PlaceRoute
from tests.inventory.selling import open_sale
from tests.orders.serving import Counter, Served, connection, problem_of, serve


@pytest.fixture
async def served(database_url: str, redis_url: str) -> AsyncIterator[Served]:
    async with serve(
        database_url, redis_url, trusted_proxies="127.0.0.1", rate_address_per_s=0.01, rate_address_burst=50
    ) as served:
        yield served


@pytest.fixture
def ways(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which way each placement took."""
    taken: list[str] = []
    express, place = PlaceRoute.express, PlaceRoute._place

    def by_express(self: PlaceRoute, *args: Any) -> None:
        taken.append("express")
        express(self, *args)

    def by_asgi(self: PlaceRoute, *args: Any) -> Any:
        taken.append("asgi")
        return place(self, *args)

    monkeypatch.setattr(PlaceRoute, "express", by_express)
    monkeypatch.setattr(PlaceRoute, "_place", by_asgi)
    return taken


async def counter_of(served: Served, *units: int) -> Counter:
    return Counter(served, await open_sale(served.shop, units=units or (50,)))


def request_of(counter: Counter, body: bytes | None = None, *, path: str = "", **headers: str) -> bytes:
    """A whole request. A header that is given as "" is left out; each comes from an address of its own unless said."""
    served = counter.served
    body = json.dumps(served.wish(counter.sale)).encode() if body is None else body
    every = {"host": "pond", "content-length": str(len(body)), "x-forwarded-for": served.shop.ids.new()}
    every |= served.headers() | {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"{name}: {value}" for name, value in every.items() if value]
    head = "\r\n".join([f"POST {path or served.path(counter.sale)} HTTP/1.1", *lines, "", ""])
    return head.encode() + body


async def read_answer(reader: asyncio.StreamReader) -> httpx.Response:
    """One response of a known length."""
    head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)).decode("latin-1").split("\r\n")
    headers = [(name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in head[1:-2])]
    body = await reader.readexactly(int(dict(headers)["content-length"]))
    return httpx.Response(int(head[0].split()[1]), headers=headers, content=body)


async def ask(served: Served, *requests: bytes) -> list[httpx.Response]:
    """Requests on one connection, all sent before the first answer."""
    async with connection(served.port) as (reader, writer):
        writer.write(b"".join(requests))
        return [await read_answer(reader) for _ in requests]


def chunked(request: bytes) -> bytes:
    """The same request with its body in two chunks."""
    head, _, body = request.partition(b"\r\n\r\n")
    lines = [line for line in head.split(b"\r\n") if not line.startswith(b"content-length")]
    pieces = [b"%x\r\n%b\r\n" % (len(piece), piece) for piece in (body[:3], body[3:]) if piece]
    return b"\r\n".join([*lines, b"transfer-encoding: chunked", b"", b""]) + b"".join(pieces) + b"0\r\n\r\n"


PLAIN = [
    ({}, None, 201),
    ({"authorization": "Bearer x.y.z"}, None, 401),
    ({"idempotency_key": ""}, None, 400),
    ({"content_type": "text/plain"}, None, 415),
    ({}, b"{", 400),
    ({}, b"", 400),
    ({}, b'{"lines": []}', 400),
]


@pytest.mark.parametrize(("headers", "body", "status"), PLAIN)
async def test_both_ways_say_the_same(
    served: Served, ways: list[str], headers: dict[str, str], body: bytes | None, status: int
):
    counter = await counter_of(served)
    (express,) = await ask(served, request_of(counter, body, **headers))
    (asgi,) = await ask(served, chunked(request_of(counter, body, **headers)))
    assert ways == ["express", "asgi"]
    assert (express.status_code, asgi.status_code) == (status, status), express.text
    assert express.headers.keys() == asgi.headers.keys()
    assert express.json().keys() == asgi.json().keys()


@pytest.mark.parametrize(
    "plain",
    [
        lambda counter: request_of(counter, expect="100-continue"),
        lambda counter: request_of(counter, path=f"{counter.served.path(counter.sale)}?x=1"),
        lambda counter: request_of(counter, path=f"/v1/sales/{counter.sale.id[:-1]}%30/orders"),
        lambda counter: request_of(counter, b"[" * 20_000),
        lambda counter: request_of(counter).replace(b"HTTP/1.1", b"HTTP/1.0", 1),
        lambda counter: request_of(counter).replace(b"host: pond", b"host:  pond", 1),
        lambda counter: request_of(counter).replace(b"host: pond", b"host: pond\r\nhost: pond", 1),
        lambda counter: request_of(counter).replace(b"host: pond", b"host: p\xf6nd", 1),
        lambda counter: request_of(counter).replace(b"content-length: ", b"content-length: 0", 1),
        lambda counter: request_of(counter, connection="upgrade"),
    ],
    ids=[
        "expecting",
        "query",
        "percent",
        "too long",
        "old protocol",
        "two spaces",
        "twice",
        "not ASCII",
        "padded length",
        "odd connection",
    ],
)
async def test_what_is_not_plain_takes_the_way_of_all_others(served: Served, ways: list[str], plain: Any):
    counter = await counter_of(served)
    async with connection(served.port) as (reader, writer):
        writer.write(plain(counter))
        assert (await asyncio.wait_for(reader.readline(), 10)).startswith(b"HTTP/1.1 ")
    assert "express" not in ways


async def test_a_request_in_pieces_is_put_together(served: Served, ways: list[str]):
    counter = await counter_of(served)
    request = request_of(counter)
    for cut in (1, 20, request.index(b"\r\n\r\n") + 2, len(request) - 1):
        async with connection(served.port) as (reader, writer):
            for piece in (request[:cut], request[cut:], request):
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)
            answers = [await read_answer(reader) for _ in range(2)]
        assert {answer.status_code for answer in answers} <= {200, 201}
        assert answers[0].json()["id"] == answers[1].json()["id"]
    assert "asgi" in ways


async def test_a_connection_is_kept_until_its_client_wants_it_closed(served: Served, ways: list[str]):
    counter = await counter_of(served)
    async with connection(served.port) as (reader, writer):
        for close in ("", "", "close"):
            writer.write(request_of(counter, connection=close))
            answer = await read_answer(reader)
            assert (answer.status_code, answer.headers.get("connection", "")) == (201, close)
        assert await asyncio.wait_for(reader.read(), 10) == b""
    assert ways == ["express"] * 3


async def test_pipelined_requests_are_answered_in_their_order(served: Served):
    counter = await counter_of(served)
    look = f"GET /v1/sales/{counter.sale.id} HTTP/1.1\r\nhost: pond\r\n\r\n".encode()
    same = request_of(counter, idempotency_key="one")
    answers = await ask(served, same, look, same, look)
    assert [answer.status_code for answer in answers] == [201, 200, 200, 200]
    assert answers[0].json()["id"] == answers[2].json()["id"]
    assert "idempotency-replayed" in answers[2].headers


async def test_a_key_that_stands_is_answered_with_its_order(served: Served, ways: list[str]):
    counter = await counter_of(served)
    request = request_of(counter, idempotency_key="again")
    (first,), (second,) = await ask(served, request), await ask(served, request)
    assert (first.status_code, second.status_code, ways) == (201, 200, ["express", "express"])
    assert second.json() == first.json()


async def test_who_leaves_before_the_answer_has_ordered_and_disturbs_nobody(served: Served):
    counter = await counter_of(served)
    request = request_of(counter, idempotency_key="left")
    with socket.create_connection(("127.0.0.1", served.port)) as client:
        client.sendall(request)
    (answer,) = await ask(served, request)
    assert answer.status_code in (200, 201)
    assert await served.free(counter.sale) == [49]


async def test_a_trusted_proxys_clients_are_limited_one_by_one(served: Served):
    counter = await counter_of(served)
    crowd = [request_of(counter, authorization="", x_forwarded_for="203.0.113.7") for _ in range(60)]
    answers = [(await ask(served, request))[0] for request in crowd]
    assert [answer.status_code for answer in answers[:50]] == [401] * 50
    problem_of(answers[-1], 429, "too-many-requests")
    (other,) = await ask(served, request_of(counter, x_forwarded_for="203.0.113.8"))
    assert other.status_code == 201


async def test_an_upgrade_is_passed_over_and_the_body_is_read(served: Served):
    counter = await counter_of(served)
    asking: Any = {
        "connection": "Upgrade, HTTP2-Settings",
        "upgrade": "h2c",
        "HTTP2-Settings": "AAMAAABkAAQCAAAAAAIAAAAA",
    }
    answers = await ask(served, request_of(counter, **asking), request_of(counter, **asking))
    assert [answer.status_code for answer in answers] == [201, 201], answers[0].text


async def test_a_client_may_close_its_side_and_still_gets_its_answer(served: Served):
    counter = await counter_of(served)
    for request in (request_of(counter), chunked(request_of(counter))):
        async with connection(served.port) as (reader, writer):
            writer.write(request)
            writer.write_eof()
            assert (await read_answer(reader)).status_code == 201
            assert await asyncio.wait_for(reader.read(), 10) == b""


async def test_refusals_do_not_age_their_connection(served: Served, monkeypatch: pytest.MonkeyPatch):
    counter = await counter_of(served)
    armed: list[float] = []
    monkeypatch.setattr(CorkedProtocol, "_late", lambda _: armed.append(1))
    monkeypatch.setattr(corked, "REQUEST_MAX_S", 0.05)
    async with connection(served.port) as (reader, writer):
        for _ in range(3):
            writer.write(request_of(counter, authorization=""))
            assert (await read_answer(reader)).status_code == 401
        writer.write(request_of(counter))
        assert (await read_answer(reader)).status_code == 201
        with suppress(TimeoutError):
            await asyncio.wait_for(reader.read(), 0.2)
    assert not armed, "a request that is answered at once is whole: nobody waits for it"
