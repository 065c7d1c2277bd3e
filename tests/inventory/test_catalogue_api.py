"""The catalogue over HTTP: found by code, title and low stock, page by page, and its history to read."""

from typing import Any

from inventory import routes_catalogue, routes_products
from keel.identity import Role
from tests.inventory.bad_input import ABSENT
from tests.inventory.desk import THEIRS, as_role, pages_of
from tests.inventory.selling import open_sale

SKUS, PRODUCTS = routes_catalogue.router.prefix, routes_products.router.prefix
RED = {"code": "B-RED", "price": 9_900, "currency": "CNY", "units": 5, "low_stock": 5}
BLUE = {"code": "B-BLUE", "price": 9_900, "currency": "CNY", "units": 6, "low_stock": 5}


async def make_brushes(desk) -> Any:
    answer = await desk.post(PRODUCTS, json={"title": "兔毛 Brush 100%", "skus": [RED, BLUE]})
    assert answer.status_code == 201, answer.text
    return answer.json()


async def codes(desk, **params) -> list[str]:
    answer = await desk.get(SKUS, params=params)
    assert answer.status_code == 200, answer.text
    return [sku["code"] for sku in answer.json()["skus"]]


async def test_skus_are_found_by_what_is_known_of_them(desk):
    product = await make_brushes(desk)
    await desk.post(SKUS, json={"title": "Cup", "code": "C_1", "price": 1, "currency": "CNY"})
    assert await codes(desk) == ["C_1", "B-BLUE", "B-RED"]
    assert await codes(desk, code="B-") == ["B-BLUE", "B-RED"]
    assert await codes(desk, code="%") == await codes(desk, code="C%1") == [], "signs mean themselves"
    assert await codes(desk, title="bRUSH") == await codes(desk, title="100%") == ["B-BLUE", "B-RED"]
    assert await codes(desk, product_id=product["id"]) == ["B-BLUE", "B-RED"]
    assert await codes(desk, low=True) == ["B-RED"]
    await desk.post(f"{SKUS}/{product['skus'][0]['id']}/archive")
    assert await codes(desk, code="B-") == ["B-BLUE"]
    assert await codes(desk, archived=True) == ["B-RED"]
    await desk.post(f"{SKUS}/{product['skus'][0]['id']}/restore")
    assert await codes(desk, low=True) == ["B-RED"]


async def test_a_page_goes_on_where_the_last_one_ended_though_more_came_in(desk):
    for n in range(5):
        await desk.post(SKUS, json={"title": "Cup", "code": f"C-{n}", "price": 1, "currency": "CNY"})
    first = (await desk.get(SKUS, params={"count": 2})).json()
    await desk.post(SKUS, json={"title": "Cup", "code": "C-5", "price": 1, "currency": "CNY"})
    second = (await desk.get(SKUS, params={"count": 2, "below": first["next"]})).json()
    assert [sku["code"] for sku in first["skus"] + second["skus"]] == ["C-4", "C-3", "C-2", "C-1"]
    pages = await pages_of(desk, PRODUCTS, "products", count=4)
    assert [len(page) for page in pages] == [4, 2]


async def test_a_product_by_hand(desk):
    product = await make_brushes(desk)
    path = f"{PRODUCTS}/{product['id']}"
    assert (await desk.post(f"{path}/skus", json=RED | {"code": "B-GREEN"})).status_code == 201
    edited = await desk.patch(path, json={"title": "Brush", "version": product["version"]})
    assert (edited.json()["title"], edited.json()["version"]) == ("Brush", 2)
    assert (await desk.patch(path, json={"title": "Late", "version": 1})).status_code == 409
    assert (await desk.post(f"{path}/archive")).status_code == 204
    assert (await desk.get(PRODUCTS)).json()["products"] == []
    assert [p["id"] for p in (await desk.get(PRODUCTS, params={"archived": True})).json()["products"]] == [
        product["id"]
    ]
    assert (await desk.post(f"{path}/restore")).status_code == 204
    (shown,) = (await desk.get(PRODUCTS, params={"title": "BRU"})).json()["products"]
    assert [sku["code"] for sku in shown["skus"]] == ["B-RED", "B-BLUE", "B-GREEN"]
    assert (await desk.get(path)).json() == shown


async def test_a_sku_is_changed_and_what_is_left_out_stays(desk):
    sku = (await make_brushes(desk))["skus"][0]
    path = f"{SKUS}/{sku['id']}"
    changed = (await desk.patch(path, json={"picture_url": "https://pic.example/red.jpg", "version": 1})).json()
    assert changed == sku | {"picture_url": "https://pic.example/red.jpg", "version": 2}
    cleared = (await desk.patch(path, json={"picture_url": None, "low_stock": None})).json()
    assert (cleared["picture_url"], cleared["low_stock"], cleared["low"]) == (None, None, False)
    assert (await desk.patch(path, json={"specification": {}, "version": 2})).status_code == 409
    assert (await desk.get(path)).json() == cleared


async def test_prices_of_before_stay_readable(desk, shop):
    sku = (await make_brushes(desk))["skus"][0]
    for price in (8_800, 7_700):
        shop.clock.advance(s=60)
        await desk.post(f"{SKUS}/{sku['id']}/price", json={"price": price, "currency": "CNY"})
    path = f"{SKUS}/{sku['id']}/prices"
    page = (await desk.get(path, params={"currency": "CNY", "count": 2})).json()
    assert [price["price"] for price in page["prices"]] == [7_700, 8_800]
    rest = (await desk.get(path, params={"currency": "CNY", "before": page["next"]})).json()
    assert [price["price"] for price in rest["prices"]] == [9_900]
    assert (await desk.get(path, params={"currency": "USD"})).json()["prices"] == []
    assert (await desk.get(path)).status_code == (await desk.get(path, params={"currency": "cny"})).status_code == 400


async def test_what_moved_on_the_shelf_is_told_with_its_reason(desk, shop):
    sale = await open_sale(shop, units=[10])
    path = f"{SKUS}/{sale.sku_ids[0]}"
    shop.clock.advance(s=1)
    await desk.post(f"{path}/stock", json={"adjust": -3, "reason": "broken in the van"})
    (told,) = await pages_of(desk, f"{path}/movements", "movements", count=10)
    assert [(m["kind"], m["units"], m["reason"]) for m in told] == [
        ("adjusted", -3, "broken in the van"),
        ("allocated", 10, None),
        ("received", 1_000, None),
    ]
    assert told[1]["item_id"] == sale.item_ids[0]
    assert len(await pages_of(desk, f"{path}/movements", "movements", count=2)) == 2
    (versions,) = await pages_of(desk, f"{path}/versions", "versions")
    assert [version["price"] for version in versions] == [14_900]


READS = ["", "/prices?currency=CNY", "/movements", "/versions"]


async def test_another_merchants_catalogue_looks_like_none(desk):
    product = await make_brushes(desk)
    sku = f"{SKUS}/{product['skus'][0]['id']}"
    mine = f"{PRODUCTS}/{product['id']}"
    calls: list[tuple[str, str, Any]] = [("GET", sku + tail, None) for tail in READS]
    calls += [("PATCH", sku, {"low_stock": 1}), ("PATCH", mine, {"title": "Ours"}), ("GET", mine, None)]
    calls += [("POST", f"{thing}/{name}", None) for thing in (sku, mine) for name in ("archive", "restore")]
    calls += [("POST", f"{mine}/skus", RED | {"code": "X"})]
    for method, path, body in calls:
        foreign = await desk.request(method, path, json=body, headers=THEIRS)
        missing = path.replace(product["id"], ABSENT).replace(product["skus"][0]["id"], ABSENT)
        absent = await desk.request(method, missing, json=body)
        assert foreign.status_code == absent.status_code == 404, path
        assert foreign.json() == absent.json()
        assert (await desk.request(method, path, json=body, headers={"authorization": ""})).status_code == 401
        analyst = await desk.request(method, path, json=body, headers=as_role(Role.ANALYST))
        assert analyst.status_code == (200 if method == "GET" else 403), path
    assert await codes(desk) == ["B-BLUE", "B-RED"]


BAD_PRODUCTS = [
    {"title": "Brush", "skus": []},
    {"title": "Brush", "skus": [RED | {"code": f"B-{n}"} for n in range(51)]},
    {"title": "", "skus": [RED]},
    {"title": "Brush", "skus": [RED | {"low_stock": -1}]},
    {"title": "Brush", "skus": [RED | {"title": "x"}]},
    {"title": "Brush"},
]


async def test_bad_input_is_refused_and_nothing_is_stored(desk, shop):
    for body in BAD_PRODUCTS:
        assert (await desk.post(PRODUCTS, json=body)).status_code == 400, body
    answer = await desk.post(PRODUCTS, json={"title": "Brush", "skus": [RED, RED]})
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:millpond:problem:conflict")
    assert await shop.rows("SELECT * FROM product") == []
    sku = (await make_brushes(desk))["skus"][0]
    for change in ({"needs_recipient": None}, {"code": "X"}, {"specification": None}, {"low_stock": 10**10}):
        assert (await desk.patch(f"{SKUS}/{sku['id']}", json=change)).status_code == 400, change
    for params in ({"code": ""}, {"title": "a\x00"}, {"product_id": "x"}, {"low": "perhaps"}, {"below": "1"}):
        assert (await desk.get(SKUS, params=params)).status_code == 400, params
    late = {"currency": "CNY", "before": "2300-01-01T00:00:00Z"}
    assert (await desk.get(f"{SKUS}/{sku['id']}/prices", params=late)).status_code == 400
