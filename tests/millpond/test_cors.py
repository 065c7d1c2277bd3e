"""Pages of other origins may call the API where the settings name them, on placement as well; nobody else's may."""

import pytest
from pydantic import ValidationError

from millpond.cors import with_origins
from millpond.settings import Settings
from tests.inventory.selling import open_sale
from tests.orders.serving import serve

SHOP, STRANGER = "https://shop.example", "https://stranger.example"
ASKED = {"access-control-request-method": "POST", "access-control-request-headers": "authorization,idempotency-key"}


async def test_a_page_of_a_named_origin_may_ask_and_a_strangers_may_not(database_url, redis_url):
    async with serve(database_url, redis_url, cors_origins=[SHOP]) as served:
        sale = await open_sale(served.shop, units=[2])
        for path in (served.path(sale), "/v1/orders", "/v1/staff/sales"):
            allowed = await served.client.options(path, headers=ASKED | {"origin": SHOP})
            assert allowed.status_code == 200
            assert allowed.headers["access-control-allow-origin"] == SHOP
            assert "POST" in allowed.headers["access-control-allow-methods"]
            assert "Idempotency-Key" in allowed.headers["access-control-allow-headers"]
            refused = await served.client.options(path, headers=ASKED | {"origin": STRANGER})
            assert refused.status_code == 400
            assert "access-control-allow-origin" not in refused.headers

        placed = await served.order(sale, headers={"origin": SHOP})
        assert placed.status_code == 201
        assert placed.headers["access-control-allow-origin"] == SHOP
        assert "Idempotency-Replayed" in placed.headers["access-control-expose-headers"]
        sold_out = await served.order(sale, served.wish(sale, 9), headers={"origin": SHOP})
        assert (sold_out.status_code, sold_out.headers["access-control-allow-origin"]) == (409, SHOP)
        assert "access-control-allow-credentials" not in placed.headers


async def test_by_default_no_page_of_another_origin_may(database_url, redis_url):
    async with serve(database_url, redis_url) as served:
        answer = await served.client.options("/v1/orders", headers=ASKED | {"origin": SHOP})
        assert answer.status_code == 405
        assert "access-control-allow-origin" not in answer.headers


async def test_without_origins_nothing_is_put_in_front():
    async def app(scope, receive, send): ...

    assert with_origins(app, []) is app


@pytest.mark.parametrize("origin", ["*", "shop.example", "https://shop.example/", "https://*.example", "null", ""])
def test_an_origin_is_a_scheme_and_a_host(origin):
    with pytest.raises(ValidationError):
        Settings(cors_origins=[origin])
