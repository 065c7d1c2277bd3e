"""How each route is asked so that only the role decides: a body that is good, where one is needed.

A route that is not named here is asked without a body. Whoever adds a route adds its row to docs/roles.md, and its body
here where it needs one; a new kind of path parameter goes into `things` of worlds.py.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from tests.accounts.shops import PASSWORD
from tests.journeys.worlds import World

Body = dict[str, Any]


@dataclass(frozen=True)
class Call:
    """A request's body, fixed or made for each request, its further headers, and parameters other than the usual."""

    body: Body | Callable[[World], Body] | Callable[[World], Awaitable[Body]] | None = None
    headers: Callable[[World], dict[str, str]] = lambda _: {}
    things: dict[str, str] | None = None

    async def body_for(self, world: World) -> Body | None:
        made = self.body(world) if callable(self.body) else self.body
        return await made if isinstance(made, Awaitable) else made

    def path(self, template: str, world: World) -> str:
        """The path with things of the first merchant. A KeyError names a parameter that worlds.py does not have."""
        named = {name: world.things[thing] for name, thing in (self.things or {}).items()}
        return template.format_map(world.things | named)


def sku(world: World) -> Body:
    return {"title": "Brush", "code": world.served.shop.next_code(), "price": 1, "currency": "CNY"}


def invitee(world: World) -> Body:
    return {"email": f"a{world.served.shop.ids.new()}@pond.cn", "name": "Hua", "role": "host"}


async def item(world: World) -> Body:
    created = await world.served.client.post(
        "/v1/staff/skus", json=sku(world), headers=world.header(world.own, "owner")
    )
    return {"sku_id": created.json()["id"], "price": 1, "units": 0}


async def staff_refresh(world: World) -> Body:
    return {"refresh_token": (await world.member()).refresh}


async def guest_refresh(world: World) -> Body:
    return {"refresh_token": (await world.guest()).refresh}


async def accept(world: World) -> Body:
    return {"invitation": await world.invitation(), "password": PASSWORD}


DRAFT: Final = {"sale_id": "draft_id"}

CALLS: Final[dict[str, Call]] = {
    "POST /v1/sales/{sale_id}/orders": Call(
        lambda world: world.served.wish(world.sale), headers=lambda world: {"idempotency-key": world.people.ids.new()}
    ),
    "POST /v1/staff/skus": Call(sku),
    "POST /v1/staff/skus/{sku_id}/price": Call({"price": 1, "currency": "CNY"}),
    "POST /v1/staff/skus/{sku_id}/stock": Call({"receive": 1}),
    "POST /v1/staff/sales": Call({"title": "At nine", "currency": "CNY"}),
    "PATCH /v1/staff/sales/{sale_id}": Call({"title": "At ten"}),
    "POST /v1/staff/sales/{sale_id}/schedule": Call(things=DRAFT),
    "POST /v1/staff/sales/{sale_id}/items": Call(item, things=DRAFT),
    "PATCH /v1/staff/sales/{sale_id}/items/{item_id}": Call({"price": 2}),
    "POST /v1/staff/sales/{sale_id}/items/{item_id}/stock": Call({"add": 1}),
    "POST /v1/staff/login": Call({"email": "owner@pond.cn", "password": PASSWORD}),
    "POST /v1/staff/refresh": Call(staff_refresh),
    "POST /v1/staff/logout": Call(staff_refresh),
    "POST /v1/staff/accept": Call(accept),
    "POST /v1/staff/password": Call({"password": PASSWORD, "new_password": PASSWORD}),
    "POST /v1/staff/members": Call(invitee),
    "PATCH /v1/staff/members/{member_id}": Call({"role": "analyst"}),
    "POST /v1/staff/apps": Call(lambda world: {"provider": "demo", "app_id": world.people.ids.new()}),
    "POST /v1/auth/guest": Call(lambda world: {"app_id": world.own.app_id}),
    "POST /v1/auth/login": Call(lambda world: {"app_id": world.own.app_id, "code": "hua"}),
    "POST /v1/auth/refresh": Call(guest_refresh),
    "POST /v1/auth/logout": Call(guest_refresh),
}
