"""The staff API over HTTP: a whole sale by hand, who may see what, and bad input of every kind."""

from datetime import timedelta

import pytest

from inventory import views
from tests.inventory.bad_input import ABSENT, BAD_BODIES, BAD_ITEM_CHANGES, BAD_SALE_CHANGES, bad_requests
from tests.inventory.desk import THEIRS
from tests.inventory.selling import Shop, draft_sale, hold, open_sale, scheduled_sale
from tests.inventory.test_sales import silent


def at(shop: Shop, **later: float) -> str:
    return (shop.clock.now() + timedelta(**later)).isoformat()


async def test_a_whole_sale_by_hand(desk, shop):
    sku = {
        "title": "Brush",
        "code": "B-1",
        "price": 14_900,
        "currency": "CNY",
        "units": 100,
        "specification": {"色": "红"},
    }
    sku_id = (await desk.post("/v1/staff/skus", json=sku)).json()["id"]
    assert (await desk.post(f"/v1/staff/skus/{sku_id}/stock", json={"receive": 50})).json() == {"on_hand": 150}
    adjustment = {"adjust": -1, "reason": "broken"}
    assert (await desk.post(f"/v1/staff/skus/{sku_id}/stock", json=adjustment)).json() == {"on_hand": 149}

    sale = (await desk.post("/v1/staff/sales", json={"title": "At nine", "currency": "CNY"})).json()
    assert sale["state"] == "draft"
    path = f"/v1/staff/sales/{sale['id']}"
    item = {"sku_id": sku_id, "price": 9_900, "units": 40, "limit_per_customer": 2}
    item_id = (await desk.post(f"{path}/items", json=item)).json()["id"]
    edited = await desk.patch(path, json={"title": "At ten", "closes_at": at(shop, hours=1)})
    assert edited.json()["title"] == "At ten"
    for command, state in (("schedule", "scheduled"), ("open", "open"), ("pause", "paused"), ("resume", "open")):
        answer = await desk.post(f"{path}/{command}")
        assert (answer.status_code, answer.json()["state"]) == (200, state)
    assert (await desk.post(f"{path}/items/{item_id}/stock", json={"add": 9})).status_code == 200
    assert (await desk.post(f"{path}/items/{item_id}/stock", json={"take": 5})).status_code == 200
    assert (await desk.patch(f"{path}/items/{item_id}", json={"price": 8_800})).status_code == 200

    shown = (await desk.get(path)).json()
    assert shown["state"] == "open"
    assert shown["items"][0] | {"allocated": 44, "sold": 0, "free": 44, "held": 0, "refused": 0} == shown["items"][0]
    assert shown["items"][0]["price"] == 8_800
    (listed,) = (await desk.get("/v1/staff/skus")).json()["skus"]
    assert (listed["on_hand"], listed["prices"]) == (149 - 44, [{"currency": "CNY", "price": 14_900}])
    assert listed["specification"] == {"色": "红"}
    assert (await desk.post(f"{path}/close", json={"version": shown["version"]})).json()["state"] == "closed"


async def test_what_the_gate_knows_is_shown_where_it_answers(desk, shop):
    sale = await open_sale(shop, units=[3])
    for _ in range(3):
        await hold(shop, sale, units=2)
    (item,) = (await desk.get(f"/v1/staff/sales/{sale.id}")).json()["items"]
    assert (item["free"], item["held"], item["refused"]) == (3, 2, 2)
    shown = await views.sale_for_staff(silent(shop), shop.staff, sale.id)
    assert (shown.items[0].free, shown.items[0].held, shown.items[0].refused) == (3, None, None)
    await shop.redis.flushdb()
    (item,) = (await desk.get(f"/v1/staff/sales/{sale.id}")).json()["items"]
    assert (item["free"], item["held"], item["refused"]) == (3, None, None)


async def test_viewers_see_a_sale_without_signing_in(desk, shop):
    sale = await scheduled_sale(shop, opens_at=shop.clock.now() + timedelta(minutes=1), units=[7])
    seen = (await desk.get(f"/v1/sales/{sale.id}", headers={"authorization": ""})).json()
    assert seen["state"] == "scheduled"
    assert seen["server_time"].startswith("2027-01-15T08:00:00")
    (item,) = seen["items"]
    assert item | {"left": 7, "sold_out": False, "specification": {}, "picture_url": None} == item
    shop.clock.advance(s=60)
    assert (await desk.get(f"/v1/sales/{sale.id}")).json()["state"] == "open", "as the gate sees it, by the clock"
    drafted = await draft_sale(shop)
    rehearsal = await open_sale(shop, units=[1], rehearsal=True)
    for hidden in (drafted.id, rehearsal.id, ABSENT):
        answer = await desk.get(f"/v1/sales/{hidden}")
        assert (answer.status_code, answer.json()["type"]) == (404, "urn:millpond:problem:not-found")


async def test_pages_go_on_where_the_last_one_ended(desk, shop):
    made = [(await draft_sale(shop)).id for _ in range(5)]
    pages, params = [], {"count": 2}
    while params.get("below", "") is not None:
        page = (await desk.get("/v1/staff/sales", params=params)).json()
        pages.append([sale["id"] for sale in page["sales"]])
        params["below"] = page["next"]
    assert pages == [made[:2:-1], made[2:0:-1], made[:1]]
    skus = (await desk.get("/v1/staff/skus", params={"count": 3})).json()
    assert len(skus["skus"]) == 3
    assert skus["next"] == skus["skus"][-1]["id"]


PATHS = [
    ("POST", "/v1/staff/skus"),
    ("GET", "/v1/staff/skus"),
    ("POST", f"/v1/staff/skus/{ABSENT}/price"),
    ("POST", f"/v1/staff/skus/{ABSENT}/stock"),
    ("POST", "/v1/staff/sales"),
    ("GET", "/v1/staff/sales"),
    ("GET", f"/v1/staff/sales/{ABSENT}"),
    ("PATCH", f"/v1/staff/sales/{ABSENT}"),
    *(
        ("POST", f"/v1/staff/sales/{ABSENT}/{name}")
        for name in ("schedule", "open", "pause", "resume", "close", "items")
    ),
    ("PATCH", f"/v1/staff/sales/{ABSENT}/items/{ABSENT}"),
    ("POST", f"/v1/staff/sales/{ABSENT}/items/{ABSENT}/stock"),
]


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer forged", "Basic ours"])
async def test_nobody_does_anything_without_a_token(desk, header):
    for method, path in PATHS:
        answer = await desk.request(method, path, headers={"authorization": header})
        assert answer.status_code == 401, path
        assert answer.headers["www-authenticate"] == "Bearer"


async def test_another_merchants_things_look_like_none(desk, shop):
    sale = await open_sale(shop)
    theirs = f"/v1/staff/sales/{sale.id}"
    calls = [
        ("GET", theirs, None),
        ("PATCH", theirs, {"title": "Ours now"}),
        *(("POST", f"{theirs}/{name}", {}) for name in ("schedule", "open", "pause", "resume", "close")),
        ("POST", f"{theirs}/items", {"sku_id": sale.sku_ids[0], "price": 1, "units": 1}),
        ("PATCH", f"{theirs}/items/{sale.item_ids[0]}", {"price": 1}),
        ("POST", f"{theirs}/items/{sale.item_ids[0]}/stock", {"take": 1}),
        ("POST", f"/v1/staff/skus/{sale.sku_ids[0]}/stock", {"receive": 1}),
        ("POST", f"/v1/staff/skus/{sale.sku_ids[0]}/price", {"price": 1, "currency": "CNY"}),
    ]
    for method, path, body in calls:
        foreign = await desk.request(method, path, json=body, headers=THEIRS)
        missing = path.replace(sale.id, ABSENT).replace(sale.sku_ids[0], ABSENT)
        absent = await desk.request(method, missing, json=body, headers=THEIRS)
        assert foreign.status_code == absent.status_code == 404, path
        assert foreign.json() == absent.json()
    assert (await desk.get("/v1/staff/sales", headers=THEIRS)).json()["sales"] == []
    assert (await desk.get("/v1/staff/skus", headers=THEIRS)).json()["skus"] == []
    assert (await desk.get(theirs)).json()["state"] == "open"


async def test_bad_input_is_refused_and_nothing_is_stored(desk, shop):
    for path, body in bad_requests():
        answer = await desk.post(path, json=body)
        assert answer.status_code == 400, (path, body, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["type"] == "urn:millpond:problem:malformed"
    for raw in BAD_BODIES:
        answer = await desk.post("/v1/staff/sales", content=raw, headers={"content-type": "application/json"})
        assert answer.status_code == 400, (raw[:40], answer.text)
    for table in ("sale", "sku", "product", "staff_audit"):
        assert await shop.rows(f"SELECT * FROM {table}") == []


async def test_bad_changes_are_refused(desk, shop):
    sale = await draft_sale(shop)
    path = f"/v1/staff/sales/{sale.id}"
    for wrong in BAD_SALE_CHANGES:
        assert (await desk.patch(path, json=wrong)).status_code == 400, wrong
    for wrong in BAD_ITEM_CHANGES:
        assert (await desk.patch(f"{path}/items/{sale.item_ids[0]}", json=wrong)).status_code == 400, wrong
    answer = await desk.post(f"{path}/schedule", json={"version": 99})
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:millpond:problem:conflict")
    for count in ("0", "101", "x"):
        assert (await desk.get("/v1/staff/sales", params={"count": count})).status_code == 400
