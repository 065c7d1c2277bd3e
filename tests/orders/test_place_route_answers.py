"""What buyers are told by a sale that cannot serve them: each refusal with its own type and its fields as data."""

from datetime import timedelta

import pytest

from inventory.items import edit_item
from inventory.running import close_sale, pause_sale, resume_sale
from keel.clock import rfc3339, to_ms
from orders.model import OrderState
from tests.inventory.selling import draft_sale, open_sale, scheduled_sale
from tests.orders.serving import Counter, Served, problem_of, serve

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_an_order_says_all_that_its_buyer_needs(served: Served):
    sale = await open_sale(served.shop, units=[10, 5])
    wish = served.wish(sale, 2, 1, expected_total=44_700, share_code="HUA1", ticket="later")
    wish["recipient"] = {"name": "华", "phone": "+86 1", "address": "一号 🏠"}
    answer = await served.order(sale, wish)
    order = answer.json()
    assert (answer.status_code, order["state"], order["total"]) == (201, OrderState.AWAITING_PAYMENT, 44_700)
    assert [(line["quantity"], line["unit_price"], line["amount"]) for line in order["lines"]] == [
        (2, 14_900, 29_800),
        (1, 14_900, 14_900),
    ]
    assert order["receipt"] == {"no": 1, "of": 15, "served_at": rfc3339(served.shop.clock.ms())}
    read = await served.client.get(f"/v1/orders/{order['id']}", headers=served.authorization())
    assert order.items() <= read.json().items(), "what was answered is what is stored"
    rows = await served.shop.rows("SELECT name, address FROM order_recipient WHERE order_id = :id", id=order["id"])
    assert rows == [{"name": "华", "address": "一号 🏠"}]


async def test_a_sale_that_costs_nothing_is_paid_at_once(served: Served):
    sale = await open_sale(served.shop, units=[1], price=0)
    assert (await served.order(sale)).json()["state"] == OrderState.PAID


async def test_too_early_it_says_when_and_what_time_it_is_here(served: Served):
    opens_at = served.shop.clock.now() + timedelta(seconds=60)
    sale = await scheduled_sale(served.shop, opens_at=opens_at, units=[3])
    served.shop.clock.advance(ms=59_999)
    problem = await Counter(served, sale).refuses(served.order(sale), 425, "not-open-yet")
    assert problem["opens_at"] == rfc3339(to_ms(opens_at))
    assert problem["server_time"] == rfc3339(to_ms(opens_at) - 1)
    served.shop.clock.advance(ms=1)
    assert (await served.order(sale)).status_code == 201


async def test_a_sale_armed_by_hand_does_not_say_when(served: Served):
    sale = await scheduled_sale(served.shop, units=[3])
    problem = await Counter(served, sale).refuses(served.order(sale), 425, "not-open-yet")
    assert "opens_at" not in problem


async def test_a_draft_does_not_sell(served: Served):
    sale = await draft_sale(served.shop, units=[3])
    before = await served.stored()
    answer = await served.order(sale)
    assert answer.status_code in (404, 503)
    assert answer.headers["content-type"] == "application/problem+json"
    assert await served.stored() == before


async def test_after_its_window_a_sale_has_ended_though_nobody_closed_it(served: Served):
    now = served.shop.clock.now()
    sale = await scheduled_sale(
        served.shop, opens_at=now + timedelta(seconds=1), closes_at=now + timedelta(seconds=2), units=[3]
    )
    served.shop.clock.advance(s=2)
    await Counter(served, sale).refuses(served.order(sale), 403, "sale-ended")


async def test_closed_it_refuses_the_new_and_remembers_the_old(served: Served):
    sale = await open_sale(served.shop, units=[3])
    key = served.shop.ids.new()
    first = await served.order(sale, key=key)
    await close_sale(served.shop.selling, served.shop.staff, sale.id)
    await Counter(served, sale).refuses(served.order(sale), 403, "sale-ended")
    again = await served.order(sale, key=key)
    assert (again.status_code, again.json()["id"]) == (200, first.json()["id"])
    reused = served.order(sale, served.wish(sale, 2), key=key)
    await Counter(served, sale).refuses(reused, 422, "idempotency-key-reused")


async def test_paused_it_says_when_to_come_back_and_goes_on_later(served: Served):
    sale = await open_sale(served.shop, units=[3])
    await pause_sale(served.shop.selling, served.shop.staff, sale.id)
    problem = await Counter(served, sale).refuses(served.order(sale), 403, "sale-paused")
    assert problem["retry_after_s"] > 0
    await resume_sale(served.shop.selling, served.shop.staff, sale.id)
    assert (await served.order(sale)).status_code == 201


async def test_sold_out_says_what_is_left_and_a_retry_of_the_winner_still_wins(served: Served):
    sale = await open_sale(served.shop, units=[3])
    key = served.shop.ids.new()
    assert (await served.order(sale, served.wish(sale, 2), key=key)).status_code == 201
    counter = Counter(served, sale)
    problem = await counter.refuses(served.order(sale, served.wish(sale, 2)), 409, "sold-out")
    assert (problem["item_id"], problem["left"], problem["served"]) == (sale.item_ids[0], 1, 1)
    assert (await served.order(sale, served.wish(sale, 2), key=key)).status_code == 200
    assert (await served.order(sale)).status_code == 201


async def test_a_refusal_is_not_remembered_so_the_same_key_may_try_again(served: Served):
    sale = await open_sale(served.shop, units=[3])
    key = served.shop.ids.new()
    await Counter(served, sale).refuses(served.order(sale, served.wish(sale, 4), key=key), 409, "sold-out")
    assert (await served.order(sale, served.wish(sale, 3), key=key)).status_code == 201


async def test_an_order_of_several_lines_is_all_or_nothing(served: Served):
    sale = await open_sale(served.shop, units=[9, 1])
    problem = await Counter(served, sale).refuses(served.order(sale, served.wish(sale, 5, 2)), 409, "sold-out")
    assert problem["item_id"] == sale.item_ids[1]


@pytest.mark.parametrize(("limits", "names_item"), [({"limit": 2}, False), ({"item_limit": 2}, True)])
async def test_over_the_limit_says_which_and_how_many_there_were(served: Served, limits, names_item):
    sale = await open_sale(served.shop, units=[9], **limits)
    assert (await served.order(sale)).status_code == 201
    problem = await Counter(served, sale).refuses(served.order(sale, served.wish(sale, 2)), 409, "over-limit")
    assert (problem["limit"], problem["bought"]) == (2, 1)
    assert problem.get("item_id") == (sale.item_ids[0] if names_item else None)
    assert (await served.order(sale, served.wish(sale, 2), customer_id=served.shop.ids.new())).status_code == 201


async def test_another_price_than_expected_is_said_before_anything_is_kept(served: Served):
    sale = await open_sale(served.shop, units=[9])
    counter = Counter(served, sale)
    for expected in (14_899, 0, 2**63 - 1):
        wish = served.wish(sale, 1, expected_total=expected)
        problem = await counter.refuses(served.order(sale, wish), 409, "price-changed")
        assert (problem["expected_total"], problem["total"], problem["currency"]) == (expected, 14_900, "CNY")
    await edit_item(served.shop.selling, served.shop.staff, sale.id, sale.item_ids[0], {"price": 9_900})
    wish = served.wish(sale, 1, expected_total=14_900)
    problem = await counter.refuses(served.order(sale, wish), 409, "price-changed")
    assert problem["total"] == 9_900
    assert (await served.order(sale, served.wish(sale, 1, expected_total=9_900))).status_code == 201


async def test_a_customer_who_asks_too_often_is_told_when_to_come_back(database_url, flushable_redis_url):
    async with serve(database_url, flushable_redis_url, rate_customer_burst=2, rate_customer_per_s=0.1) as served:
        sale = await open_sale(served.shop, units=[9])
        assert [(await served.order(sale)).status_code for _ in range(2)] == [201, 201]
        counter = Counter(served, sale)
        problem = await counter.refuses(served.order(sale), 429, "too-many-requests")
        assert 0 < problem["retry_after_s"] <= 10
        answer = await served.order(sale, b"{")
        assert 1 <= int(answer.headers["retry-after"]) <= 10
        assert (await served.order(sale, customer_id=served.shop.ids.new())).status_code == 201, "others are served"


async def test_an_address_that_asks_too_often_is_told_so_before_its_token_is_looked_at(
    database_url, flushable_redis_url
):
    async with serve(database_url, flushable_redis_url, rate_address_burst=3, rate_address_per_s=0.1) as served:
        sale = await open_sale(served.shop, units=[9])
        nobody = {"authorization": "Bearer x"}
        for _ in range(3):
            problem_of(await served.order(sale, headers=nobody), 401, "not-signed-in")
        answer = await served.order(sale, headers=nobody)
        problem_of(answer, 429, "too-many-requests")
        assert 1 <= int(answer.headers["retry-after"]) <= 10
