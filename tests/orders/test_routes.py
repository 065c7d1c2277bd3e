"""Orders over HTTP: read, list, cancel; each buyer his own, and every wrong question a clear answer."""

from typing import Final

import pytest

from tests.inventory.selling import open_sale
from tests.orders.serving import Counter, Served, problem_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

ABSENT: Final = "01a3185c-5000-7000-8000-000000000000"


async def test_a_buyer_reads_lists_and_cancels_his_own_order(served: Served):
    sale = await open_sale(served.shop, units=[9])
    hua = served.authorization(served.shop.ids.new())
    placed = [(await served.order(sale, headers=hua)).json() for _ in range(3)]
    path = f"/v1/orders/{placed[0]['id']}"
    assert (await served.client.get(path, headers=hua)).json() == placed[0]
    newest = (await served.client.get("/v1/orders?count=2", headers=hua)).json()
    assert newest == {"orders": [placed[2], placed[1]], "next": placed[1]["id"]}
    rest = (await served.client.get(f"/v1/orders?count=2&below={newest['next']}", headers=hua)).json()
    assert rest == {"orders": [placed[0]]}, "no next on the last page"
    cancelled = await served.client.post(f"{path}/cancel", json={"reason": "太贵"}, headers=hua)
    assert cancelled.json() == placed[0] | {"state": "cancelled"}
    assert (await served.client.post(f"{path}/cancel", headers=hua)).json() == cancelled.json()


async def test_another_buyers_order_looks_like_none(served: Served):
    sale = await open_sale(served.shop, units=[9])
    order = (await served.order(sale)).json()
    stranger = served.authorization(served.shop.ids.new())
    documents = [
        problem_of(await served.client.get(f"/v1/orders/{order_id}", headers=stranger), 404, "not-found")
        for order_id in (order["id"], ABSENT)
    ]
    assert documents[0] == documents[1] == documents[0] | {"what": "order"}
    answer = await served.client.post(f"/v1/orders/{order['id']}/cancel", headers=stranger)
    problem_of(answer, 404, "not-found")
    mine = await served.client.get(f"/v1/orders/{order['id']}", headers=served.authorization())
    assert mine.json()["state"] == "awaiting_payment"


@pytest.mark.parametrize("path", ["/v1/orders", f"/v1/orders/{ABSENT}"])
@pytest.mark.parametrize("token", [None, "Bearer x", "Basic x", "Bearer \xff"])
async def test_without_a_good_token_nothing_is_shown(served: Served, path, token):
    headers = {} if token is None else {"authorization": token.encode("latin-1")}
    problem_of(await served.client.get(path, headers=headers), 401, "not-signed-in")


@pytest.mark.parametrize(
    "path",
    [
        "/v1/orders?count=0",
        "/v1/orders?count=101",
        "/v1/orders?count=many",
        "/v1/orders?count=" + "9" * 5_000,
        "/v1/orders?below=newest",
        f"/v1/orders?below={ABSENT.upper()}",
        f"/v1/orders?below={ABSENT}%0A",
        f"/v1/orders?below={ABSENT}%00",
        "/v1/orders/mine",
        f"/v1/orders/{ABSENT.upper()}",
        f"/v1/orders/{ABSENT}%0A",
    ],
)
async def test_a_wrong_question_is_malformed(served: Served, path):
    problem_of(await served.client.get(path, headers=served.authorization()), 400, "malformed")


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b'"why"',
        b'{"reason": 7}',
        b'{"reason": "a\\u0000b"}',
        b'{"reason": "\\ud800"}',
        b'{"because": "of you"}',
        b'{"\\ud800": 1}',
        b'{"reason": "' + b"x" * 201 + b'"}',
        b"[" * 10_000,
        b"\xff",
    ],
)
async def test_a_wrong_reason_is_malformed_and_nothing_is_cancelled(counter: Counter, body):
    served = counter.served
    order = (await served.order(counter.sale, key="one order for all of these")).json()
    headers = served.authorization() | {"content-type": "application/json"}
    request = served.client.post(f"/v1/orders/{order['id']}/cancel", content=body, headers=headers)
    await counter.refuses(request, 400, "malformed")


async def test_a_wrong_method_is_told_the_right_one(served: Served):
    answer = await served.client.delete(f"/v1/orders/{ABSENT}", headers=served.authorization())
    assert problem_of(answer, 405, "method-not-allowed")["allow"] == "GET"
