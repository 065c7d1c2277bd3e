"""Credit over HTTP: buyers and staff are told why, and rules that make no sense are refused."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from keel.clock import rfc3339
from referrals.judging import Judge
from referrals.model import new_code
from tests.inventory.selling import open_sale
from tests.orders.serving import STAFF, problem_of, serve
from tests.referrals.test_routes import NAME, Street

BY = {"authorization": f"Bearer {STAFF}"}
RULES = "/v1/staff/attribution/rules"


@pytest.fixture
async def street(database_url: str, redis_url: str) -> AsyncIterator[Street]:
    async with serve(database_url, redis_url) as served:
        yield Street(served)


async def ordered(street: Street, who: dict[str, str], code: str | None) -> str:
    """A real order of somebody."""
    sale = await open_sale(street.served.shop, units=[9])
    wish = street.served.wish(sale, 1, **({} if code is None else {"share_code": code}))
    answer = await street.served.order(sale, wish, headers=who)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def judged(street: Street) -> None:
    parts = street.served.parts
    street.served.shop.clock.advance(s=3)
    await street.touches()
    await parts.touches.tick()
    await Judge(parts.pool, parts.ids, parts.clock).tick()


async def why(street: Street, order_id: str, who: dict[str, str], prefix: str = "/v1") -> dict[str, Any]:
    answer = await street.served.client.get(f"{prefix}/orders/{order_id}/attribution", headers=who)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def test_a_buyer_is_told_who_brought_him_who_else_and_why_not(street: Street):
    hua, lan, buyer = [await street.person() for _ in range(3)]
    room_id = await street.room()
    codes = [(await street.shared(who, room_id))["code"] for who in (lan, hua)]
    await street.served.parts.pool.execute(NAME)
    await street.comes(buyer, codes[0])
    order_id = await ordered(street, buyer, codes[1])
    pending = await why(street, order_id, buyer)
    assert (pending["state"], pending["credits"], pending["rule"]) == ("pending", [], None)
    await judged(street)
    told = await why(street, order_id, buyer)
    assert (told["state"], told["reason"]) == ("credited", "last_touch")
    assert told["words"] == "The buyer came last through a link of Hua."
    assert told["credits"] == [{"sharer_name": "Hua", "part": 1_000_000, "touched_at": told["placed_at"]}]
    (other,) = told["others"]
    assert (other["why"], other["words"]) == ("not_last", "Somebody else brought the buyer later.")
    assert told["rule"]["words"] == "A visit counts for 7 days; nobody is protected."
    assert told["code"]["state"] == "good"
    assert "sharer_id" not in str(told)
    to_staff = await why(street, order_id, BY, "/v1/staff")
    assert to_staff["credits"][0]["amount"] == told["total"]
    assert to_staff["credits"][0]["chain"] == [to_staff["credits"][0]["share_id"]]


async def test_a_code_that_is_none_stops_no_order_and_is_explained(street: Street):
    buyer = await street.person()
    orders = [await ordered(street, buyer, code) for code in (new_code(), "not a code")]
    await judged(street)
    for order_id in orders:
        told = await why(street, order_id, buyer)
        assert (told["state"], told["reason"], told["code"]["state"]) == ("none", "code_unknown", "unknown")


async def test_nobody_is_told_of_others_orders(street: Street):
    buyer, stranger = await street.person(), await street.person()
    order_id = await ordered(street, buyer, None)
    answer = await street.served.client.get(f"/v1/orders/{order_id}/attribution", headers=stranger)
    problem_of(answer, 404, "not-found")


@pytest.mark.parametrize(
    "wish",
    [
        {},
        {"model": "best_touch"},
        {"model": "last_touch", "valid_for_s": 59},
        {"model": "last_touch", "valid_for_s": "3600"},
        {"model": "last_touch", "valid_for_s": 3_600, "protected_for_s": 3_601},
        {"model": "last_touch", "protected_for_s": -1},
        {"model": "permanent_bind", "valid_for_s": 3_600},
        {"model": "linear", "levels": 3},
        {"model": "linear", "campaign": "No Such Name"},
        {"model": "linear", "in_force_at": "tomorrow"},
    ],
)
async def test_a_rule_that_makes_no_sense_is_refused(street: Street, wish: dict[str, Any]):
    problem_of(await street.served.client.post(RULES, json=wish, headers=BY), 400, "malformed")
    assert (await street.served.client.get(RULES, headers=BY)).json() == {"rules": [], "next": None}


async def test_a_rule_is_set_and_shown(street: Street):
    wish = {"model": "first_touch", "valid_for_s": 86_400, "protected_for_s": 3_600, "self_purchase": "hold"}
    made = await street.served.client.post(RULES, json=wish | {"version": 0}, headers=BY)
    assert made.status_code == 201, made.text
    assert made.json() | wish == made.json()
    again = await street.served.client.post(RULES, json=wish | {"version": 0}, headers=BY)
    problem_of(again, 409, "conflict")
    assert (await street.served.client.get(RULES, headers=BY)).json()["rules"] == [made.json()]


async def test_a_simulation_is_a_job_and_has_bounds(street: Street):
    path, rule = "/v1/staff/attribution/simulations", {"model": "linear"}
    head = BY | {"idempotency-key": "a"}
    now_ms = street.served.shop.clock.ms()
    for wish in ({"rule": rule}, {"rule": rule, "placed_from": rfc3339(now_ms), "placed_to": rfc3339(now_ms)}):
        problem_of(await street.served.client.post(path, json=wish, headers=head), 400, "malformed")
    answer = await street.served.client.post(path, json={"rule": rule, "placed_from": rfc3339(now_ms)}, headers=head)
    assert (answer.status_code, answer.json()["state"]) == (202, "waiting")
    shown = await street.served.client.get(answer.headers["location"], headers=BY)
    assert shown.json()["kind"] == "attribution.simulation"
