"""Builders for tests of sharing: a shop with a room and people, who come through each other's links and share on.

async with open_grove(database_url, redis_url) as grove:
    room = await grove.target("room")
    hua = await grove.person()
    first = await grove.share(hua, room)
    lan = await grove.person()
    await grove.visit(lan, first)
    second = await grove.share(lan, room)      # grows under the first
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import asyncpg

from accounts.tokens import Claims
from keel.ids import Ids
from referrals.gathering import Touches
from referrals.model import Channel, TargetKind
from referrals.sharing import Sharing, Wish, share
from referrals.store_shares import Share
from referrals.store_touches import watermark
from tests.eventually import eventually_async
from tests.inventory.selling import Shop, make_merchant, open_shop


@dataclass(frozen=True)
class Grove:
    """A merchant's things to share; the clock stands still until it is moved."""

    shop: Shop
    touches: Touches

    @property
    def merchant_id(self) -> str:
        return self.shop.staff.merchant_id

    @property
    def here(self) -> Sharing:
        return Sharing(self.shop.ledger, self.shop.ids, self.shop.clock)

    async def run(self, statement: str, *args: Any) -> list[asyncpg.Record]:
        found: list[asyncpg.Record] = await self.shop.pool.fetch(statement, *args)
        return found

    async def person(self, merchant_id: str = "", *, was: tuple[str, ...] = ()) -> Claims:
        """A customer."""
        customer_id, merchant_id = self.shop.ids.new(), merchant_id or self.merchant_id
        statement = "INSERT INTO customer (id, merchant_id, created_at) VALUES ($1, $2, $3)"
        await self.run(statement, customer_id, merchant_id, self.shop.clock.now())
        return Claims(customer_id, merchant_id, exp=2**40, was=was)

    async def signs_in(self, guest: Claims, customer: Claims) -> Claims:
        """A guest turns out to be a customer there is; the customer as his next token names him."""
        statement = "INSERT INTO customer_guest (merchant_id, guest_id, customer_id, at) VALUES ($1, $2, $3, $4)"
        await self.run(statement, customer.mid, guest.sub, customer.sub, self.shop.clock.now())
        return Claims(customer.sub, customer.mid, exp=2**40, was=(*customer.was, guest.sub))

    async def target(self, kind: str, merchant_id: str = "", *, room_id: str = "", **columns: Any) -> Wish:
        """Something to share."""
        target_id, merchant_id = self.shop.ids.new(), merchant_id or self.merchant_id
        values = {"id": target_id, "merchant_id": merchant_id, "created_at": self.shop.clock.now()} | columns
        if kind == "session":
            values["room_id"] = room_id
        else:
            values["title"] = "By the pond"
        names, places = ", ".join(values), ", ".join(f"${number}" for number in range(1, len(values) + 1))
        await self.run(f"INSERT INTO {kind} ({names}) VALUES ({places})", *values.values())
        return Wish(TargetKind(kind), target_id)

    async def share(self, who: Claims, what: Wish) -> Share:
        return await share(self.here, who, what)

    async def visit(self, who: Claims, through: Share | str, **known: Any) -> None:
        """Come through a link, a second after whatever was before."""
        self.shop.clock.advance(s=1)
        code = through if isinstance(through, str) else through.code
        self.touches.visited(who.mid, code, who.sub, **known)
        await self.touches.tick()
        await self.stored()

    async def stored(self) -> None:
        """Wait until all is stored."""

        async def nothing_waits() -> bool:
            return not self.touches.waiting

        await eventually_async(nothing_waits)

    async def chain(self, room: Wish, length: int) -> list[tuple[Claims, Share]]:
        """Somebody shares, and each next one came through the share before."""
        links: list[tuple[Claims, Share]] = []
        for _ in range(length):
            who = await self.person()
            if links:
                await self.visit(who, links[-1][1], channel=Channel.GROUP)
            links.append((who, await self.share(who, room)))
        return links


@asynccontextmanager
async def open_grove(database_url: str, redis_url: str) -> AsyncIterator[Grove]:
    """Sharing of one merchant, with a process of its own that gathers touches."""
    async with open_shop(database_url, redis_url) as shop:
        touches = Touches(shop.pool, Ids(shop.clock), shop.clock)
        try:
            yield Grove(shop, touches)
        finally:
            await touches.close()


async def another_merchant(grove: Grove) -> str:
    """The id of a merchant beside the grove's."""
    return (await make_merchant(grove.shop.selling, "Another pond")).merchant_id


async def mark(grove: Grove) -> datetime:
    """The watermark as somebody sees it who asks much later, if all writers were just heard."""
    pool = grove.shop.pool
    await pool.execute("UPDATE touch_writer SET seen_at = $1", grove.shop.clock.now() + timedelta(seconds=10))
    return await watermark(pool, grove.shop.clock.now() + timedelta(seconds=10))
