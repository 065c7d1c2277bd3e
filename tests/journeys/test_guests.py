"""Somebody who comes as a guest again and again finds what the first of them ordered, once they say who they are."""

from typing import Any

from accounts.tokens import WAS_MAX
from tests.inventory.selling import open_sale
from tests.orders.serving import STAFF, Served, serve


async def post(served: Served, path: str, body: dict[str, Any], token: str = "") -> dict[str, Any]:
    headers = {"authorization": f"Bearer {token}"} if token else {}
    answer = await served.client.post(path, json=body, headers=headers)
    assert answer.status_code < 300, answer.text
    said: dict[str, Any] = answer.json()
    return said


async def test_the_orders_of_one_of_many_guests_are_not_lost_behind_those_who_only_looked(database_url, redis_url):
    async with serve(database_url, redis_url, demo_sign_in=True) as served:
        sale = await open_sale(served.shop)
        app_id = (await post(served, "/v1/staff/apps", {"provider": "demo", "app_id": "pond"}, STAFF))["id"]
        hua = await post(served, "/v1/auth/login", {"app_id": app_id, "code": "hua"})
        placed = ""
        for n in range(WAS_MAX + 3):
            guest = await post(served, "/v1/auth/guest", {"app_id": app_id})
            if n == 0:
                headers = {"authorization": f"Bearer {guest['access_token']}", "idempotency-key": "mine"}
                path, wish = f"/v1/sales/{sale.id}/orders", served.wish(sale)
                placed = (await served.client.post(path, json=wish, headers=headers)).json()["id"]
            hua = await post(served, "/v1/auth/login", {"app_id": app_id, "code": "hua"}, guest["access_token"])
        for tokens in (hua, await post(served, "/v1/auth/refresh", {"refresh_token": hua["refresh_token"]})):
            headers = {"authorization": f"Bearer {tokens['access_token']}"}
            found = (await served.client.get("/v1/orders", headers=headers)).json()
            assert [order["id"] for order in found["orders"]] == [placed]
