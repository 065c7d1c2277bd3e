"""What a client may do to the connection itself: pieces, lies, silence, and half a request."""

import asyncio
import json
from typing import Final

import httpx
import pytest
from sqlalchemy import text

from keel.database import transaction
from orders.schemas import BODY_BYTES_MAX
from tests.eventually import eventually_async
from tests.inventory.selling import open_sale
from tests.orders.serving import Counter, Served, connection, problem_of, send_raw

pytestmark = pytest.mark.asyncio(loop_scope="module")

ODD_PATHS: Final = (
    "/v1/sales/{SALE}/orders",
    "/v1/sales/{{{sale}}}/orders",
    "/v1/sales/{sale}%0A/orders",
    "/v1/sales/{sale}%00/orders",
    "/v1/sales/{sale}//orders",
    "/v1/sales/{sale}/orders/",
    "/v1/sales/{sale}/orders%20",
    "/v1/sales/{sale};v=1/orders",
    "/v1/sales//{sale}/orders",
    "//v1/sales/{sale}/orders",
    "/v1/sales/x/../{sale}/orders",
    "/v1/sales/%2e%2e/{sale}/orders",
    "/V1/sales/{sale}/orders",
    "/v1/sales//orders",
    "/v1/sales/orders",
    "/v1/sales/%FF%FE/orders",
    "/v1/sales/{long}/orders",
)


def head_of(counter: Counter, path: str = "", **headers: str) -> bytes:
    """Everything up to the body; underscores in names are dashes, and the connection closes after the answer."""
    served = counter.served
    own = {name.replace("_", "-"): value for name, value in headers.items()}
    every = {"host": "pond", "connection": "close"} | served.headers() | own
    lines = [f"{name}: {value}" for name, value in every.items()]
    return "\r\n".join([f"POST {path or served.path(counter.sale)} HTTP/1.1", *lines, "", ""]).encode()


def body_of(counter: Counter) -> bytes:
    return json.dumps(counter.served.wish(counter.sale)).encode()


def answer_of(raw: bytes) -> httpx.Response:
    head, _, body = raw.partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    headers = [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines)]
    return httpx.Response(int(status.split()[1]), headers=headers, content=body)


async def send(counter: Counter, *pieces: bytes) -> httpx.Response:
    return answer_of(await send_raw(counter.served.port, *pieces, finish=False))


@pytest.mark.parametrize("path", ODD_PATHS)
async def test_a_path_that_is_not_quite_the_sales_is_not_found(counter: Counter, path):
    sale_id = counter.sale.id
    path = path.format(sale=sale_id, SALE=sale_id.upper(), long="9" * 5_000)
    body = body_of(counter)
    request = send(counter, head_of(counter, path, content_length=str(len(body))), body)
    await counter.refuses(request, 404, "not-found")


async def test_a_body_may_come_in_pieces_and_in_chunks(served: Served):
    counter = Counter(served, await open_sale(served.shop, units=[9]))
    body = body_of(counter)
    split = [body[place : place + 7] for place in range(0, len(body), 7)]
    whole = await send(counter, head_of(counter, content_length=str(len(body))), *split)
    chunks = [b"%x\r\n%s\r\n" % (len(piece), piece) for piece in [*split, b""]]
    chunked = await send(counter, head_of(counter, transfer_encoding="chunked"), *chunks)
    assert (whole.status_code, chunked.status_code) == (201, 201)
    assert await served.free(counter.sale) == [7]


async def test_chunks_without_an_end_are_cut_off(counter: Counter):
    chunk = b"1000\r\n" + b" " * 0x1000 + b"\r\n"
    pieces = [chunk] * (BODY_BYTES_MAX // 0x1000 + 1)
    await counter.refuses(send(counter, head_of(counter, transfer_encoding="chunked"), *pieces), 413, "too-large")


async def test_a_length_that_promises_too_much_is_refused_before_the_body_is_sent(counter: Counter):
    for length in (BODY_BYTES_MAX + 1, 1_000_000, 2**63 - 1):
        request = send(counter, head_of(counter, content_length=str(length)))
        await counter.refuses(request, 413, "too-large")


async def test_a_length_that_is_too_short_reads_half_a_body(counter: Counter):
    body = body_of(counter)
    request = send(counter, head_of(counter, content_length=str(len(body) - 5)), body)
    await counter.refuses(request, 400, "malformed")


NO_HTTP: Final = {
    "no request": b"one brush, please\r\n\r\n",
    "two lengths": b"content-length: 5\r\ncontent-length: 6\r\n\r\n12345",
    "a length and chunks": b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "a length below nought": b"content-length: -1\r\n\r\n",
    "a length beyond all": b"content-length: " + b"9" * 5_000 + b"\r\n\r\n",
    "a length of other digits": b"content-length: \xd9\xa3\r\n\r\n",
    "a chunk of no size": b"transfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
    "a control character": b"x-note: a\x00b\r\ncontent-length: 2\r\n\r\n{}",
    "a delete character": b"x-note: a\x7fb\r\ncontent-length: 2\r\n\r\n{}",
}


@pytest.mark.parametrize("rest", NO_HTTP.values(), ids=NO_HTTP)
async def test_what_is_no_http_is_cut_off_and_nothing_stays(counter: Counter, rest):
    served = counter.served
    before = await served.stored(), await served.free(counter.sale)
    head = b"" if rest.startswith(b"one") else head_of(counter)[:-2]
    raw = await send_raw(served.port, head + rest)
    assert not raw or answer_of(raw).status_code == 400
    assert b"Traceback" not in raw
    assert (await served.stored(), await served.free(counter.sale)) == before


async def test_a_client_that_leaves_in_the_middle_leaves_nothing_behind(counter: Counter):
    served, body = counter.served, body_of(counter)
    before = await served.stored(), await served.free(counter.sale)
    for cut in (0, 1, len(body) // 2, len(body) - 1):
        raw = await send_raw(served.port, head_of(counter, content_length=str(len(body))), body[:cut])
        assert raw == b"", "nobody is there to be answered"
    assert (await served.stored(), await served.free(counter.sale)) == before


async def test_a_client_that_dawdles_holds_up_nobody(served: Served):
    counter = Counter(served, await open_sale(served.shop, units=[9]))
    body = body_of(counter)
    head = head_of(counter, content_length=str(len(body)))
    async with connection(served.port) as (reader, writer):
        writer.write(head + body[:-1])
        await writer.drain()
        buyers = [served.shop.ids.new() for _ in range(5)]
        others = await asyncio.gather(*(served.order(counter.sale, customer_id=buyer) for buyer in buyers))
        assert [answer.status_code for answer in others] == [201] * 5
        writer.write(body[-1:])
        assert answer_of(await reader.read()).status_code == 201
    assert await served.free(counter.sale) == [3]


async def test_a_client_that_leaves_before_the_answer_has_its_order_and_may_ask_for_it_again(served: Served):
    counter = Counter(served, await open_sale(served.shop, units=[9]))
    key, body, before = served.shop.ids.new(), body_of(counter), await served.stored()
    head = head_of(counter, content_length=str(len(body)), idempotency_key=key)
    async with transaction(served.parts.sessions) as session, connection(served.port) as (_, writer):
        await session.execute(text("LOCK TABLE claim IN EXCLUSIVE MODE"))
        writer.write(head + body)
        waits = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        await eventually_async(lambda: served.shop.rows(waits))
        writer.transport.abort()

    async def placed() -> bool:
        return (await served.stored())["sold"] == before["sold"] + 1

    await eventually_async(placed)
    again = await served.order(counter.sale, key=key)
    assert again.status_code == 200
    assert await served.free(counter.sale) == [8]


async def test_one_connection_serves_after_a_refusal_as_before(counter: Counter):
    """A body that was refused unread is passed over, not taken for the next request."""
    served = counter.served
    refused = head_of(counter, content_length="1000000", connection="keep-alive") + b"x" * 1_000_000
    bad = head_of(counter, content_length="1") + b"{"
    raw = await send_raw(served.port, refused, bad, finish=False)
    first, _, rest = raw.partition(b"HTTP/1.1 400")
    problem_of(answer_of(first), 413, "too-large")
    problem_of(answer_of(b"HTTP/1.1 400" + rest), 400, "malformed")


async def test_requests_sent_in_one_go_are_answered_in_their_order(served: Served):
    counter = Counter(served, await open_sale(served.shop, units=[9]))
    body = body_of(counter)
    going = head_of(counter, content_length=str(len(body)), connection="keep-alive") + body
    raw = await send_raw(served.port, going + going + head_of(counter, content_length="1") + b"{", finish=False)
    assert [int(part[:3]) for part in raw.split(b"HTTP/1.1 ")[1:]] == [201, 200, 400]
    assert await served.free(counter.sale) == [8]
