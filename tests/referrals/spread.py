"""Builders for tests of trees.

async with open_spread(database_url, redis_url) as spread:
    session = await spread.session()
    first = await spread.share("room")
    await spread.visit("lan", first, session)
    await spread.order("lan", {first: 100})
"""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import asyncpg

from live.attendance import Interval
from live.store_presence import begin_life, store
from referrals import store_touches
from referrals.model import Channel, Visit, new_code
from referrals.store_tallies import waiting
from referrals.tallying import Tallying
from tests.referrals.groves import Grove, open_grove


@dataclass
class Spread:
    """A room of a merchant, and people by their nicknames."""

    grove: Grove
    room_id: str
    people: dict[str, str] = field(default_factory=dict)
    codes: dict[str, str] = field(default_factory=dict)
    lives: list[str] = field(default_factory=list)

    @property
    def tallying(self) -> Tallying:
        return Tallying(self.grove.shop.pool, self.grove.shop.clock)

    async def run(self, statement: str, *args: Any) -> list[asyncpg.Record]:
        return await self.grove.run(statement, *args)

    async def mine(self, query: str, order: str = "1") -> list[asyncpg.Record]:
        """What a query says of this merchant."""
        everything = f"SELECT * FROM ({query}) q WHERE merchant_id = $1 ORDER BY {order}"
        return await self.run(everything, self.grove.merchant_id)

    async def person(self, name: str) -> str:
        """The id of somebody by this name."""
        if name not in self.people:
            self.people[name] = (await self.grove.person()).sub
        return self.people[name]

    async def session(self) -> str:
        """A broadcast of the room, over already: it takes in what says so."""
        now = self.grove.shop.clock.now()
        ended: dict[str, Any] = {"state": "ended", "started_at": now, "ended_at": now + timedelta(seconds=1)}
        self.grove.shop.clock.advance(s=5)
        return (await self.grove.target("session", room_id=self.room_id, **ended)).target_id

    async def share(
        self, sharer: str, parent: str | None = None, *, session_id: str | None = None, product_id: str | None = None
    ) -> str:
        """A share of the room, or of a session of it, or of a product."""
        self.grove.shop.clock.advance(ms=1)
        share_id, sharer_id, code = self.grove.shop.ids.new(above=parent), await self.person(sharer), new_code()
        kind, target_id = ("session", session_id) if session_id else ("room", self.room_id)
        family_id = self.room_id
        if product_id is not None:
            kind, target_id, family_id = "product", product_id, product_id
        own = [share_id, code, sharer_id, kind, target_id, family_id, self.grove.shop.clock.now()]
        written = await self.run(_SHARE, self.grove.merchant_id, parent, *own)
        if not written:
            return str((await self.run(_SAME, sharer_id, target_id, parent))[0]["id"])
        self.codes[share_id] = code
        return share_id

    async def visit(
        self, name: str, share_id: str, session_id: str | None = None, *, s: int = 0, community: str | None = None
    ) -> None:
        """Somebody came through a share, so many seconds from now on (or before)."""
        shop, channel = self.grove.shop, Channel.GROUP if community else Channel.UNKNOWN
        at_ms = shop.clock.ms() + 1000 * s
        visitor_id, code = await self.person(name), self.codes[share_id]
        visit = Visit(self.grove.merchant_id, code, visitor_id, at_ms, channel, community, session_id)
        now = shop.clock.now()
        await store_touches.store(shop.pool, visitor_id, [visit], [], until=now, now=now)

    async def watch(self, name: str, session_id: str, *, s: int = 40) -> None:
        """Somebody watches a session from now on, for so long."""
        shop = self.grove.shop
        if not self.lives:
            self.lives.append(shop.ids.new())
            await begin_life(shop.pool, self.lives[0], shop.clock.now())
        began = shop.clock.now()
        stay = Interval(shop.ids.new(), session_id, await self.person(name), began, began + timedelta(seconds=s))
        assert await store(shop.pool, self.lives[0], began, [stay], [])

    async def order(
        self, name: str, parts: dict[str, int], session_id: str | None = None, *, touches: Iterable[str] = ()
    ) -> str:
        """An order that is credited to shares: the amount of each."""
        order_id, total, customer_id = self.grove.shop.ids.new(), sum(parts.values()), await self.person(name)
        now, room_id, by = self.grove.shop.clock.now(), self.room_id if session_id else None, list(touches)
        pool, merchant_id = self.grove.shop.pool, self.grove.merchant_id
        async with pool.acquire() as connection, connection.transaction():
            await connection.execute(_ORDER, merchant_id, order_id, customer_id, total, room_id, session_id, now)
            await connection.execute(_ATTRIBUTION, order_id)
            for no, (share_id, amount) in enumerate(parts.items(), start=1):
                part = 1_000_000 // len(parts) + (1_000_000 % len(parts) if no == 1 else 0)
                touch_id = by[no - 1] if no <= len(by) else None
                await connection.execute(_CREDIT, order_id, no, share_id, part, amount, touch_id, now)
        return order_id

    async def end(self, order_id: str, state: str) -> None:
        """An order is paid, or lapses."""
        await self.run("UPDATE orders SET state = $2 WHERE id = $1", order_id, state)
        if state == "paid":
            due = "INSERT INTO tree_due (kind, merchant_id, who) VALUES ('order', $1, $2)"
            await self.run(due, self.grove.merchant_id, order_id)
        else:
            ended = "UPDATE attribution SET ended = $2, ended_at = placed_at WHERE order_id = $1 AND ended IS NULL"
            await self.run(ended, order_id, state)

    async def tally(self) -> None:
        """Until nothing is due."""
        tallying = self.tallying
        while await waiting(self.grove.shop.pool):
            await tallying.tick()


@asynccontextmanager
async def open_spread(database_url: str, redis_url: str) -> AsyncIterator[Spread]:
    """A room to share."""
    async with open_grove(database_url, redis_url) as grove:
        yield Spread(grove, (await grove.target("room")).target_id)


_SHARE = """
    INSERT INTO share (id, merchant_id, code, sharer_id, target_kind, target_id, family_id, parent_id, root_id, depth,
                       path, created_at)
    SELECT $3, $1, $4, $5, $6, $7, $8, $2, coalesce(p.root_id, $3), coalesce(p.depth + 1, 0),
           CASE WHEN p.id IS NULL THEN '{}' ELSE p.path || p.id END, $9
    FROM (SELECT) one LEFT JOIN share p ON p.id = $2
    ON CONFLICT DO NOTHING RETURNING id
"""
_SAME = "SELECT id FROM share WHERE sharer_id = $1 AND target_id = $2 AND parent_id IS NOT DISTINCT FROM $3"
_ORDER = """
    INSERT INTO orders (merchant_id, id, sale_id, segment, customer_id, claim_key, state, currency, lines_total, total,
                        room_id, session_id, placed_at, expires_at)
    VALUES ($1, $2, $2, 0, $3, 'k', 'awaiting_payment', 'CNY', $4, $4, $5, $6, $7, $7)
"""
_ATTRIBUTION = """
    INSERT INTO attribution (order_id, merchant_id, customer_id, sale_id, room_id, session_id, currency, total,
                             code_state, outcome, reason, rule, touches, considered, placed_at, decided_at)
    SELECT id, merchant_id, customer_id, sale_id, room_id, session_id, currency, total, 'none', 'credited', 'a test',
           '{}', 0, '[]', placed_at, placed_at FROM orders WHERE id = $1
"""
_CREDIT = """
    INSERT INTO credit (order_id, no, merchant_id, share_id, sharer_id, root_id, chain, part, amount, touch_id,
                        touched_at)
    SELECT $1, $2, merchant_id, id, sharer_id, root_id, path || id, $4, $5, $6, $7 FROM share WHERE id = $3
"""
