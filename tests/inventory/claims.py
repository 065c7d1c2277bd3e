"""Placements straight into the ledger, with no gate in front: what the order path sends, in few words."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg

from inventory.model import SaleConfig, lines_text
from inventory.replies import Stale
from orders.attempt import Answer, Attempt
from orders.schemas import LineRequest, OrderRequest
from orders.store import Outcome, lapse, place_batch
from tests.inventory.gates import NOW_MS, PRINT, customer_of, id_of
from tests.inventory.selling import Sale, Shop


@dataclass(frozen=True)
class Wish:
    """Units of one sale's items by number, under a claim id. Greater numbers are greater ids."""

    claim: int
    customer: int = 1
    key: str = "k"
    fingerprint: str = PRINT
    units: tuple[int, ...] = (1,)


@dataclass(frozen=True)
class Books:
    """The ledger of one sale."""

    shop: Shop
    sale: Sale
    config: SaleConfig

    async def place(self, *wishes: Wish, epoch: int = 1) -> dict[str, Outcome]:
        """Place a batch; what was not new. Raises LedgerFault."""
        group = [self._attempt(wish, epoch) for wish in wishes]
        _, outcomes = await place_batch(self.shop.ledger, group, 0, self.shop.clock.ms(), ())
        return outcomes

    def _attempt(self, wish: Wish, epoch: int) -> Attempt:
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        lines = [LineRequest(item, n) for item, n in zip(self.sale.item_ids, wish.units, strict=False) if n]
        attempt = Attempt(
            customer_id=customer_of(wish.customer), key=wish.key, request=OrderRequest(lines),
            fingerprint=wish.fingerprint, claim_id=id_of(wish.claim), answer=answer,
        )  # fmt: skip
        attempt.ask(self.config)
        attempt.epoch, attempt.no, attempt.at_ms = epoch, wish.claim, NOW_MS + wish.claim
        return attempt

    async def void(self, *wishes: Wish) -> dict[str, str]:
        """Void holds; the outcome of each by claim id."""
        holds = [
            Stale(f"{customer_of(w.customer)}:{w.key}", id_of(w.claim), w.fingerprint, self.lines(w), w.claim, NOW_MS)
            for w in wishes
        ]
        return await self.shop.ledger.void(self.config, 0, 1, holds)

    def lines(self, wish: Wish) -> str:
        numbers: dict[str, int] = {item.id: item.no for item in self.config.items}
        return lines_text({numbers[item]: n for item, n in zip(self.sale.item_ids, wish.units, strict=False) if n})

    async def lapse(self, *claims: int) -> list[str]:
        """Cancel orders; those that moved."""
        return await lapse(
            self.shop.ledger, self.config.merchant_id, [id_of(claim) for claim in claims], target="cancelled",
            due_by=None, at=self.shop.clock.now(), actor="test", reason=None, subscribers=("gate-releases",),
        )  # fmt: skip

    async def claim(self, *, customer: int = 1, key: str = "k") -> tuple[str, str] | None:
        """(id, state) of a claim."""
        name = (customer_of(customer), key)
        found = (await self.shop.ledger.claims(self.sale.id, [name])).get(name)
        return (found.id, found.state) if found else None

    async def sold(self) -> list[int]:
        """Units sold of each item, by number."""
        counts = await self.shop.ledger.counts(self.sale.id, 0)
        return [count.sold for count in sorted(counts, key=lambda count: count.no)]

    async def totals(self) -> Mapping[str, int]:
        """Rows of everything that a placement writes."""
        tables = ("claim", "orders", "order_line", "order_history", "outbox_event", "outbox_delivery")
        rows = {name: (await self.shop.rows(f"SELECT count(*) AS n FROM {name}"))[0]["n"] for name in tables}
        sold = await self.shop.rows("SELECT count(*) AS n FROM stock_movement WHERE kind IN ('sold', 'released')")
        return rows | {"movements": sold[0]["n"]}


async def locked(connection: asyncpg.Connection, statement: str, *values: Any) -> Sequence[Any]:
    """Run a statement in a transaction that stays open."""
    await connection.execute("BEGIN")
    return await connection.fetch(statement, *values)
