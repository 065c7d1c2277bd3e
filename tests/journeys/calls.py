"""How each route is asked so that only the role decides: a body that is good, where one is needed.

A route that is not named here is asked without a body. Whoever adds a route adds its row to docs/roles.md, and its body
here where it needs one; a new kind of path parameter goes into `things` of worlds.py.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from inventory.copying import save_template
from inventory.running import close_sale
from live.model import CrewRole
from live.moderation import silence
from live.rooms import put_crew
from live.sessions import NewSession, link_sale, plan_session
from live.studio import Studio
from live.talk_rules import Silence
from live.word_filter import Action
from live.wording import WordWish, add_words, list_words
from orders.exporting import ask_export
from orders.filters import OrderFilter
from orders.handling import Handling
from tests.accounts.shops import PASSWORD
from tests.inventory.selling import draft_sale, make_sku, open_sale
from tests.journeys.worlds import ABSENT, World

Body = dict[str, Any]
Made = str | Callable[[World], Awaitable[str]]


@dataclass(frozen=True)
class Call:
    """A request's body, fixed or made for each request, its further headers and query, and other things than the usual.

    A thing that is made is made for each request: one that can be done to only once.
    """

    body: Body | bytes | Callable[[World], Body] | Callable[[World], Awaitable[Body]] | None = None
    headers: Callable[[World], dict[str, str]] = lambda _: {}
    query: dict[str, str] | None = None
    things: dict[str, Made] | None = None

    async def sent(self, world: World) -> dict[str, Any]:
        """What goes with the path, but for the headers."""
        made = self.body(world) if callable(self.body) else self.body
        body = await made if isinstance(made, Awaitable) else made
        return {"content" if isinstance(body, bytes) else "json": body, "params": self.query}

    async def path(self, template: str, world: World) -> str:
        """The path with things of the first merchant. A KeyError names a parameter that worlds.py does not have."""
        named = {
            name: world.things[thing] if isinstance(thing, str) else await thing(world)
            for name, thing in (self.things or {}).items()
        }
        return template.format_map(world.things | named)


def variant(world: World) -> Body:
    return {"code": world.served.shop.next_code(), "price": 1, "currency": "CNY"}


def sku(world: World) -> Body:
    return {"title": "Brush"} | variant(world)


def product(world: World) -> Body:
    return {"title": "Brush", "skus": [variant(world)]}


def fresh_key(world: World) -> dict[str, str]:
    return {"idempotency-key": world.people.ids.new()}


def invitee(world: World) -> Body:
    return {"email": f"a{world.served.shop.ids.new()}@pond.cn", "name": "Hua", "role": "host"}


async def item(world: World) -> Body:
    created = await world.served.client.post(
        "/v1/staff/skus", json=sku(world), headers=world.header(world.own, "owner")
    )
    return {"sku_id": created.json()["id"], "price": 1, "units": 0}


async def sku_to_archive(world: World) -> str:
    return await make_sku(world.served.shop)


async def template_to_archive(world: World) -> str:
    return (await save_template(world.served.shop.selling, world.own.by, world.sale.id, None)).id


async def sale_to_archive(world: World) -> str:
    shop = world.served.shop
    sale = await open_sale(shop)
    await close_sale(shop.selling, shop.staff, sale.id)
    await shop.ledger.settle(sale.id, 0, shop.clock.now())
    return sale.id


async def file_to_delete(world: World) -> str:
    shop, somebody = world.served.shop, replace(world.own.by, subject=world.people.ids.new())
    handling = Handling(world.served.parts.sessions, shop.ids, shop.clock, ())
    return (await ask_export(handling, somebody, OrderFilter(), plain=False)).id


async def session_to_move(world: World) -> str:
    here = world.served.parts.studio()
    return (await plan_session(here, world.own.by, world.things["room_id"], NewSession(rehearsal=True))).row.id


async def crew_to_leave(world: World) -> str:
    member_id = (await world.member()).subject_id
    here, room_id = world.served.parts.studio(), world.things["room_id"]
    await put_crew(here, world.own.by, room_id, member_id, CrewRole.MODERATOR)
    return member_id


async def sale_to_take_out(world: World) -> str:
    here, sale = world.served.parts.studio(), await draft_sale(world.served.shop)
    await link_sale(here, world.served.parts.book, world.own.by, world.things["session_id"], sale.id)
    return sale.id


async def silence_to_lift(world: World) -> str:
    shop, viewer_id = world.served.shop, world.served.shop.ids.new()
    studio, room_id = Studio(shop.selling), world.things["room_id"]
    row = await silence(studio, world.own.by, room_id, viewer_id, Silence.MUTE, for_s=60, reason=None)
    return row.id


async def word_to_remove(world: World) -> str:
    studio, by = Studio(world.served.shop.selling), world.own.by
    await add_words(studio, by, [WordWish(f"word {world.served.shop.ids.new()}", Action.REFUSE)])
    return (await list_words(studio, by, below=None, count=1))[0].id


async def poster_template(world: World) -> Body:
    standing = await world.served.client.get("/v1/staff/poster-template", headers=world.header(world.own, "owner"))
    return {"version": standing.json()["version"], "headline": "At nine"}


async def staff_refresh(world: World) -> Body:
    return {"refresh_token": (await world.member()).refresh}


async def guest_refresh(world: World) -> Body:
    return {"refresh_token": (await world.guest()).refresh}


async def accept(world: World) -> Body:
    return {"invitation": await world.invitation(), "password": PASSWORD}


DRAFT: Final[dict[str, Made]] = {"sale_id": "draft_id"}
UNPAID: Final[dict[str, Made]] = {"order_id": "unpaid_id"}  # the customer cancels the other one
RECIPIENT: Final = {"name": "Lan", "phone": "+86 139 0000 0000", "address": "1 Lake Road"}

CALLS: Final[dict[str, Call]] = {
    "POST /v1/sales/{sale_id}/orders": Call(lambda world: world.served.wish(world.sale), headers=fresh_key),
    "PUT /v1/orders/{order_id}/recipient": Call(RECIPIENT),
    "GET /v1/staff/orders/{id_or_number}": Call(things={"id_or_number": "order_id"}),
    "PUT /v1/staff/orders/{order_id}/recipient": Call(RECIPIENT, things=UNPAID),
    "POST /v1/staff/orders/{order_id}/notes": Call({"text": "A regular"}, things=UNPAID),
    "POST /v1/staff/orders/{order_id}/cancel": Call({"reason": "twice"}, things=UNPAID),
    "POST /v1/staff/orders/exports": Call({}),
    "DELETE /v1/staff/orders/exports/{export_id}": Call(things={"export_id": file_to_delete}),
    "POST /v1/staff/products": Call(product),
    "PATCH /v1/staff/products/{product_id}": Call({"title": "Brushes"}),
    "POST /v1/staff/products/{product_id}/skus": Call(variant),
    "POST /v1/staff/products/{product_id}/archive": Call(things={"product_id": "spare_product_id"}),
    "POST /v1/staff/products/{product_id}/restore": Call(things={"product_id": "archived_product_id"}),
    "POST /v1/staff/catalogue/import": Call(
        b"code,title\r\nX-1,Brush\r\n", headers=lambda world: {"content-type": "text/csv"} | fresh_key(world)
    ),
    "POST /v1/staff/skus": Call(sku),
    "PATCH /v1/staff/skus/{sku_id}": Call({"low_stock": 3}),
    "POST /v1/staff/skus/{sku_id}/archive": Call(things={"sku_id": sku_to_archive}),
    "POST /v1/staff/skus/{sku_id}/restore": Call(things={"sku_id": "archived_sku_id"}),
    "GET /v1/staff/skus/{sku_id}/prices": Call(query={"currency": "CNY"}),
    "POST /v1/staff/skus/{sku_id}/price": Call({"price": 1, "currency": "USD"}),
    "POST /v1/staff/skus/{sku_id}/stock": Call({"receive": 1}),
    "POST /v1/staff/sales": Call({"title": "At nine", "currency": "CNY"}),
    "PATCH /v1/staff/sales/{sale_id}": Call({"title": "At ten"}),
    "POST /v1/staff/sales/{sale_id}/schedule": Call(things=DRAFT),
    "POST /v1/staff/sales/{sale_id}/open": Call(things=DRAFT),
    "POST /v1/staff/sales/{sale_id}/items": Call(item, things=DRAFT),
    "PATCH /v1/staff/sales/{sale_id}/items/{item_id}": Call({"price": 2}),
    "POST /v1/staff/sales/{sale_id}/items/{item_id}/stock": Call({"add": 1}),
    "POST /v1/staff/sales/{sale_id}/archive": Call(things={"sale_id": sale_to_archive}),
    "POST /v1/staff/sale-templates/{template_id}/archive": Call(things={"template_id": template_to_archive}),
    "POST /v1/staff/rooms": Call({"title": "By the pond"}),
    "PATCH /v1/staff/rooms/{room_id}": Call({"title": "At the lake"}),
    "POST /v1/staff/rooms/{room_id}/archive": Call(things={"room_id": "spare_room_id"}),
    "POST /v1/staff/rooms/{room_id}/restore": Call(things={"room_id": "spare_room_id"}),
    "PUT /v1/staff/rooms/{room_id}/crew/{member_id}": Call({"role": "cohost"}),
    "DELETE /v1/staff/rooms/{room_id}/crew/{member_id}": Call(things={"member_id": crew_to_leave}),
    "POST /v1/staff/rooms/{room_id}/sessions": Call({}),
    "PATCH /v1/staff/sessions/{session_id}": Call({"title": "At ten"}),
    "POST /v1/staff/sessions/{session_id}/start": Call(things={"session_id": session_to_move}),
    "POST /v1/staff/sessions/{session_id}/stop": Call(things={"session_id": session_to_move}),
    "DELETE /v1/staff/sessions/{session_id}/sales/{sale_id}": Call(things={"sale_id": sale_to_take_out}),
    "PUT /v1/staff/sessions/{session_id}/shelf": Call(
        lambda world: {"slots": [{"no": 1, "item_id": world.things["item_id"]}]}
    ),
    "PATCH /v1/staff/sessions/{session_id}/shelf/{item_id}": Call({"hidden": False}),
    "POST /v1/staff/sessions/{session_id}/pin": Call({"no": 1}),
    "POST /v1/staff/sessions/{session_id}/announcements": Call({"text": "At nine: brushes"}),
    "PATCH /v1/staff/rooms/{room_id}/talk": Call({"slow_mode_s": 5}),
    "POST /v1/staff/rooms/{room_id}/silences": Call(
        lambda world: {"viewer_id": world.served.shop.ids.new(), "kind": "mute", "for_s": 60}
    ),
    "POST /v1/staff/rooms/{room_id}/silences/{silence_id}/lift": Call(things={"silence_id": silence_to_lift}),
    "POST /v1/staff/words": Call({"words": [{"word": "scam"}]}),
    "POST /v1/staff/words/{word_id}/remove": Call(things={"word_id": word_to_remove}),
    "POST /v1/staff/login": Call({"email": "owner@pond.cn", "password": PASSWORD}),
    "POST /v1/staff/refresh": Call(staff_refresh),
    "POST /v1/staff/logout": Call(staff_refresh),
    "POST /v1/staff/accept": Call(accept),
    "POST /v1/staff/password": Call({"password": PASSWORD, "new_password": PASSWORD}),
    "POST /v1/staff/members": Call(invitee),
    "PATCH /v1/staff/members/{member_id}": Call({"role": "analyst"}),
    "POST /v1/staff/apps": Call(lambda world: {"provider": "demo", "app_id": world.people.ids.new()}),
    "POST /v1/shares": Call(lambda world: {"kind": "room", "id": world.things["room_id"]}),
    "POST /v1/shares/{share_code}/touches": Call({"channel": "group", "community": "tGyP6s5yDHZ7x"}),
    "POST /v1/staff/attribution/rules": Call({"model": "linear"}),
    "POST /v1/staff/attribution/simulations": Call(
        {"rule": {"model": "linear"}, "placed_from": "2027-01-15T08:00:00Z"},
        headers=lambda _: {"idempotency-key": "one job for all of them"},
    ),
    "POST /v1/staff/campaigns": Call(lambda world: {"name": world.people.ids.new(), "title": "Spring"}),
    "PUT /v1/staff/poster-template": Call(poster_template),
    "POST /v1/staff/poster-template/preview": Call({}),
    "POST /v1/auth/guest": Call(lambda world: {"app_id": world.own.app_id}),
    "POST /v1/auth/login": Call(lambda world: {"app_id": world.own.app_id, "code": "hua"}),
    "POST /v1/auth/refresh": Call(guest_refresh),
    "POST /v1/auth/logout": Call(guest_refresh),
}

FILTERS: Final = (
    {"customer_id": ABSENT},
    {"sale_id": ABSENT},
    {"item_id": ABSENT},
    {"sku_id": ABSENT},
    {"share_code": "hua"},
    {"state": "awaiting_payment"},
    {"state": "cancelled"},
    {"total_min": "1"},
    {"has_recipient": "true"},
    {"has_recipient": "false"},
    {"rehearsals": "only"},
    {"recipients": "plain"},
)

# What the same routes are asked besides, where that makes other statements: none of it says more about roles.
ALSO: Final[dict[str, tuple[Call, ...]]] = {
    "GET /v1/orders": (Call(query={"state": "cancelled"}), Call(query={"below": ABSENT})),
    "GET /v1/staff/orders": tuple(Call(query=query) for query in FILTERS),
    "GET /v1/staff/orders/{id_or_number}": (Call(things={"id_or_number": "order_number"}),),
    "GET /v1/staff/rooms": (Call(query={"archived": "true"}),),
    "GET /v1/staff/sessions": (Call(query={"room_id": ABSENT, "state": "live", "rehearsal": "true"}),),
    "GET /v1/staff/skus": (Call(query={"product_id": ABSENT, "code": "A", "title": "B", "low": "true"}),),
    "GET /v1/staff/products": (Call(query={"title": "B", "archived": "true"}),),
    "GET /v1/staff/rooms/{room_id}/comments": (Call(query={"state": "waiting", "author_id": ABSENT}),),
    "GET /v1/staff/sales": (Call(query={"archived": "true", "state": "open", "kind": "flash"}),),
    "POST /v1/staff/skus/{sku_id}/stock": (Call({"adjust": -1, "reason": "counted"}),),
    "POST /v1/staff/sales/{sale_id}/items": (Call(item),),
    "POST /v1/staff/sales/{sale_id}/items/{item_id}/stock": (Call({"take": 1}),),
}
