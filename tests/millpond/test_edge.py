"""Every request has an id, in its answer and in the log; whoever asks gets an envelope, on placement too."""

import logging

import pytest

from keel.logs import REQUEST_ID
from millpond.edge import REQUEST_ID_CHARS_MAX, Edge
from orders.place_route import Receive, Scope, Send
from tests.inventory.selling import open_sale
from tests.orders.serving import STAFF, serve

STAFF_HEADERS = {"authorization": f"Bearer {STAFF}"}
WRAPPED = {"x-envelope": "1"}


class Client:
    """Asks an application by hand, and keeps what it answers."""

    def __init__(self, status: int = 200) -> None:
        self.status, self.seen = status, ""
        self.edge = Edge(self._answer)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.seen = REQUEST_ID.get()
        await send({"type": "http.response.start", "status": self.status, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def id_of(self, path: str, *sent: bytes) -> str | None:
        headers: dict[bytes, bytes] = {}

        async def keep(message):
            headers.update(message.get("headers", []))

        async def nothing():
            return {"type": "http.disconnect"}

        REQUEST_ID.set("")
        given = [(b"x-request-id", value) for value in sent]
        await self.edge({"type": "http", "path": path, "method": "GET", "headers": given}, nothing, keep)
        return headers[b"x-request-id"].decode() if b"x-request-id" in headers else None


async def test_every_answer_has_an_id_of_its_own_and_the_log_has_it_too():
    client = Client()
    first, second = [await client.id_of("/v1/orders/1") for _ in range(2)]
    assert first != second
    assert client.seen == second


@pytest.mark.parametrize("path", ["/v1/orders", "/v1/staff/orders"])
async def test_lists_of_orders_are_no_placements(path):
    assert await Client().id_of(path)


async def test_an_id_that_a_client_sends_is_kept():
    assert await Client().id_of("/readyz", b"front:4711.a_b-c") == "front:4711.a_b-c"


@pytest.mark.parametrize("sent", [b"", b"two words", b"a\nb", "ü".encode(), b"x" * (REQUEST_ID_CHARS_MAX + 1)])
async def test_an_id_that_could_spoil_a_log_is_not(sent):
    given = await Client().id_of("/readyz", sent)
    assert given is not None
    assert given.encode() != sent


async def test_a_placement_has_one_only_if_it_is_sent_and_never_marks_the_tasks_it_starts():
    client = Client()
    assert await client.id_of("/v1/sales/x/orders") is None
    assert await client.id_of("/v1/sales/x/orders", b"mine") == "mine"
    assert client.seen == ""


async def test_a_fault_is_logged_with_the_request(caplog):
    with caplog.at_level(logging.ERROR):
        request_id = await Client(status=500).id_of("/v1/sales/x/orders", b"mine")
    (record,) = caplog.records
    assert (record.request_id, request_id) == ("mine", "mine")
    assert "was answered 500" in record.getMessage()


async def test_an_envelope_is_there_for_whoever_asks_on_every_route(database_url, redis_url):
    async with serve(database_url, redis_url) as served:
        sale = await open_sale(served.shop, units=[2])
        placed = await served.order(sale, key="k", headers=WRAPPED)
        assert (placed.status_code, placed.headers["content-type"]) == (201, "application/json")
        order = placed.json()["data"]
        assert placed.json() == {"code": 0, "message": "ok", "data": order}
        plain = await served.order(sale, key="k")
        assert plain.json() == order, "without it, nothing is different"
        assert "idempotency-replayed" in (await served.order(sale, key="k", headers=WRAPPED)).headers

        refused = await served.order(sale, served.wish(sale, 9), headers=WRAPPED)
        body = refused.json()
        assert (refused.status_code, body["code"]) == (409, 409)
        assert body["message"] == body["data"]["title"] == "Not enough stock left"
        assert body["data"]["type"] == "urn:millpond:problem:sold-out"

        shown = await served.client.get(f"/v1/staff/sales/{sale.id}", headers=STAFF_HEADERS | WRAPPED)
        assert shown.json()["data"]["id"] == sale.id
        nobody = await served.client.get("/v1/staff/sales", headers=WRAPPED)
        assert (nobody.status_code, nobody.json()["code"]) == (401, 401)
        assert nobody.headers["www-authenticate"] == "Bearer"
        assert (await served.client.get("/docs", headers=WRAPPED)).text.lstrip().startswith("<!")
        assert (await served.client.get("/healthz", headers={"x-envelope": "0"})).json() == {"status": "alive"}
