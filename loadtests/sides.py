"""What the sides have in common: a sale, its buyers, and the faults that must not be."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Final, Protocol, Self

from asyncpg import Record

from accounts.tokens import Tokens
from keel.clock import FollowingClock
from keel.ids import Ids
from loadtests.stack import Plan, Stack
from millpond.crowd import Progress, Target, post
from millpond.crowd_answers import Answer, Result, Wish

TOKEN_TTL_S: Final = 3_600
PRICE: Final = 14_900
UNITS_PER_CUSTOMER: Final = 5
DEADLINE_S: Final = 120.0  # for everything that is sent at once


class Connection(Protocol):
    """A connection of asyncpg, from a pool or not."""

    async def fetchrow(self, query: str, *args: object) -> Record | None: ...


@dataclass(frozen=True)
class Sale:
    """An open sale of one item."""

    id: str
    item_id: str
    units: int


@dataclass(frozen=True)
class Faults:
    """Broken promises, in units or orders; `audit` counts the laws that the audit of a sale found broken."""

    oversold: int = 0
    lost: int = 0
    doubled: int = 0
    leaked: int = 0
    audit: int = 0

    def __add__(self, other: Self) -> "Faults":
        return Faults(
            self.oversold + other.oversold,
            self.lost + other.lost,
            self.doubled + other.doubled,
            self.leaked + other.leaked,
            self.audit + other.audit,
        )


class Crowd(Protocol):
    """Buyers with a way to one side."""

    def wishes(self, sale: Sale, count: int) -> list[Wish]:
        """`count` wishes for one unit, each with a key of its own, as whole bytes."""
        ...

    async def send(self, wishes: Sequence[Wish], *, waiting: int, on_progress: Callable[[Progress], None]) -> Result:
        """Send every wish, `waiting` at any time, for DEADLINE_S at most. Never raises for what the server does."""
        ...


class Side(Protocol):
    """One of those that are measured."""

    name: str

    def plan(self) -> Plan: ...

    def crowd(self, stack: Stack, *, wishes_max: int) -> AbstractAsyncContextManager[Crowd]:
        """The buyers of a round, in whose sales nobody wishes for more than `wishes_max` units in all."""
        ...

    async def open_sale(self, stack: Stack, units: int) -> Sale: ...

    async def settled(self, stack: Stack, sale: Sale) -> bool:
        """Whether nothing of the sale is under way."""
        ...

    async def judged(self, stack: Stack, sale: Sale) -> bool:
        """Whether it is decided of all orders of the sale who brought them."""
        ...

    async def faults(self, stack: Stack, sale: Sale, answers: Sequence[Answer]) -> Faults: ...


@dataclass(frozen=True)
class Buyers:
    """Makes distinct buyers with good tokens of one merchant; `secret` signs them for all sides."""

    merchant_id: str
    secret: str

    def wishes(self, target: Target, sale: Sale, count: int) -> list[Wish]:
        """`count` buyers, each with a key of his own, who want one unit."""
        ids = Ids(FollowingClock())
        body = json.dumps(wanted(sale)).encode()
        path = f"/v1/sales/{sale.id}/orders"
        wishes = []
        for buyer, token in self.people(count):
            key = ids.new()
            wishes.append(Wish(buyer, key, post(target, path, token=token, key=key, body=body)))
        return wishes

    def people(self, count: int) -> Iterator[tuple[str, str]]:
        """`count` buyers who were never here, each with a token."""
        clock = FollowingClock()
        tokens, ids = Tokens({"bench": self.secret}, clock), Ids(clock)
        for _ in range(count):
            buyer = ids.new()
            yield buyer, tokens.sign(customer_id=buyer, merchant_id=self.merchant_id, ttl_s=TOKEN_TTL_S)


def wanted(sale: Sale) -> dict[str, Any]:
    """The body of an order of one unit."""
    return {"lines": [{"item_id": sale.item_id, "quantity": 1}]}


@dataclass(frozen=True)
class Booked:
    """What PostgreSQL has of a sale: units on order lines, keys with several orders, acknowledged ids it lacks."""

    units: int
    doubled: int
    lost: int


async def booked(connection: Connection, sale: Sale, answers: Sequence[Answer]) -> Booked:
    """Both sides keep orders in tables of the same names."""
    row = await connection.fetchrow(_BOOKED, sale.id, [answer.order_id for answer in answers])
    assert row is not None
    return Booked(row["units"], row["doubled"] + told_twice(answers), row["lost"])


def told_twice(answers: Iterable[Answer]) -> int:
    """Wishes of one buyer and key that were told different orders, and orders that several buyers were told."""
    by_wish: dict[tuple[str, str], set[str]] = {}
    by_order: dict[str, set[str]] = {}
    for answer in answers:
        by_wish.setdefault((answer.wish.buyer, answer.wish.key), set()).add(answer.order_id)
        by_order.setdefault(answer.order_id, set()).add(answer.wish.buyer)
    return sum(len(told) > 1 for told in (*by_wish.values(), *by_order.values()))


# After a rush PostgreSQL still believes in few orders: lines are asked for by order, and EXCEPT hashes or sorts.
_BOOKED: Final = """
    WITH placed AS (SELECT merchant_id, id, customer_id, claim_key FROM orders WHERE sale_id = $1)
    SELECT (SELECT coalesce(sum((SELECT sum(l.quantity) FROM order_line l
                                 WHERE l.merchant_id = p.merchant_id AND l.order_id = p.id)), 0)::bigint
            FROM placed p) AS units,
           (SELECT count(*) FROM (SELECT FROM placed GROUP BY customer_id, claim_key HAVING count(*) > 1) d) AS doubled,
           (SELECT count(*) FROM (SELECT id FROM unnest($2::uuid[]) AS told (id)
                                  EXCEPT SELECT id FROM placed) l) AS lost
"""
