"""Builders for tests of credit: a grove whose people order, and a worker that judges what they ordered.

async with open_court(database_url, redis_url) as court:
    order_id = await court.order(lan, code=first.code)
    await court.judge_all()
    await court.credits(order_id)        # {share id: millionths}
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg

from accounts.tokens import Claims
from referrals.ending import Ends
from referrals.judging import Judge
from referrals.rule import DAY_S
from tests.referrals.groves import Grove, open_grove

TOTAL = 14_900


@dataclass(frozen=True)
class Court:
    """People who order, and who judges it."""

    grove: Grove
    judge: Judge
    ending: Ends

    async def order(
        self, who: Claims, *, code: str | None = None, total: int = TOTAL, rehearsal: bool = False, **columns: Any
    ) -> str:
        """An order of somebody, a second after whatever was before."""
        shop = self.grove.shop
        shop.clock.advance(s=1)
        order_id, now = shop.ids.new(), shop.clock.now()
        values = {
            "merchant_id": who.mid, "id": order_id, "sale_id": shop.ids.new(), "segment": 0, "customer_id": who.sub,
            "claim_key": order_id, "state": "awaiting_payment", "currency": "CNY", "lines_total": total,
            "total": total, "share_code": code, "rehearsal": rehearsal, "placed_at": now, "expires_at": now,
        } | columns  # fmt: skip
        names, places = ", ".join(values), ", ".join(f"${number}" for number in range(1, len(values) + 1))
        await self.grove.run(f"INSERT INTO orders ({names}) VALUES ({places})", *values.values())
        return order_id

    async def ends(self, who: Claims, order_id: str, state: str = "cancelled") -> None:
        """An order ends."""
        await self.grove.run("UPDATE orders SET state = $2 WHERE id = $1", order_id, state)
        history = "INSERT INTO order_history (merchant_id, order_id, state, at, actor) VALUES ($1, $2, $3, $4, 'hua')"
        await self.grove.run(history, who.mid, order_id, state, self.grove.shop.clock.now())

    async def rule(self, model: str = "last_touch", **columns: Any) -> None:
        """A rule of the shop, in force a second after whatever was before."""
        self.grove.shop.clock.advance(s=1)
        shop, bound = self.grove.shop, model == "permanent_bind"
        versions = await self.grove.run("SELECT count(*)::int AS n FROM attribution_rule")
        clocks = {"valid_for_s": None if bound else 7 * DAY_S, "protected_for_s": None if bound else 0}
        values = {
            "id": shop.ids.new(), "merchant_id": self.grove.merchant_id, "version": versions[0]["n"] + 1,
            "model": model, "self_purchase": "refuse", "in_force_at": shop.clock.now(), "created_by": "hua", **clocks,
        } | columns  # fmt: skip
        names, places = ", ".join(values), ", ".join(f"${number}" for number in range(1, len(values) + 1))
        statement = f"INSERT INTO attribution_rule (created_at, {names}) VALUES ('2020-01-01', {places})"
        await self.grove.run(statement, *values.values())

    async def pass_by(self) -> None:
        """Let so much time go by that every touch until now is surely stored."""
        self.grove.shop.clock.advance(s=3)
        await self.grove.touches.tick()

    async def judge_all(self) -> int:
        """Judge all that was ordered until now."""
        await self.pass_by()
        return await self.judge.tick()

    async def judgement(self, order_id: str) -> dict[str, Any] | None:
        rows = await self.grove.run("SELECT * FROM attribution WHERE order_id = $1", order_id)
        return dict(rows[0]) if rows else None

    async def outcome(self, order_id: str) -> tuple[str, str] | None:
        """What was decided, and why."""
        found = await self.judgement(order_id)
        return None if found is None else (found["outcome"], found["reason"])

    async def credits(self, order_id: str) -> dict[str, int]:
        """Parts by share, in millionths."""
        rows = await self.grove.run("SELECT share_id, part FROM credit WHERE order_id = $1 ORDER BY no", order_id)
        return {str(row["share_id"]): row["part"] for row in rows}

    async def written(self) -> tuple[list[asyncpg.Record], list[asyncpg.Record]]:
        """All judgements and credits."""
        judgements = await self.grove.run("SELECT * FROM attribution ORDER BY order_id")
        return judgements, await self.grove.run("SELECT * FROM credit ORDER BY order_id, no")


@asynccontextmanager
async def open_court(database_url: str, redis_url: str) -> AsyncIterator[Court]:
    """A grove, and a worker that judges when it is told to."""
    async with open_grove(database_url, redis_url) as grove:
        shop = grove.shop
        yield Court(grove, Judge(shop.pool, shop.ids, shop.clock, ("board",)), Ends(shop.pool, shop.clock))
