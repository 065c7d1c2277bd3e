"""Two merchants with one of everything, and callers of every kind: what the matrix of roles is made of.

`things` names what stands for a path's parameter: the `{sale_id}` of any path is `things["sale_id"]`. All of it is of
the first merchant; the second one has people, and nothing that any of the first may see.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from accounts import customers, members, staff_sign_in
from accounts.apps import add_app
from accounts.passwords import Passwords
from accounts.people import People, SignedIn
from accounts.providers import DEMO, DemoProvider
from accounts.tokens import Claims
from inventory.archiving import archive_sku
from inventory.catalogue import NewVariant
from inventory.copying import save_template
from inventory.importing import KIND
from inventory.products import archive_product, create_product
from keel.identity import Principal, Role
from keel.jobs import Jobs
from live.model import CrewRole
from live.rooms import NewRoom, create_room, put_crew
from live.sampling import Comment
from live.sessions import NewSession, link_sale, plan_session
from live.shelf import SlotWish, set_shelf
from live.store_comments import Entry, Venue, record
from live.studio import Studio
from live.talk_rules import CommentState
from orders.export_work import Exporter
from orders.exporting import ask_export
from orders.filters import OrderFilter
from orders.handling import Handling
from referrals.campaigns import Campaigns, add_campaign
from referrals.model import TargetKind
from referrals.sharing import Sharing, Wish, share
from tests.accounts.shops import CHEAP, PASSWORD
from tests.inventory.selling import Sale, Shop, draft_sale, make_merchant, make_sku, open_sale
from tests.live.studios import link
from tests.orders.serving import Served, serve

CODE: Final = "OF-THE-POND-ONLY"
H5: Final = "https://shop.example/{kind}/{id}?s={code}"
IMPORT: Final[dict[str, Any]] = {"key": "first", "options": {"dry_run": True}, "body": b"code,title\r\n"}
ABSENT: Final = "01a3185c-5000-7000-8000-000000000000"
CUSTOMER, NOBODY = "customer", "nobody"
CALLERS: Final = (*(role.value for role in Role), CUSTOMER, NOBODY)


@dataclass(frozen=True)
class Side:
    """The people of one merchant."""

    by: Principal
    staff: dict[str, SignedIn]
    app_id: str
    customer: SignedIn


@dataclass(frozen=True)
class World:
    """What is served, whose it is, and what there is."""

    served: Served
    people: People
    own: Side
    other: Side
    sale: Sale
    things: dict[str, str]

    def header(self, side: Side, caller: str) -> dict[str, str]:
        """The Authorization of a caller, by a token of its own, so that no row signs another one's caller out."""
        if caller == NOBODY:
            return {}
        sign_in_id, tokens = self.served.shop.ids.new(), self.served.tokens
        mine: dict[str, Any] = {"merchant_id": side.by.merchant_id, "sign_in_id": sign_in_id, "ttl_s": 600}
        if caller == CUSTOMER:
            access = tokens.sign(customer_id=side.customer.subject_id, **mine)
        else:
            access = tokens.sign_staff(staff_id=side.staff[caller].subject_id, role=caller, **mine)
        return {"authorization": f"Bearer {access}"}

    async def invitation(self) -> str:
        """One that nobody accepted yet."""
        email = f"new-{self.served.shop.ids.new()}@pond.cn"
        return (await members.invite(self.people, self.own.by, email=email, name="New", role=Role.HOST)).invitation

    async def member(self, role: Role = Role.HOST) -> SignedIn:
        """Somebody of the first merchant who just came in."""
        return await staff_sign_in.accept(self.people, await self.invitation(), PASSWORD)

    async def guest(self) -> SignedIn:
        """A guest of the first merchant who just came in."""
        return await customers.come_as_guest(self.people, self.own.app_id)


@asynccontextmanager
async def open_world(database_url: str, redis_url: str) -> AsyncIterator[World]:
    """The API over two merchants; the served process lets the demo provider in."""
    async with serve(database_url, redis_url, demo_sign_in=True, share_h5_url=H5) as served:
        shop = served.shop
        people = People(
            served.parts.sessions, shop.ids, shop.clock, served.tokens, Passwords(CHEAP), {DEMO: DemoProvider()}
        )
        by, own = shop.staff, await _side(people, shop.staff, "pond.cn")
        other = await _side(people, await make_merchant(shop.selling, "Another pond"), "lake.cn")
        sale, draft = await open_sale(shop, units=[900]), await draft_sale(shop)
        order = await served.order(sale, customer_id=own.customer.subject_id)
        unpaid = await served.order(sale, customer_id=own.customer.subject_id)
        target = await customers.come_as_guest(people, own.app_id)
        pending = await members.invite(people, own.by, email="target@pond.cn", name="Lan", role=Role.HOST)
        things = {
            "sale_id": sale.id,
            "item_id": sale.item_ids[0],
            "sku_id": await make_sku(shop),
            "draft_id": draft.id,
            "order_id": str(order.json()["id"]),
            "member_id": pending.member.id,
            "app_id": (await add_app(people, own.by, provider=DEMO, app_id="spare")).id,
            "customer_id": target.subject_id,
            "order_number": str(order.json()["number"]),
            "unpaid_id": str(unpaid.json()["id"]),
            "template_id": (await save_template(shop.selling, by, sale.id, None)).id,
            "job_id": (await Jobs(served.parts.sessions, shop.ids, shop.clock).ask(by, KIND, **IMPORT)).id,
            "export_id": await _export(served, by),
        } | await _catalogue(shop)
        things |= await _rooms(served, by, pending.member.id)
        things |= await _talk(shop, sale, things["room_id"], things["session_id"])
        things |= await _shares(served, by, own, things["room_id"])
        yield World(served, people, own, other, sale, things)


async def _catalogue(shop: Shop) -> dict[str, str]:
    """Products and SKUs: there, to be put away, and put away. A file of the catalogue shows codes and no ids."""
    things = {"code": CODE}
    for name in ("product_id", "spare_product_id", "archived_product_id"):
        code = CODE if name == "product_id" else shop.next_code()
        things[name] = await create_product(shop.selling, shop.staff, "Brush", [NewVariant(code, 1, "CNY")])
    await archive_product(shop.selling, shop.staff, things["archived_product_id"])
    things["archived_sku_id"] = await make_sku(shop)
    await archive_sku(shop.selling, shop.staff, things["archived_sku_id"])
    return things


async def _rooms(served: Served, by: Principal, member_id: str) -> dict[str, str]:
    """A room with a crew of one, a session that is planned and sells a sale, and another room to be put away."""
    here, book = served.parts.studio(), served.parts.book
    room, spare = [await create_room(here, by, NewRoom("By the pond")) for _ in range(2)]
    session = (await plan_session(here, by, room.id, NewSession())).row
    await put_crew(here, by, room.id, member_id, CrewRole.MODERATOR)
    linked = await draft_sale(served.shop)
    await link_sale(here, book, by, session.id, linked.id)
    return {"room_id": room.id, "spare_room_id": spare.id, "session_id": session.id, "linked_id": linked.id}


async def _talk(shop: Shop, sale: Sale, room_id: str, session_id: str) -> dict[str, str]:
    """The sale on the session's shelf, and a comment that waits for a moderator."""
    await link(shop, session_id, sale.id)
    await set_shelf(Studio(shop.selling), shop.staff, session_id, [SlotWish(1, sale.item_ids[0])])
    comment = Comment(shop.ids.new(), shop.ids.new(), "Hua", "how much?", shop.clock.ms())
    entry = Entry(Venue(shop.staff.merchant_id, room_id, room_id), comment, CommentState.WAITING)
    await record(shop.pool, [entry])
    return {"comment_id": comment.id}


async def _shares(served: Served, by: Principal, own: Side, room_id: str) -> dict[str, str]:
    """The room, shared by the customer, and a campaign."""
    parts = served.parts
    sharer = Claims(own.customer.subject_id, by.merchant_id, exp=0)
    here = Sharing(parts.reader, parts.ids, parts.clock)
    code = (await share(here, sharer, Wish(TargetKind.ROOM, room_id))).code
    plans = Campaigns(parts.sessions, parts.ids, parts.clock)
    campaign = await add_campaign(plans, by, name="spring", title="Spring", ends_at=None)
    return {"share_code": code, "campaign_id": campaign.id}


async def _export(served: Served, by: Principal) -> str:
    """A file of orders that is ready."""
    shop = served.shop
    handling = Handling(served.parts.sessions, shop.ids, shop.clock, ())
    export = await ask_export(handling, by, OrderFilter(), plain=False)
    await Exporter(served.parts.sessions, shop.clock).tick(asyncio.Event())
    return export.id


async def _side(people: People, by: Principal, domain: str) -> Side:
    staff = {}
    for role in Role:
        invited = await members.invite(people, by, email=f"{role}@{domain}", name=role, role=role)
        staff[role.value] = await staff_sign_in.accept(people, invited.invitation, PASSWORD)
    app = await add_app(people, by, provider=DEMO, app_id=domain)
    return Side(by, staff, app.id, await customers.come_as_guest(people, app.id))
