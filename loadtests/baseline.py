"""The app a careful developer would write without Millpond, to measure against.

FastAPI with an async endpoint, pydantic models, PyJWT, one registered script call to Valkey per request (key, limit and
stock decided atomically), then one transaction with the SQLAlchemy ORM, which writes what Millpond writes for an order:
claim, order, line, history, outbox event. Accepted is answered after the commit. uvicorn runs it with uvloop and httptools,
without an access log; redis-py parses with hiredis; ids grow with time, so the indexes stay compact.

Where the two differ, the difference is in this app's favour: it has no rate limits, knows one item per order, keeps no
verdict numbers in the ledger's order, books no stock movements, and does not count what was sold on a row in PostgreSQL,
whose lock would put all its transactions in a queue. So it may oversell when Valkey forgets; the benchmark lets that be.

`POOL_SIZE`: 5, 10, 20 and 40 connections were tried; see docs/benchmarks.md.
"""

import argparse
import hashlib
import os
import secrets
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Final
from uuid import UUID

import jwt
import uvicorn
from fastapi import Depends, FastAPI, Header, Request, Response, status
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from redis.asyncio import BlockingConnectionPool, Redis
from redis.commands.core import AsyncScript
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

from loadtests.baseline_tables import Claim, Item, Order, OrderHistory, OrderLine, OutboxEvent

POOL_SIZE: Final = 10
REDIS_CONNECTIONS_MAX: Final = 100
HOLD_TTL: Final = timedelta(minutes=15)
ITEMS_TTL_S: Final = 1.0
PROBLEM: Final = "urn:baseline:problem:"
LUA: Final = Path(__file__).parent


class LineWish(BaseModel):
    """Units of one item."""

    model_config = ConfigDict(extra="forbid")
    item_id: UUID
    quantity: Annotated[int, Field(ge=1, le=100)]


class OrderWish(BaseModel):
    """What a buyer sends."""

    model_config = ConfigDict(extra="forbid")
    lines: Annotated[list[LineWish], Field(min_length=1, max_length=1)]


class LineShown(BaseModel):
    """A line as sold."""

    item_id: UUID
    quantity: int
    unit_price: int
    amount: int


class Receipt(BaseModel):
    """The place in the queue."""

    no: int
    of: int
    served_at: datetime


class OrderShown(BaseModel):
    """What a buyer gets."""

    id: UUID
    sale_id: UUID
    state: str
    currency: str
    total: int
    lines: list[LineShown]
    placed_at: datetime
    expires_at: datetime
    receipt: Receipt


class Refused(Exception):
    """A refusal as a problem document."""

    def __init__(self, http_status: int, kind: str, **fields: Any) -> None:
        super().__init__(kind)
        self.http_status, self.kind, self.fields = http_status, kind, fields


@dataclass(frozen=True)
class Customer:
    """Who orders, as the token says."""

    id: UUID
    merchant_id: UUID


class Shop:
    """What the endpoint needs: database, script, and the items, read again every second."""

    def __init__(self, sessions: async_sessionmaker[AsyncSession], redis: Redis, token_key: str) -> None:
        self.sessions, self.token_key = sessions, token_key
        self.decide: AsyncScript = redis.register_script((LUA / "baseline.lua").read_text())
        self.release: AsyncScript = redis.register_script((LUA / "baseline_release.lua").read_text())
        self._items: dict[UUID, tuple[Item, float]] = {}

    async def item(self, item_id: UUID, sale_id: UUID, merchant_id: UUID) -> Item:
        """The item of this sale and merchant. Raises Refused."""
        item, read_s = self._items.get(item_id, (None, 0.0))
        if item is None or time.monotonic() - read_s > ITEMS_TTL_S:
            async with self.sessions() as session:
                item = await session.get(Item, item_id)
            if item is None:
                raise Refused(404, "unknown-item")
            self._items[item_id] = item, time.monotonic()
        if (item.sale_id, item.merchant_id) != (sale_id, merchant_id):
            raise Refused(404, "unknown-item")
        return item


def uuid7() -> UUID:
    """An id that grows with time (RFC 9562)."""
    ms = time.time_ns() // 1_000_000
    return UUID(int=ms << 80 | 7 << 76 | secrets.randbits(12) << 64 | 2 << 62 | secrets.randbits(62))


async def customer(request: Request, authorization: Annotated[str, Header()]) -> Customer:
    """The customer of a bearer token; async, so that it does not cost a thread."""
    shop: Shop = request.app.state.shop
    try:
        options = {"require": ["exp", "sub", "mid"]}
        claims = jwt.decode(authorization.removeprefix("Bearer "), shop.token_key, algorithms=["HS256"], options=options)
        return Customer(UUID(claims["sub"]), UUID(claims["mid"]))
    except (jwt.InvalidTokenError, ValueError) as error:
        raise Refused(401, "not-signed-in") from error


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Pools for the life of the process."""
    database_url = os.environ["DATABASE_URL"].replace("postgresql://", "postgresql+asyncpg://")
    pool_size = int(os.environ.get("BASELINE_POOL_SIZE", POOL_SIZE))
    engine = create_async_engine(database_url, pool_size=pool_size, max_overflow=0)
    pool = BlockingConnectionPool.from_url(os.environ["REDIS_URL"], max_connections=REDIS_CONNECTIONS_MAX)
    redis = Redis.from_pool(pool)
    sessions = async_sessionmaker(engine, expire_on_commit=False)
    app.state.shop = Shop(sessions, redis, os.environ["BASELINE_TOKEN_KEY"])
    yield
    await redis.aclose()
    await engine.dispose()


app = FastAPI(lifespan=lifespan)


@app.exception_handler(Refused)
async def refuse(_: Request, refused: Refused) -> JSONResponse:
    """RFC 9457."""
    document = {"type": PROBLEM + refused.kind, "title": refused.kind, "status": refused.http_status, **refused.fields}
    headers = {"Retry-After": "1"} if refused.http_status == 503 else None
    return JSONResponse(document, refused.http_status, headers, media_type="application/problem+json")


@app.get("/healthz")
async def healthz() -> dict[str, str]:
    """Whether the process answers."""
    return {"status": "alive"}


@app.post("/v1/sales/{sale_id}/orders", status_code=status.HTTP_201_CREATED)
async def place_order(
    sale_id: UUID,
    wish: OrderWish,
    buyer: Annotated[Customer, Depends(customer)],
    idempotency_key: Annotated[str, Header(min_length=1, max_length=128)],
    request: Request,
    response: Response,
) -> OrderShown:
    """Place an order."""
    shop: Shop = request.app.state.shop
    line = wish.lines[0]
    item = await shop.item(line.item_id, sale_id, buyer.merchant_id)
    order_id, fingerprint = uuid7(), hashlib.blake2b(wish.model_dump_json().encode(), digest_size=16).hexdigest()
    keys = [f"shop:{{{sale_id}}}:{name}" for name in ("sale", "buyers", "entries")]
    outcome, *detail = await shop.decide(
        keys, [str(buyer.id), idempotency_key, str(order_id), fingerprint, line.quantity]
    )
    match outcome:
        case b"held":
            rows = Rows(order_id, detail[0], item, line.quantity, buyer, idempotency_key, fingerprint)
            ...
