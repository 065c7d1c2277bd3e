"""The baseline's stores: one script call that decides, one transaction that writes."""

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple
from uuid import UUID

from redis.asyncio import Redis
from redis.commands.core import AsyncScript
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from loadtests.baseline_models import Customer, Refused
from loadtests.baseline_tables import Claim, Item, Order, OrderHistory, OrderLine, OutboxEvent

HOLD_TTL: Final = timedelta(minutes=15)
ITEMS_TTL_S: Final = 1.0
LUA: Final = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Wanted:
    """An order that was asked for, under the id it will have."""

    id: UUID
    item: Item
    quantity: int
    buyer: Customer
    key: str
    fingerprint: str
    at: datetime

    @property
    def total(self) -> int:
        """Minor units."""
        return self.item.price * self.quantity


class Decision(NamedTuple):
    """What the script said: held with a number, or repeated with the id that stands."""

    outcome: Literal["held", "repeated"]
    order_id: UUID
    no: int


class Stock:
    """Valkey: keys, limits and free units of a sale, decided by one script."""

    def __init__(self, redis: Redis) -> None:
        self._decide: AsyncScript = redis.register_script((LUA / "baseline.lua").read_text())
        self._release: AsyncScript = redis.register_script((LUA / "baseline_release.lua").read_text())

    async def decide(self, wanted: Wanted) -> Decision:
        """Hold the units, or say which order stands. Raises Refused."""
        args: list[str | int] = [str(wanted.buyer.id), wanted.key, str(wanted.id), wanted.fingerprint, wanted.quantity]
        match await self._decide(_keys(wanted.item.sale_id), args):
            case [b"held", int(no)]:
                return Decision("held", wanted.id, no)
            case [b"repeated", bytes(order_id), int(no)]:
                return Decision("repeated", UUID(order_id.decode()), no)
            case [b"sold_out", int(left)]:
                raise Refused(409, "sold-out", item_id=str(wanted.item.id), left=left)
            case [b"over_limit", int(limit), int(bought)]:
                raise Refused(409, "over-limit", limit=limit, bought=bought)
            case [b"key_reused"]:
                raise Refused(422, "idempotency-key-reused")
            case _:
                raise Refused(425, "not-open-yet")

    async def release(self, wanted: Wanted) -> None:
        """Give back what an order held that was certainly not written."""
        await self._release(
            _keys(wanted.item.sale_id), [str(wanted.buyer.id), wanted.key, str(wanted.id), wanted.quantity]
        )


def _keys(sale_id: UUID) -> list[str]:
    return [f"shop:{{{sale_id}}}:{name}" for name in ("sale", "buyers", "entries")]


class Catalogue:
    """The items, read again every second."""

    def __init__(self, sessions: async_sessionmaker[AsyncSession]) -> None:
        self._sessions = sessions
        self._items: dict[UUID, tuple[Item, float]] = {}

    async def item(self, item_id: UUID) -> Item:
        """Raises Refused."""
        known = self._items.get(item_id)
        if known is not None and time.monotonic() - known[1] < ITEMS_TTL_S:
            return known[0]
        async with self._sessions() as session:
            item = await session.get(Item, item_id)
        if item is None:
            raise Refused(404, "unknown-item")
        self._items[item_id] = item, time.monotonic()
        return item


async def write_order(sessions: async_sessionmaker[AsyncSession], stock: Stock, wanted: Wanted, no: int) -> None:
    """One transaction. Raises Refused when the key stands already: Valkey had forgotten it."""
    async with sessions() as session:
        session.add_all(_rows(wanted, no))
        try:
            await session.flush()
        except IntegrityError as error:
            await session.rollback()
            await stock.release(wanted)
            raise Refused(503, "try-again") from error
        await session.commit()


async def standing(sessions: async_sessionmaker[AsyncSession], merchant_id: UUID, order_id: UUID) -> Order:
    """The order that stands under a repeated key. Raises Refused while its transaction is under way."""
    async with sessions() as session:
        query = select(Order).where(Order.merchant_id == merchant_id, Order.id == order_id)
        order = await session.scalar(query)
    if order is None:
        raise Refused(503, "try-again")
    return order


def _rows(wanted: Wanted, no: int) -> list[Any]:
    mine: dict[str, Any] = {"merchant_id": wanted.item.merchant_id}
    theirs: dict[str, Any] = mine | {"sale_id": wanted.item.sale_id, "customer_id": wanted.buyer.id}
    payload = {name: str(value) for name, value in theirs.items()} | {"total": wanted.total}
    claim = theirs | {"key": wanted.key, "order_id": wanted.id, "fingerprint": wanted.fingerprint}
    order = theirs | {"id": wanted.id, "claim_key": wanted.key, "state": "awaiting_payment"}
    line = mine | {"order_id": wanted.id, "no": 1, "item_id": wanted.item.id, "quantity": wanted.quantity}
    return [
        Claim(**claim, units=wanted.quantity, state="placed", verdict_no=no, served_at=wanted.at),
        Order(
            **order,
            currency=wanted.item.currency,
            lines_total=wanted.total,
            total=wanted.total,
            placed_at=wanted.at,
            expires_at=wanted.at + HOLD_TTL,
        ),
        OrderLine(**line, unit_price=wanted.item.price, amount=wanted.total),
        OrderHistory(**mine, order_id=wanted.id, state="awaiting_payment", at=wanted.at, actor="customer"),
        OutboxEvent(id=wanted.id, topic="order.placed", aggregate=wanted.id, payload=payload, at=wanted.at),
    ]
