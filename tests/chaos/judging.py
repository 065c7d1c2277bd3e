"""What a buyer may be told: an order for good, or a refusal that is true at that moment."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import asyncpg

from inventory.errors import OverLimit, SaleEnded, SoldOut
from inventory.model import lines_of
from keel.errors import Refusal
from orders.attempt import Answer, Placed, Standing
from tests.chaos.laws import Buyer

# The words of a shop in which everything works as it should; 503 asks to come again.
HONEST: Final = (SoldOut, OverLimit, SaleEnded)


@dataclass(frozen=True)
class Chance:
    """What a customer could still get: of each item, and of what the limit leaves him. Nothing where it is closed."""

    closed: bool
    left: Mapping[str, int]
    within_limit: int

    def refusals(self, lines: Mapping[str, int]) -> set[type[Refusal]]:
        """The refusals of this wish that are true; none where he must get it."""
        if self.closed:
            return {SaleEnded}
        true: set[type[Refusal]] = set()
        if any(units > self.left[item_id] for item_id, units in lines.items()):
            true.add(SoldOut)
        if sum(lines.values()) > self.within_limit:
            true.add(OverLimit)
        return true


async def chance_of(pool: asyncpg.Pool, sale_id: str, customer_id: str, limit: int) -> Chance:
    """What PostgreSQL says, at rest, a customer could still get of a sale."""
    closed = await pool.fetchval("SELECT state = 'closed' FROM sale WHERE id = $1", sale_id)
    stock = await pool.fetch("SELECT item_id, allocated - sold AS left FROM stock WHERE sale_id = $1", sale_id)
    his = await pool.fetch(_HIS, sale_id, customer_id)
    bought = sum(sum(lines_of(row["lines"]).values()) for row in his)
    return Chance(closed, {str(row["item_id"]): row["left"] for row in stock}, limit - bought)


def judge(buyer: Buyer, answer: Answer, chance: Chance) -> list[str]:
    """A buyer with an order is never refused, and nobody else is while his wish can be had."""
    acknowledged = buyer.acknowledged
    if not isinstance(answer, Refusal):
        return [] if acknowledged == {id_of(answer)} else [f"two orders for one key: {acknowledged}"]
    if answer.status == 503:
        return [f"still no answer but 503: {answer.document()}"]
    if acknowledged:
        return [f"P4: {acknowledged} was acknowledged, its retry refused: {answer!r}"]
    true = type(answer) in chance.refusals(buyer.lines)
    return [] if true else [f"{buyer.lines} refused with {answer!r}, and there is {chance}"]


def judge_meanwhile(buyer: Buyer, refusal: Refusal, *, had: bool) -> list[str]:
    """The same in the middle of a fault, when nobody knows what is left. `had`: an order, when he asked."""
    if refusal.status == 503 or (isinstance(refusal, HONEST) and not had):
        return []
    return [f"in the middle: {buyer.lines}, {'' if had else 'not '}acknowledged before, refused with {refusal!r}"]


def id_of(answer: Answer) -> str | None:
    """The order's id in an acknowledgement."""
    match answer:
        case Placed(attempt):
            return attempt.claim_id
        case Standing(order_id):
            return order_id
        case _:
            return None


_HIS: Final = "SELECT lines FROM claim WHERE sale_id = $1 AND customer_id = $2 AND state = 'placed'"
