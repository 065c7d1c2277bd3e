"""Whatever is no placement meets two limits before a framework reads it: the body's size, and requests per address."""

from inventory.importing import FILE_BYTES_MAX
from inventory.routes_import import IMPORT_PATH
from keel.buckets import TokenBuckets
from keel.errors import PROBLEM_MEDIA_TYPE
from millpond.front import BODY_BYTES_MAX, Front
from orders.place_route import Receive, Scope, Send
from tests.inventory.selling import open_sale
from tests.orders.serving import STAFF, Served, problem_of, send_raw, serve


class Line:
    """A connection played by hand: `pieces` of a body come in, answers are noted."""

    def __init__(self, *pieces: bytes, leaves: bool = False) -> None:
        self.pieces, self.leaves, self.asked = list(pieces), leaves, 0
        self.status, self.said = 0, b""
        self.head: dict[bytes, bytes] = {}

    async def receive(self):
        self.asked += 1
        if self.pieces:
            piece = self.pieces.pop(0)
            return {"type": "http.request", "body": piece, "more_body": bool(self.pieces) or self.leaves}
        return {"type": "http.disconnect"}

    async def send(self, message):
        if message["type"] == "http.response.start":
            self.status, self.head = message["status"], dict(message["headers"])
        else:
            self.said += message.get("body", b"")


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the body; what is asked for after it is the client's next word."""
    message = await receive()
    assert not message["more_body"]
    assert (await receive())["type"] == "http.disconnect"
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": message["body"]})


async def ask(line: Line, *, host: str = "1.2.3.4", path: str = "/v1/orders", front: Front | None = None, **headers):
    listed = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": "POST", "path": path, "headers": listed, "client": (host, 1)}
    front = front or Front(echo, addresses=TokenBuckets(per_s=1, burst=100))
    await front(scope, line.receive, line.send)
    return line


async def test_a_body_within_the_limit_arrives_whole():
    whole = b"x" * BODY_BYTES_MAX
    line = await ask(Line(whole[:100], whole[100:], b""), content_length=str(BODY_BYTES_MAX))
    assert (line.status, line.said) == (200, whole)


async def test_a_length_that_promises_too_much_is_refused_before_a_byte_is_asked_for():
    line = await ask(Line(b"x"), content_length=str(BODY_BYTES_MAX + 1))
    assert (line.status, line.asked) == (413, 0)
    assert line.head[b"content-type"].decode() == PROBLEM_MEDIA_TYPE


async def test_a_body_of_no_promised_length_is_cut_off_where_the_limit_is():
    line = await ask(Line(*[b"x" * 1_000] * 1_000))
    assert (line.status, line.asked) == (413, BODY_BYTES_MAX // 1_000 + 1)


async def test_a_client_that_leaves_is_not_answered():
    line = await ask(Line(b"x", leaves=True))
    assert (line.status, line.said) == (0, b"")


async def test_an_address_is_limited_and_a_network_of_ipv6_is_one_address():
    front = Front(echo, addresses=TokenBuckets(per_s=0.01, burst=1))
    hosts = ["1.2.3.4", "1.2.3.4", "1.2.3.5", "2001:db8::1", "2001:db8::ffff:2", "2001:db8:0:1::1", "::ffff:1.2.3.4"]
    assert [(await ask(Line(b""), host=host, front=front)).status for host in hosts] == [
        200, 429, 200, 200, 429, 200, 429,
    ]  # fmt: skip
    for path in ("/healthz", "/readyz"):
        assert (await ask(Line(b""), path=path, front=front)).status == 200, "never refused for a crowd"


async def flood(served: Served, head: str) -> bytes:
    chunk = b"1000\r\n" + b" " * 0x1000 + b"\r\n"
    lines = f"{head}\r\nhost: pond\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n".encode()
    return await send_raw(served.port, lines, *[chunk] * (BODY_BYTES_MAX // 0x1000 + 1), finish=False)


async def test_without_a_token_nobody_fills_the_memory(database_url, redis_url):
    async with serve(database_url, redis_url) as served:
        for path in ("/v1/staff/skus", "/v1/orders/x/cancel", "/nowhere"):
            assert (await flood(served, f"POST {path} HTTP/1.1")).startswith(b"HTTP/1.1 413 ")
            problem_of(await served.client.post(path, content=b"x" * 70_000), 413, "too-large")


async def test_a_file_may_be_larger_from_those_who_may_send_it(database_url, redis_url):
    file = b"code,title,price_minor_CNY\n" + b"\n" * (2 * BODY_BYTES_MAX)
    head = {"content-type": "text/csv", "idempotency-key": "k"}
    async with serve(database_url, redis_url) as served:
        problem_of(await served.client.post(IMPORT_PATH, content=file, headers=head), 401, "not-signed-in")
        signed_in = head | {"authorization": f"Bearer {STAFF}"}
        taken = await served.client.post(IMPORT_PATH, content=file, headers=signed_in)
        assert (taken.status_code, taken.json()["state"]) == (202, "waiting")
        assert (await served.client.get(taken.headers["location"], headers=signed_in)).json() == taken.json()
        too_large = b"\n" * (FILE_BYTES_MAX + 1)
        problem_of(await served.client.post(IMPORT_PATH, content=too_large, headers=signed_in), 413, "too-large")


async def test_orders_and_everything_else_take_from_one_count(database_url, redis_url):
    async with serve(database_url, redis_url, rate_address_per_s=0.01, rate_address_burst=3) as served:
        sale = await open_sale(served.shop, units=[9])
        assert (await served.client.get(f"/v1/sales/{sale.id}")).status_code == 200
        assert (await served.order(sale)).status_code == 201
        assert (await served.client.get("/openapi.json")).status_code == 200
        problem_of(await served.client.get(f"/v1/sales/{sale.id}"), 429, "too-many-requests")
        problem_of(await served.order(sale), 429, "too-many-requests")
        assert (await served.client.get("/healthz")).status_code == 200
