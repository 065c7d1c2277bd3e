"""Orders over HTTP for staff: found by id and number, listed, and every wrong question a clear answer."""

from typing import Any

import pytest

from tests.inventory.selling import open_sale
from tests.orders.serving import STAFF, Served, problem_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

OURS = {"authorization": f"Bearer {STAFF}"}
ABSENT = "01a3185c-5000-7000-8000-000000000000"
PATH = "/v1/staff/orders"


async def placed(served: Served) -> dict[str, Any]:
    sale = await open_sale(served.shop, units=[5], needs_recipient=True)
    answer: dict[str, Any] = (await served.order(sale, served.wish(sale, 1, share_code="anna"))).json()
    return answer


async def test_an_order_is_found_by_its_id_and_by_the_number_people_read(served: Served):
    order = await placed(served)
    shown = (await served.client.get(f"{PATH}/{order['id']}", headers=OURS)).json()
    assert shown["number"] == order["number"]
    assert (shown["receipt_no"], shown["missing"], shown["share_code"]) == (1, ["recipient"], "anna")
    assert (shown["lines"][0]["quantity"], shown["lines"][0]["sku_code"][:4]) == (1, "SKU-")
    typed = order["number"].lower().replace("-", "").replace("0", "o")
    assert (await served.client.get(f"{PATH}/{typed}", headers=OURS)).json() == shown
    (listed,) = (await served.client.get(f"{PATH}?sale_id={order['sale_id']}", headers=OURS)).json()["orders"]
    assert listed == {name: shown[name] for name in listed}


async def test_a_whole_case_by_hand(served: Served):
    order = await placed(served)
    path = f"{PATH}/{order['id']}"
    whom = {"name": "华", "phone": "+86 138 0000 1234", "address": "北京市"}
    answer = await served.client.put(f"{path}/recipient", json=whom, headers=OURS)
    assert (answer.status_code, answer.json()["recipient"]) == (200, whom | {"masked": False})
    note = await served.client.post(f"{path}/notes", json={"text": "call first"}, headers=OURS)
    assert (note.status_code, note.json()["notes"][0]["text"]) == (201, "call first")
    cancelled = await served.client.post(f"{path}/cancel", json={"reason": "asked to"}, headers=OURS)
    assert (cancelled.status_code, cancelled.json()["state"]) == (200, "cancelled")
    mine = await served.client.get(f"/v1/orders/{order['id']}", headers=served.authorization())
    assert mine.json() == order | {"state": "cancelled", "recipient": whom}
    params = {"state": "cancelled", "has_recipient": "true", "share_code": "anna", "recipients": "plain"}
    (listed,) = (await served.client.get(PATH, params=params, headers=OURS)).json()["orders"]
    assert listed["recipient"]["phone"] == whom["phone"]


async def test_a_buyer_sets_his_recipient_and_lists_his_orders_by_state(served: Served):
    hua = served.authorization(served.shop.ids.new())
    sale = await open_sale(served.shop, units=[5], needs_recipient=True)
    order = (await served.order(sale, headers=hua)).json()
    path = f"/v1/orders/{order['id']}"
    assert (await served.client.get(path, headers=hua)).json() == order | {"missing": ["recipient"]}
    whom = {"name": "华", "phone": "13800001234", "address": "北京市"}
    answer = await served.client.put(f"{path}/recipient", json=whom, headers=hua)
    assert (answer.status_code, answer.json()) == (200, order | {"recipient": whom})
    stranger = served.authorization(served.shop.ids.new())
    problem_of(await served.client.put(f"{path}/recipient", json=whom, headers=stranger), 404, "not-found")
    for state, count in (("awaiting_payment", 1), ("cancelled", 0)):
        page = (await served.client.get(f"/v1/orders?state={state}", headers=hua)).json()
        assert len(page["orders"]) == count
    await served.client.post(f"{path}/cancel", headers=hua)
    problem = problem_of(await served.client.put(f"{path}/recipient", json=whom, headers=hua), 409, "recipient-fixed")
    assert problem["state"] == "cancelled"


@pytest.mark.parametrize(
    "question",
    [
        "?count=0",
        "?count=101",
        "?count=" + "9" * 5_000,
        "?below=newest",
        f"?below={ABSENT}&above={ABSENT}",
        f"?below={ABSENT}%0A",
        "?state=lost",
        "?sale_id=1",
        f"?customer_id={ABSENT.upper()}",
        "?total_min=-1",
        "?total_max=1e3",
        "?total_max=" + "9" * 19,
        "?placed_from=yesterday",
        "?placed_from=2027-01-15",
        "?placed_from=2027-01-15T08:00:00",
        "?placed_to=1968-01-15T08:00:00Z",
        "?placed_to=9999-12-31T23:59:59Z",
        "?share_code=%00",
        "?share_code=%E7%BA%A2",
        "?share_code=" + "x" * 65,
        "?rehearsals=yes",
        "?recipients=all",
        "?has_recipient=maybe",
        "?colour=red",
        "/mine",
        f"/{ABSENT}%0A",
        f"/{ABSENT.upper()}",
        "/37EF-ND00",
    ],
)
async def test_a_wrong_question_is_malformed(served: Served, question):
    problem_of(await served.client.get(PATH + question, headers=OURS), 400, "malformed")


@pytest.mark.parametrize("number", ["37EF-ND00-003Y", "37EF-ND00-003U", ABSENT])
async def test_what_is_not_there_is_not_found(served: Served, number):
    problem_of(await served.client.get(f"{PATH}/{number}", headers=OURS), 404, "not-found")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "cancel", {}),
        ("POST", "cancel", {"reason": ""}),
        ("POST", "cancel", {"reason": " \t "}),
        ("POST", "cancel", {"reason": "two\nlines"}),
        ("POST", "cancel", {"reason": "x" * 201}),
        ("POST", "cancel", {"reason": "why", "force": True}),
        ("POST", "notes", {"text": ""}),
        ("POST", "notes", {"text": "a\x00b"}),
        ("POST", "notes", {"text": "\x1b[31m"}),
        ("POST", "notes", {"text": "x" * 1_001}),
        ("PUT", "recipient", {"name": "华", "phone": "1"}),
        ("PUT", "recipient", {"name": "华", "phone": "１３８", "address": "北京市"}),
        ("PUT", "recipient", {"name": "华\n", "phone": "138", "address": "北京\n市"}),
        ("PUT", "recipient", {"name": "x" * 101, "phone": "138", "address": "北京市"}),
        ("PUT", "recipient", {"name": None, "phone": "138", "address": "北京市"}),
    ],
)
async def test_a_wrong_wish_is_malformed_says_nothing_of_whom_and_changes_nothing(served: Served, method, path, body):
    order = await placed(served)
    answer = await served.client.request(method, f"{PATH}/{order['id']}/{path}", json=body, headers=OURS)
    problem_of(answer, 400, "malformed")
    assert "北京" not in answer.text
    shown = (await served.client.get(f"{PATH}/{order['id']}", headers=OURS)).json()
    assert (shown["state"], shown["recipient"], shown["notes"]) == ("awaiting_payment", None, [])


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer forged"])
async def test_nobody_reads_without_a_token(served: Served, header):
    for path in (PATH, f"{PATH}/{ABSENT}"):
        problem_of(await served.client.get(path, headers={"authorization": header}), 401, "not-signed-in")
