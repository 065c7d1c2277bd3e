"""People over HTTP, as the API serves it: a day of work, guests who order, bad input, and limits."""

import asyncio
from typing import Any

import httpx
import pytest
from fastapi.routing import APIRoute

from accounts.limits import ADDRESS_BURST, EMAIL_BURST
from accounts.routes_staff import router
from accounts.tokens import ACCESS_TTL_S, LEEWAY_S
from tests.accounts.shops import HUA, PASSWORD
from tests.eventually import eventually_async
from tests.inventory.selling import Sale, open_sale
from tests.orders.serving import STAFF, Served, problem_of, serve

OWNER = {"authorization": f"Bearer {STAFF}"}
HOST: dict[str, Any] = {"email": HUA, "name": "Hua", "role": "host"}


@pytest.fixture
async def served(database_url, redis_url):
    async with serve(database_url, redis_url, demo_sign_in=True) as served:
        yield served


def bearer(pair: dict[str, Any]) -> dict[str, str]:
    return {"authorization": f"Bearer {pair['access_token']}"}


async def post(served: Served, path: str, body: Any = None, **headers: str) -> httpx.Response:
    """What staff are told in the end: a 503 says to come again."""

    async def told() -> httpx.Response | None:
        answer = await served.client.post(f"/v1{path}", json=body, headers=headers)
        return None if answer.status_code == 503 else answer

    answer = await eventually_async(told)
    assert answer is not None
    return answer


async def host_of(served: Served) -> dict[str, Any]:
    """A host who was invited and is in."""
    invited = (await post(served, "/staff/members", HOST, **OWNER)).json()
    accepted = await post(served, "/staff/accept", {"invitation": invited["invitation"], "password": PASSWORD})
    pair: dict[str, Any] = accepted.json()
    return pair


async def app_of(served: Served) -> str:
    app = await post(served, "/staff/apps", {"provider": "demo", "app_id": "pond"}, **OWNER)
    return str(app.json()["id"])


async def test_a_day_of_a_host(served):
    host = await host_of(served)
    me = (await served.client.get("/v1/staff/me", headers=bearer(host))).json()
    assert me == {"subject": host["staff_id"], "merchant_id": served.shop.staff.merchant_id, "role": "host"}
    login = await post(served, "/staff/login", {"email": "HUA@pond.cn", "password": PASSWORD})
    assert login.json()["expires_in_s"] == ACCESS_TTL_S
    assert (await served.client.get("/v1/staff/merchant", headers=bearer(host))).json()["name"] == "A pond"
    sale = await open_sale(served.shop, units=[3])
    paused = await post(served, f"/staff/sales/{sale.id}/pause", **bearer(host))
    assert paused.json()["state"] == "paused"
    problem_of(await served.client.get("/v1/staff/members", headers=bearer(host)), 403, "forbidden")
    audit = (await served.client.get("/v1/staff/audit", headers=OWNER, params={"count": 3})).json()
    assert audit["next"] == audit["commands"][-1]["id"]
    audit = (await served.client.get("/v1/staff/audit", headers=OWNER, params={"count": 100})).json()
    assert (host["staff_id"], "sale.pause") in [(row["actor"], row["command"]) for row in audit["commands"]]
    assert audit["next"] is None

    refreshed = (await post(served, "/staff/refresh", {"refresh_token": host["refresh_token"]})).json()
    assert refreshed["role"] == "host"
    body = {"refresh_token": refreshed["refresh_token"]}
    assert (await post(served, "/staff/logout", body)).status_code == 204
    problem_of(await post(served, "/staff/refresh", body), 401, "sign-in-refused")


async def order_and_sign_in(served: Served, app_id: str, sale: Sale, name: str) -> tuple[str, dict[str, Any]]:
    """The id of an order that a guest placed, and the pair of the customer whom the guest turned out to be."""
    guest = (await post(served, "/auth/guest", {"app_id": app_id})).json()
    order_id = (await served.order(sale, headers=bearer(guest))).json()["id"]
    signed_in = await post(served, "/auth/login", {"app_id": app_id, "code": name}, **bearer(guest))
    return order_id, signed_in.json()


async def test_a_guest_orders_signs_in_and_still_has_the_order(served):
    app_id, sale = await app_of(served), await open_sale(served.shop, units=[9])
    known = (await post(served, "/auth/login", {"app_id": app_id, "code": "hua"})).json()
    new, mei = await order_and_sign_in(served, app_id, sale, "mei")
    old, hua = await order_and_sign_in(served, app_id, sale, "hua")
    assert hua["customer_id"] == known["customer_id"]
    for order_id, mine in ((new, bearer(mei)), (old, bearer(hua))):
        assert (await served.client.get(f"/v1/orders/{order_id}", headers=mine)).status_code == 200
        listed = (await served.client.get("/v1/orders", headers=mine)).json()["orders"]
        assert [order["id"] for order in listed] == [order_id]
        assert (await served.client.post(f"/v1/orders/{order_id}/cancel", headers=mine)).json()["state"] == "cancelled"
    problem_of(await served.client.get(f"/v1/orders/{old}", headers=bearer(mei)), 404, "not-found")


async def test_who_is_shut_out_can_do_nothing_within_five_seconds_on_any_process(served, database_url, redis_url):
    app_id, sale, host = await app_of(served), await open_sale(served.shop, units=[9]), await host_of(served)
    guest = (await post(served, "/auth/guest", {"app_id": app_id})).json()
    assert (await served.order(sale, headers=bearer(guest))).status_code == 201
    assert (await post(served, f"/staff/customers/{guest['customer_id']}/block", **OWNER)).status_code == 204
    assert (await post(served, f"/staff/members/{host['staff_id']}/disable", **OWNER)).status_code == 200

    async def both_are_out() -> bool:
        order = await served.order(sale, headers=bearer(guest))
        me = await served.client.get("/v1/staff/me", headers=bearer(host))
        return (order.status_code, me.status_code) == (401, 401)

    await eventually_async(both_are_out, within_s=5)
    problem_of(await post(served, "/staff/login", {"email": HUA, "password": PASSWORD}), 401, "sign-in-refused")
    problem_of(await post(served, "/auth/refresh", {"refresh_token": guest["refresh_token"]}), 401, "sign-in-refused")


async def test_a_login_that_brings_a_bad_token_is_refused_and_its_code_stays_good(served):
    app_id = await app_of(served)
    guest = (await post(served, "/auth/guest", {"app_id": app_id})).json()
    served.shop.clock.advance(s=ACCESS_TTL_S + LEEWAY_S)
    wish = {"app_id": app_id, "code": "hua"}
    problem_of(await post(served, "/auth/login", wish, **bearer(guest)), 401, "not-signed-in")
    fresh = (await post(served, "/auth/refresh", {"refresh_token": guest["refresh_token"]})).json()
    signed_in = (await post(served, "/auth/login", wish, **bearer(fresh))).json()
    assert signed_in["customer_id"] == guest["customer_id"]
    body = {"refresh_token": signed_in["refresh_token"], "everywhere": True}
    assert (await post(served, "/auth/logout", body)).status_code == 204


async def test_guessing_is_slowed_down_by_e_mail_and_by_address(served):
    guess = {"email": HUA, "password": "guess"}
    answers = await asyncio.gather(*(post(served, "/staff/login", guess) for _ in range(EMAIL_BURST + 1)))
    assert sorted(answer.status_code for answer in answers) == [401] * EMAIL_BURST + [429]
    left = ADDRESS_BURST - EMAIL_BURST - 1
    others = [guess | {"email": f"{n}@pond.cn"} for n in range(left + 13)]  # some more than come back meanwhile
    answers = await asyncio.gather(*(post(served, "/staff/login", other) for other in others))
    slowed = [answer for answer in answers if answer.status_code == 429]
    assert len(slowed) >= 3
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in slowed)


async def test_without_a_provider_nobody_signs_in_by_name(database_url, redis_url):
    async with serve(database_url, redis_url) as served:
        wish = {"provider": "demo", "app_id": "pond"}
        problem_of(await post(served, "/staff/apps", wish, **OWNER), 409, "conflict")


LOGIN: dict[str, Any] = {"email": HUA, "password": PASSWORD}
TOKEN = "A" * 86
BAD: list[tuple[str, Any]] = [
    *(
        ("/staff/login", LOGIN | {"email": bad})
        for bad in ("", "hua", "a@b\n", "a b@c", "@", "x" * 300 + "@a", 7, None)
    ),
    *(("/staff/login", LOGIN | {"password": bad}) for bad in ("", "x" * 201, "a\x00", 7, None, ["a"])),
    *(("/staff/login", LOGIN | {"merchant_id": bad}) for bad in ("x", 7, "' OR 1=1 --")),
    ("/staff/login", LOGIN | {"role": "owner"}),
    *(("/staff/refresh", {"refresh_token": bad}) for bad in ("", TOKEN + "A", TOKEN[1:], "é" * 86, None, 1)),
    ("/staff/logout", {"refresh_token": TOKEN, "everywhere": "yes"}),
    *(("/staff/accept", {"invitation": "A" * 43, "password": bad}) for bad in ("short", "x" * 201)),
    ("/staff/accept", {"invitation": "A" * 44, "password": PASSWORD}),
    *(("/staff/members", HOST | {"name": bad}) for bad in ("", "  ", "a\x1b", "x" * 201)),
    *(("/staff/members", HOST | {"role": bad}) for bad in ("root", "Owner", None)),
    *(("/staff/apps", {"provider": bad, "app_id": "x"}) for bad in ("", "Demo", "x" * 33)),
    *(("/auth/login", {"app_id": TOKEN, "code": "hua"}), ("/auth/guest", {}), ("/auth/guest", [])),
    ("/staff/members/x/disable", None),
]


async def test_bad_input_is_a_clear_problem_that_repeats_no_secret_and_nothing_is_stored(served):
    for path, body in BAD:
        answer = await post(served, path, body, **(OWNER if path.startswith("/staff") else {}))
        problem_of(answer, 400, "malformed")
        assert PASSWORD not in answer.text
        assert TOKEN not in answer.text
    for table in ("staff", "sign_in", "app", "customer", "staff_audit"):
        assert await served.shop.rows(f"SELECT * FROM {table}") == []


def test_no_route_of_staff_can_be_taken_for_one_of_its_members():
    paths = [route.path for route in router.routes if isinstance(route, APIRoute)]
    assert all(path.startswith("/v1/staff/") for path in paths)
    assert len(paths) == len(router.routes)
