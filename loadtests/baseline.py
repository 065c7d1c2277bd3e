"""The app a careful developer would write without Millpond, to measure against.

FastAPI with an async endpoint, pydantic models, PyJWT, one registered script call to Valkey per request (key, limit and
stock decided atomically), then one transaction with the SQLAlchemy ORM that writes what Millpond writes for an order:
claim, order, line, history, outbox event. "Accepted" is answered after the commit. uvicorn runs it with uvloop and
httptools and without an access log; redis-py parses with hiredis; ids grow with time, so the indexes stay compact. A
fair semaphore stands before the pool of connections, whose own queue lets newcomers pass those who wait: without it the
slowest hundredth waits four times as long as the median.

Where the two differ, it is in this app's favour: it has no rate limits, takes one item per order, books no stock
movements, and does not count what was sold on a row in PostgreSQL, whose lock would put its transactions in a queue. So
nothing stops it from overselling when Valkey forgets; the benchmark does not make Valkey forget.

POOL_SIZE can be changed for a run (`make bench ARGS="--pool-size 40"`): nobody has to take our choice.

    DATABASE_URL=… REDIS_URL=… BASELINE_TOKEN_KEY=… python -m loadtests.baseline --fd 3
"""

import argparse
import asyncio
import hashlib
import os
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Final
from uuid import UUID

import jwt
import uvicorn
from fastapi import Depends, FastAPI, Header, Request, Response, status
from fastapi.responses import JSONResponse
from redis.asyncio import BlockingConnectionPool, Redis
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

from loadtests.baseline_models import Customer, LineShown, OrderShown, OrderWish, Receipt, Refused
from loadtests.baseline_store import HOLD_TTL, Catalogue, Stock, Wanted, standing, write_order

POOL_SIZE: Final = 10
REDIS_CONNECTIONS_MAX: Final = 100
PROBLEM: Final = "urn:baseline:problem:"


@dataclass(frozen=True, slots=True)
class Shop:
    """What the endpoint needs."""

    sessions: async_sessionmaker[AsyncSession]
    turns: asyncio.Semaphore
    stock: Stock
    catalogue: Catalogue
    token_key: str


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Pools for the life of the process."""
    pool_size = int(os.environ.get("BASELINE_POOL_SIZE", POOL_SIZE))
    database_url = os.environ["DATABASE_URL"].replace("postgresql://", "postgresql+asyncpg://")
    engine = create_async_engine(database_url, pool_size=pool_size, max_overflow=0)
    pool = BlockingConnectionPool.from_url(os.environ["REDIS_URL"], max_connections=REDIS_CONNECTIONS_MAX)
    redis = Redis.from_pool(pool)
    sessions = async_sessionmaker(engine, expire_on_commit=False)
    turns = asyncio.Semaphore(pool_size)
    app.state.shop = Shop(sessions, turns, Stock(redis), Catalogue(sessions), os.environ["BASELINE_TOKEN_KEY"])
    yield
    await redis.aclose()
    await engine.dispose()


app = FastAPI(lifespan=lifespan)


def shop_of(request: Request) -> Shop:
    """The shop of this process."""
    shop: Shop = request.app.state.shop
    return shop


async def customer_of(request: Request, authorization: Annotated[str, Header()]) -> Customer:
    """The customer of a bearer token. Async, so that it does not cost a thread. Raises Refused."""
    token = authorization.removeprefix("Bearer ")
    try:
        claims = jwt.decode(
            token, shop_of(request).token_key, algorithms=["HS256"], options={"require": ["exp", "sub", "mid"]}
        )
        return Customer(UUID(claims["sub"]), UUID(claims["mid"]))
    except (jwt.InvalidTokenError, ValueError) as error:
        raise Refused(401, "not-signed-in") from error


@app.exception_handler(Refused)
async def refuse(_: Request, refused: Refused) -> JSONResponse:
    """A problem document (RFC 9457)."""
    document = {"type": PROBLEM + refused.kind, "title": refused.kind, "status": refused.http_status, **refused.fields}
    headers = {"Retry-After": "1"} if refused.http_status == status.HTTP_503_SERVICE_UNAVAILABLE else None
    return JSONResponse(document, refused.http_status, headers, media_type="application/problem+json")


@app.get("/healthz")
async def healthz() -> dict[str, str]:
    """Whether the process answers."""
    return {"status": "alive"}


@app.post("/v1/sales/{sale_id}/orders", status_code=status.HTTP_201_CREATED)
async def place_order(
    *,
    sale_id: UUID,
    wish: OrderWish,
    buyer: Annotated[Customer, Depends(customer_of)],
    idempotency_key: Annotated[str, Header(min_length=1, max_length=128)],
    request: Request,
    response: Response,
) -> OrderShown:
    """Place an order, or show the one that stands under this key."""
    shop = shop_of(request)
    line = wish.lines[0]
    item = await shop.catalogue.item(line.item_id)
    if (item.sale_id, item.merchant_id) != (sale_id, buyer.merchant_id):
        raise Refused(404, "unknown-item")
    fingerprint = hashlib.blake2b(wish.model_dump_json().encode(), digest_size=16).hexdigest()
    wanted = Wanted(uuid7(), item, line.quantity, buyer, idempotency_key, fingerprint, datetime.now(UTC))
    decision = await shop.stock.decide(wanted)
    if decision.outcome == "held":
        async with shop.turns:
            await write_order(shop.sessions, shop.stock, wanted, decision.no)
        return shown(wanted, decision.no, wanted.id, wanted.at)
    order = await standing(shop.sessions, item.merchant_id, decision.order_id)
    response.status_code = status.HTTP_200_OK
    return shown(wanted, decision.no, order.id, order.placed_at)


def shown(wanted: Wanted, no: int, order_id: UUID, at: datetime) -> OrderShown:
    """The order's document. A repeated key has the same body, so its lines are the wanted ones."""
    item = wanted.item
    return OrderShown(
        id=order_id,
        sale_id=item.sale_id,
        state="awaiting_payment",
        currency=item.currency,
        total=wanted.total,
        lines=[LineShown(item_id=item.id, quantity=wanted.quantity, unit_price=item.price, amount=wanted.total)],
        placed_at=at,
        expires_at=at + HOLD_TTL,
        receipt=Receipt(no=no, of=item.allocated, served_at=at),
    )


def uuid7() -> UUID:
    """An id that grows with time (RFC 9562)."""
    ms = time.time_ns() // 1_000_000
    return UUID(int=ms << 80 | 7 << 76 | secrets.randbits(12) << 64 | 2 << 62 | secrets.randbits(62))


def main() -> None:
    """Serve on an inherited socket."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--fd", type=int, required=True)
    uvicorn.run(
        app,
        fd=parser.parse_args().fd,
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="warning",
        server_header=False,
        date_header=False,
    )


if __name__ == "__main__":
    main()
