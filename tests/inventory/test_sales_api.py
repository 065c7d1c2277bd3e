"""Sales over HTTP, all of it: kinds, lists by state and time, demand, copies, templates, and what viewers see."""

from datetime import timedelta
from typing import Any

from keel.identity import Role
from tests.inventory.bad_input import ABSENT
from tests.inventory.desk import THEIRS, as_role, pages_of
from tests.inventory.selling import Shop, draft_sale, hold, make_sku, open_sale, scheduled_sale

SALES, TEMPLATES = "/v1/staff/sales", "/v1/staff/sale-templates"


def at(shop: Shop, **later: float) -> str:
    return (shop.clock.now() + timedelta(**later)).isoformat()


async def test_a_shelf_sells_until_it_is_closed_by_hand(desk, shop):
    shelf = {"title": "Always", "currency": "CNY", "kind": "shelf"}
    answer = await desk.post(SALES, json=shelf | {"closes_at": at(shop, hours=1)})
    assert (answer.status_code, answer.json()["type"]) == (400, "urn:millpond:problem:malformed")
    made = (await desk.post(SALES, json=shelf)).json()
    assert (made["kind"], made["hold_ttl_s"], made["closes_at"]) == ("shelf", 1_800, None)
    flash = (await desk.post(SALES, json={"title": "At nine", "currency": "CNY"})).json()
    assert (flash["kind"], flash["hold_ttl_s"]) == ("flash", 900)
    path = f"{SALES}/{made['id']}"
    assert (await desk.patch(path, json={"closes_at": at(shop, hours=1)})).status_code == 400
    assert (await desk.patch(path, json={"opens_at": at(shop, hours=1)})).status_code == 200


async def test_a_price_that_is_left_out_is_the_list_price_of_today(desk, shop):
    sale = (await desk.post(SALES, json={"title": "At nine", "currency": "CNY"})).json()
    abroad = (await desk.post(SALES, json={"title": "At ten", "currency": "USD"})).json()
    sku_id = await make_sku(shop, price=12_300)
    await desk.post(f"{SALES}/{sale['id']}/items", json={"sku_id": sku_id, "units": 1})
    (item,) = (await desk.get(f"{SALES}/{sale['id']}")).json()["items"]
    assert item["price"] == 12_300
    answer = await desk.post(f"{SALES}/{abroad['id']}/items", json={"sku_id": sku_id, "units": 1})
    assert (answer.status_code, answer.json()["detail"]) == (409, "the SKU has no list price in USD: give one")
    assert (await desk.get(f"{SALES}/{abroad['id']}")).json()["items"] == []


async def listed(desk: Any, **params: Any) -> list[str]:
    pages = await pages_of(desk, SALES, "sales", count=2, **params)
    return [sale["id"] for page in pages for sale in page]


async def test_sales_are_listed_by_state_kind_and_time(desk, shop):
    draft = await draft_sale(shop, kind="shelf")
    early = await scheduled_sale(shop, opens_at=shop.clock.now() + timedelta(hours=1))
    late = await scheduled_sale(shop, opens_at=shop.clock.now() + timedelta(hours=3))
    running = await open_sale(shop)
    assert await listed(desk) == [running.id, late.id, early.id, draft.id]
    assert await listed(desk, state="open") == [running.id]
    assert await listed(desk, state=["draft", "scheduled"]) == [late.id, early.id, draft.id]
    assert await listed(desk, kind="shelf") == [draft.id]
    assert await listed(desk, opens_from=at(shop, hours=1), opens_before=at(shop, hours=3)) == [early.id]
    for params in ({"state": "lost"}, {"kind": "auction"}, {"opens_from": "yesterday"}, {"state": ["open"] * 9}):
        assert (await desk.get(SALES, params=params)).status_code == 400, params


async def test_a_sale_that_is_over_is_put_away(desk, shop):
    sale = await open_sale(shop)
    path = f"{SALES}/{sale.id}/archive"
    assert (await desk.post(path)).status_code == 409
    await desk.post(f"{SALES}/{sale.id}/close")
    await shop.ledger.settle(sale.id, 0, shop.clock.now())
    assert (await desk.post(path)).status_code == 204
    assert (await listed(desk), await listed(desk, archived=True)) == ([], [sale.id])


async def test_demand_says_what_a_restock_would_sell_and_is_kept_after_the_close(desk, shop):
    sale = await open_sale(shop, units=[2, 50])
    for _ in range(7):
        await hold(shop, sale, units=2)
    path = f"{SALES}/{sale.id}/demand"
    told = (await desk.get(path)).json()
    assert told["counted"] == "now"
    first, second = told["items"]
    assert (first["turned_away"], first["free"], first["on_hand"], first["price"]) == (6, 2, 998, 14_900)
    assert (second["turned_away"], second["free"]) == (0, 50)
    await shop.redis.flushdb()
    assert (await desk.get(path)).json()["counted"] == "unknown"
    await shop.redis.flushdb()


async def test_demand_is_noted_when_the_sale_closes(desk, shop):
    sale = await open_sale(shop, units=[2])
    for _ in range(4):
        await hold(shop, sale, units=2)
    await desk.post(f"{SALES}/{sale.id}/close")
    await shop.redis.flushdb()
    told = (await desk.get(f"{SALES}/{sale.id}/demand")).json()
    assert (told["counted"], told["items"][0]["turned_away"]) == ("at_close", 3)
    draft = await draft_sale(shop)
    assert (await desk.get(f"{SALES}/{draft.id}/demand")).json()["counted"] == "unknown"


async def test_a_sale_is_copied_and_kept_as_a_template(desk, shop):
    old = await open_sale(shop, units=[3])
    copied = await desk.post(f"{SALES}/{old.id}/copy", json={"title": "Again", "opens_at": at(shop, days=1)})
    assert (copied.status_code, copied.json()["left_out"]) == (201, [])
    assert (copied.json()["sale"]["title"], copied.json()["sale"]["state"]) == ("Again", "draft")
    assert (await desk.post(f"{SALES}/{old.id}/copy")).json()["sale"]["title"] == "Brushes at nine"
    template = (await desk.post(f"{SALES}/{old.id}/template", json={"title": "Mondays"})).json()
    assert [item["units"] for item in template["items"]] == [3]
    (page,) = await pages_of(desk, TEMPLATES, "templates")
    assert page == [template]
    made = await desk.post(f"{TEMPLATES}/{template['id']}/sales", json={"rehearsal": True})
    assert (made.status_code, made.json()["sale"]["title"], made.json()["sale"]["rehearsal"]) == (201, "Mondays", True)
    assert (await desk.post(f"{TEMPLATES}/{template['id']}/archive")).status_code == 204
    assert (await desk.get(TEMPLATES)).json()["templates"] == []


async def test_nobody_reaches_what_is_anothers_and_analysts_only_read(desk, shop):
    sale = await open_sale(shop)
    template = (await desk.post(f"{SALES}/{sale.id}/template")).json()
    calls = [
        ("GET", f"{SALES}/{sale.id}/demand"),
        *(("POST", f"{SALES}/{sale.id}/{name}") for name in ("copy", "template", "archive")),
        *(("POST", f"{TEMPLATES}/{template['id']}/{name}") for name in ("sales", "archive")),
    ]
    for method, path in calls:
        assert (await desk.request(method, path, headers={"authorization": ""})).status_code == 401
        foreign = await desk.request(method, path, headers=THEIRS)
        missing = path.replace(sale.id, ABSENT).replace(template["id"], ABSENT)
        absent = await desk.request(method, missing)
        assert foreign.status_code == absent.status_code == 404, path
        assert foreign.json() == absent.json()
        for role in (Role.ANALYST, Role.HOST):
            answer = await desk.request(method, path, headers=as_role(role))
            assert answer.status_code == (200 if method == "GET" else 403), path
    for body in ({"title": ""}, {"kind": "shelf"}, {"opens_at": "soon"}, {"closes_at": "2020-01-01T00:00:00Z"}):
        assert (await desk.post(f"{SALES}/{sale.id}/copy", json=body)).status_code == 400, body
    assert len(await listed(desk)) == 1


async def test_viewers_ask_again_cheaply_and_learn_the_time(desk, shop):
    sale = await open_sale(shop, units=[7])
    path = f"/v1/sales/{sale.id}"
    seen = await desk.get(path, headers={"authorization": ""})
    assert (seen.headers["cache-control"], seen.json()["items"][0]["left"]) == ("public, max-age=1", 7)
    shop.clock.advance(s=5)
    again = await desk.get(path, headers={"if-none-match": seen.headers["etag"]})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", seen.headers["etag"])
    assert again.headers["server-time"] == "2027-01-15T08:00:05.000Z"
    assert (await desk.get(path, headers={"if-none-match": 'W/"other"'})).status_code == 200
