"""The staff API over HTTP: a whole sale by hand, who may see what, and bad input of every kind."""

from datetime import timedelta

import httpx
import pytest
from fastapi import FastAPI

from inventory import routes, routes_catalogue, views
from inventory.book import SaleBook
from inventory.window import ShopWindow
from keel import http
from keel.identity import Principal
from tests.inventory.bad_input import ABSENT, BAD_BODIES, BAD_ITEM_CHANGES, BAD_SALE_CHANGES, bad_requests
from tests.inventory.selling import Shop, draft_sale, hold, make_merchant, open_sale, scheduled_sale
from tests.inventory.test_sales import silent

STAFF = {"authorization": "Bearer ours"}
STRANGER = {"authorization": "Bearer theirs"}


@pytest.fixture
async def api(shop):
    app = FastAPI()
    http.install(app)
    for router in (routes.router, routes.public, routes_catalogue.router):
        app.include_router(router)
    known: dict[str | None, Principal] = {
        STAFF["authorization"]: shop.staff,
        STRANGER["authorization"]: await make_merchant(shop.selling, "Another pond"),
    }
    app.state.selling, app.state.book, app.state.authenticate_staff = shop.selling, SaleBook(shop.ledger), known.get
    app.state.window = ShopWindow(shop.ledger)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://pond", headers=STAFF) as client:
        yield client


def at(shop: Shop, **later: float) -> str:
    return (shop.clock.now() + timedelta(**later)).isoformat()


async def test_a_whole_sale_by_hand(api, shop):
    sku = {
        "title": "Brush",
        "code": "B-1",
        "price": 14_900,
        "currency": "CNY",
        "units": 100,
        "specification": {"色": "红"},
    }
    sku_id = (await api.post("/v1/staff/skus", json=sku)).json()["id"]
    assert (await api.post(f"/v1/staff/skus/{sku_id}/stock", json={"receive": 50})).json() == {"on_hand": 150}
    adjustment = {"adjust": -1, "reason": "broken"}
    assert (await api.post(f"/v1/staff/skus/{sku_id}/stock", json=adjustment)).json() == {"on_hand": 149}

    sale = (await api.post("/v1/staff/sales", json={"title": "At nine", "currency": "CNY"})).json()
    assert sale["state"] == "draft"
    path = f"/v1/staff/sales/{sale['id']}"
    item = {"sku_id": sku_id, "price": 9_900, "units": 40, "limit_per_customer": 2}
    item_id = (await api.post(f"{path}/items", json=item)).json()["id"]
    assert (await api.patch(path, json={"title": "At ten", "closes_at": at(shop, hours=1)})).json()["title"] == "At ten"
    for command, state in (("schedule", "scheduled"), ("open", "open"), ("pause", "paused"), ("resume", "open")):
        answer = await api.post(f"{path}/{command}")
        assert (answer.status_code, answer.json()["state"]) == (200, state)
    assert (await api.post(f"{path}/items/{item_id}/stock", json={"add": 9})).status_code == 200
    assert (await api.post(f"{path}/items/{item_id}/stock", json={"take": 5})).status_code == 200
    assert (await api.patch(f"{path}/items/{item_id}", json={"price": 8_800})).status_code == 200

    shown = (await api.get(path)).json()
    assert shown["state"] == "open"
    assert shown["items"][0] | {"allocated": 44, "sold": 0, "free": 44, "held": 0, "refused": 0} == shown["items"][0]
    assert shown["items"][0]["price"] == 8_800
    (listed,) = (await api.get("/v1/staff/skus")).json()["skus"]
    assert (listed["on_hand"], listed["prices"]) == (149 - 44, [{"currency": "CNY", "price": 14_900}])
    assert listed["specification"] == {"色": "红"}
    assert (await api.post(f"{path}/close", json={"version": shown["version"]})).json()["state"] == "closed"


async def test_what_the_gate_knows_is_shown_where_it_answers(api, shop):
    sale = await open_sale(shop, units=[3])
    for _ in range(3):
        await hold(shop, sale, units=2)
    (item,) = (await api.get(f"/v1/staff/sales/{sale.id}")).json()["items"]
    assert (item["free"], item["held"], item["refused"]) == (3, 2, 2)
    shown = await views.sale_for_staff(silent(shop), shop.staff, sale.id)
    assert (shown.items[0].free, shown.items[0].held, shown.items[0].refused) == (3, None, None)
    await shop.redis.flushdb()
    (item,) = (await api.get(f"/v1/staff/sales/{sale.id}")).json()["items"]
    assert (item["free"], item["held"], item["refused"]) == (3, None, None)


async def test_viewers_see_a_sale_without_signing_in(api, shop):
    sale = await scheduled_sale(shop, opens_at=shop.clock.now() + timedelta(minutes=1), units=[7])
    seen = (await api.get(f"/v1/sales/{sale.id}", headers={"authorization": ""})).json()
    assert seen["state"] == "scheduled"
    assert seen["server_time"].startswith("2027-01-15T08:00:00")
    (item,) = seen["items"]
    assert item | {"left": 7, "sold_out": False, "specification": {}, "picture_url": None} == item
    shop.clock.advance(s=60)
    assert (await api.get(f"/v1/sales/{sale.id}")).json()["state"] == "open", "as the gate sees it, by the clock"
    drafted = await draft_sale(shop)
    rehearsal = await open_sale(shop, units=[1], rehearsal=True)
    for hidden in (drafted.id, rehearsal.id, ABSENT):
        answer = await api.get(f"/v1/sales/{hidden}")
        assert (answer.status_code, answer.json()["type"]) == (404, "urn:millpond:problem:not-found")


async def test_pages_go_on_where_the_last_one_ended(api, shop):
    made = [(await draft_sale(shop)).id for _ in range(5)]
    pages, params = [], {"count": 2}
    while params.get("below", "") is not None:
        page = (await api.get("/v1/staff/sales", params=params)).json()
        pages.append([sale["id"] for sale in page["sales"]])
        params["below"] = page["next"]
    assert pages == [made[:2:-1], made[2:0:-1], made[:1]]
    skus = (await api.get("/v1/staff/skus", params={"count": 3})).json()
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
async def test_nobody_does_anything_without_a_token(api, header):
    for method, path in PATHS:
        answer = await api.request(method, path, headers={"authorization": header})
        assert answer.status_code == 401, path
        assert answer.headers["www-authenticate"] == "Bearer"


async def test_another_merchants_things_look_like_none(api, shop):
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
        foreign = await api.request(method, path, json=body, headers=STRANGER)
        missing = path.replace(sale.id, ABSENT).replace(sale.sku_ids[0], ABSENT)
        absent = await api.request(method, missing, json=body, headers=STRANGER)
        assert foreign.status_code == absent.status_code == 404, path
        assert foreign.json() == absent.json()
    assert (await api.get("/v1/staff/sales", headers=STRANGER)).json()["sales"] == []
    assert (await api.get("/v1/staff/skus", headers=STRANGER)).json()["skus"] == []
    assert (await api.get(theirs)).json()["state"] == "open"


async def test_bad_input_is_refused_and_nothing_is_stored(api, shop):
    for path, body in bad_requests():
        answer = await api.post(path, json=body)
        assert answer.status_code == 400, (path, body, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["type"] == "urn:millpond:problem:malformed"
    for raw in BAD_BODIES:
        answer = await api.post("/v1/staff/sales", content=raw, headers={"content-type": "application/json"})
        assert answer.status_code == 400, (raw[:40], answer.text)
    for table in ("sale", "sku", "product", "staff_audit"):
        assert await shop.rows(f"SELECT * FROM {table}") == []


async def test_bad_changes_are_refused(api, shop):
    sale = await draft_sale(shop)
    path = f"/v1/staff/sales/{sale.id}"
    for wrong in BAD_SALE_CHANGES:
        assert (await api.patch(path, json=wrong)).status_code == 400, wrong
    for wrong in BAD_ITEM_CHANGES:
        assert (await api.patch(f"{path}/items/{sale.item_ids[0]}", json=wrong)).status_code == 400, wrong
    answer = await api.post(f"{path}/schedule", json={"version": 99})
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:millpond:problem:conflict")
    for count in ("0", "101", "x"):
        assert (await api.get("/v1/staff/sales", params={"count": count})).status_code == 400
