"""Another merchant's things, named where the matrix does not look: in a filter, in a body, below a thing of one's own.

The owner of the second merchant asks. What is of the first is for him as if it were nowhere.
"""

import asyncio
from dataclasses import replace
from typing import Any, Final

import httpx
import pytest

from inventory.importing import KIND, CatalogueImport
from keel.jobs import JobRunner
from orders.export_work import Exporter
from tests.inventory.selling import Sale, draft_sale, open_sale
from tests.journeys.worlds import ABSENT, CODE, World

pytestmark = pytest.mark.asyncio(loop_scope="module")

STAFF: Final = "/v1/staff"


async def ask(world: World, method: str, path: str, **sent: Any) -> httpx.Response:
    """A request by the second merchant's owner."""
    headers = world.header(world.other, "owner") | sent.pop("headers", {})
    return await world.served.client.request(method, STAFF + path, headers=headers, **sent)


def theirs(world: World) -> Any:
    """The shop, with the second merchant's staff in it."""
    return replace(world.served.shop, staff=world.other.by)


@pytest.mark.parametrize("name", ["sale_id", "customer_id", "item_id", "sku_id"], ids=lambda name: f"orders by {name}")
async def test_a_filter_by_anothers_thing_finds_no_orders(world, name):
    sold = {"sku_id": world.sale.sku_ids[0], "customer_id": world.own.customer.subject_id}
    wanted = {name: (world.things | sold)[name]}
    own = await world.served.client.get(f"{STAFF}/orders", params=wanted, headers=world.header(world.own, "owner"))
    assert own.json()["orders"], "there are such orders"
    assert (await ask(world, "GET", "/orders", params=wanted)).json()["orders"] == []
    asked = (await ask(world, "POST", "/orders/exports", json=wanted)).json()
    await Exporter(world.served.parts.sessions, world.served.shop.clock).tick(asyncio.Event())
    made = (await ask(world, "GET", f"/orders/exports/{asked['id']}")).json()
    assert (made["state"], made["rows_done"]) == ("done", 0)


@pytest.mark.parametrize("wanted", [("product_id", "product_id"), ("code", "code")], ids=lambda pair: pair[0])
async def test_a_filter_by_anothers_thing_finds_no_skus(world, wanted):
    parameter, thing = wanted
    answer = await ask(world, "GET", "/skus", params={parameter: world.things[thing]})
    assert (answer.status_code, answer.json()["skus"]) == (200, [])


async def test_a_filter_by_anothers_room_finds_no_sessions(world):
    answer = await ask(world, "GET", "/sessions", params={"room_id": world.things["room_id"]})
    assert (answer.status_code, answer.json()["sessions"]) == (200, [])


async def test_anothers_people_and_sales_cannot_be_brought_into_a_room_of_ones_own(world):
    room = (await ask(world, "POST", "/rooms", json={"title": "By the lake"})).json()
    session = (await ask(world, "POST", f"/rooms/{room['id']}/sessions", json={})).json()
    for path, thing, body in (
        (f"/rooms/{room['id']}/crew", "member_id", {"role": "cohost"}),
        (f"/sessions/{session['id']}/sales", "sale_id", None),
    ):
        there, nowhere = [
            await ask(world, "PUT", f"{path}/{name}", json=body) for name in (world.things[thing], ABSENT)
        ]
        assert (there.status_code, there.json()) == (nowhere.status_code, nowhere.json()), path
        assert there.status_code == 404


async def test_anothers_sku_cannot_be_put_on_sale(world):
    draft = await draft_sale(theirs(world), units=[])
    there, nowhere = [
        await ask(world, "POST", f"/sales/{draft.id}/items", json={"sku_id": sku_id, "price": 1, "units": 1})
        for sku_id in (world.things["sku_id"], ABSENT)
    ]
    assert (there.status_code, there.json()) == (nowhere.status_code, nowhere.json())
    assert there.status_code == 404


@pytest.mark.parametrize(
    ("method", "command", "body"),
    [("PATCH", "", {"price": 1}), ("POST", "/stock", {"add": 1}), ("POST", "/stock", {"take": 1})],
)
async def test_anothers_item_is_in_no_sale_of_ones_own(world, method, command, body):
    sale: Sale = await open_sale(theirs(world))
    item_ids = world.things["item_id"], ABSENT
    answers = [
        await ask(world, method, f"/sales/{sale.id}/items/{item_id}{command}", json=body) for item_id in item_ids
    ]
    assert {(answer.status_code, answer.text) for answer in answers} == {(404, answers[0].text)}


async def test_an_import_with_anothers_codes_leaves_their_catalogue_as_it_is(world):
    path = f"{STAFF}/products/{world.things['product_id']}"
    before = (await world.served.client.get(path, headers=world.header(world.own, "owner"))).json()
    file = f"code,title,price_minor_CNY,receive\r\n{CODE},Taken over,9,7\r\n"
    kind = {"content-type": "text/csv", "idempotency-key": "taken over"}
    asked = await ask(world, "POST", "/catalogue/import", content=file.encode(), headers=kind)
    done = await run_jobs(world, asked.json()["id"])
    assert (done["state"], done["result"].get("created")) == ("done", 1), done
    assert (await world.served.client.get(path, headers=world.header(world.own, "owner"))).json() == before


async def test_an_import_makes_no_variants_of_anothers_product(world):
    file = f"code,title,variant_of,price_minor_CNY\r\nA-1,Brush,{CODE}-TOO,9\r\n"
    kind = {"content-type": "text/csv", "idempotency-key": "variant"}
    created = await world.served.client.post(
        f"{STAFF}/skus",
        json={"title": "Brush", "code": f"{CODE}-TOO", "price": 1, "currency": "CNY"},
        headers=world.header(world.own, "owner"),
    )
    assert created.status_code == 201
    asked = await ask(world, "POST", "/catalogue/import", content=file.encode(), headers=kind)
    done = await run_jobs(world, asked.json()["id"])
    assert done["state"] == "refused", done
    assert [fault["column"] for fault in done["result"]["errors"]] == ["variant_of"], done
    assert await world.served.shop.rows("SELECT 1 FROM sku WHERE code = 'A-1'") == []


async def run_jobs(world: World, job_id: str) -> Any:
    """A worker's turn at all jobs that wait; what the second merchant's one came to."""
    parts = world.served.parts
    handlers = {KIND: CatalogueImport(world.served.shop.selling)}
    runner = JobRunner(parts.sessions, parts.clock, handlers, asyncio.Event())
    while await runner.tick():
        pass
    return (await ask(world, "GET", f"/jobs/{job_id}")).json()
