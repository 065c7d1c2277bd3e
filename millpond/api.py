"""The process `millpond api`: commands and queries over HTTP."""

import asyncio
import gc
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import uvicorn
import uvloop
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from accounts.service import seed_merchant
from accounts.staff import StaffTokens
from accounts.tokens import Tokens
from inventory import routes as sale_routes
from inventory import routes_catalogue, routes_copies, routes_import, routes_products
from inventory.faults import LedgerFault
from inventory.loops import keep_book
from inventory.selling import Selling
from inventory.window import ShopWindow
from keel import routes_jobs
from keel.buckets import TokenBuckets
from keel.clock import FOLLOW_EVERY_S, FollowingClock
from keel.errors import Unavailable
from keel.http import install, problem
from keel.jobs import Jobs
from keel.loops import run_every
from keel.metrics import CLOCK_OFFSET_MS
from millpond.corked import CorkedProtocol
from millpond.front import Front
from millpond.metrics import metrics_at
from millpond.readiness import Readiness
from millpond.settings import Settings
from millpond.wiring import SUBSCRIPTIONS, Parts, parts_for
from orders.desk import NO_LEDGER
from orders.openapi import with_placement
from orders.place_route import App, PlaceRoute
from orders.placement import Placement
from orders.routes import router as orders_router
from orders.service import Orders

log = logging.getLogger(__name__)

DRAIN_MAX_S: Final = 8.0
GC_THRESHOLDS: Final = (50_000, 20, 100)
_STAFF_ROUTERS: Final = tuple(
    module.router for module in (routes_catalogue, routes_products, routes_import, routes_copies, routes_jobs)
)


@asynccontextmanager
async def upkeep_of(parts: Parts) -> AsyncIterator[None]:
    """The loops that every serving process needs: the clock and the book of sales."""
    stop = asyncio.Event()

    async def follow() -> None:
        if isinstance(parts.clock, FollowingClock):
            await parts.clock.follow()
            CLOCK_OFFSET_MS.set(parts.clock.offset_ms)

    await follow()
    async with asyncio.TaskGroup() as group:
        for book in (parts.book, parts.viewers_book):
            group.create_task(keep_book(book, stop))
        group.create_task(run_every("clock", FOLLOW_EVERY_S, stop, follow))
        try:
            yield
        finally:
            stop.set()


def build(parts: Parts, settings: Settings) -> PlaceRoute:
    """The application: the placement route first, then the limits of all the rest, then FastAPI."""
    app = FastAPI(title="Millpond", version="1", openapi_url="/openapi.json")
    install(app)
    app.add_exception_handler(LedgerFault, on_ledger_fault)
    tokens = Tokens({kid: key.get_secret_value() for kid, key in settings.token_keys.items()}, parts.clock)
    staff = StaffTokens((t.token.get_secret_value(), t.merchant_id) for t in settings.staff_tokens)
    placement = Placement(
        gate=parts.gate,
        ledger=parts.ledger,
        book=parts.book,
        ids=parts.ids,
        clock=parts.clock,
        subscribers=SUBSCRIPTIONS["order.placed"],
        waiting_max=settings.placement_waiting_max,
    )
    app.state.tokens = tokens
    app.state.authenticate_staff = staff.authenticate
    app.state.orders = orders = Orders(parts.reader, parts.clock, SUBSCRIPTIONS["order.lapsed"])
    app.state.selling = Selling(parts.sessions, parts.gate, parts.rebuilder, parts.ids, parts.clock)
    app.state.book, app.state.window = parts.viewers_book, ShopWindow(parts.reader)
    app.include_router(orders_router)
    app.state.jobs = Jobs(parts.sessions, parts.ids, parts.clock)
    for router in (sale_routes.router, sale_routes.public, *_STAFF_ROUTERS):
        app.include_router(router)
    _add_health(app, Readiness(parts))
    made = app.openapi
    app.openapi = lambda: with_placement(made())  # type: ignore[method-assign]
    addresses = TokenBuckets(per_s=settings.rate_address_per_s, burst=settings.rate_address_burst)
    return PlaceRoute(
        Front(app, addresses=addresses),
        placement=placement,
        orders=orders,
        tokens=tokens,
        customers=TokenBuckets(per_s=settings.rate_customer_per_s, burst=settings.rate_customer_burst),
        addresses=addresses,
    )


def _add_health(app: FastAPI, readiness: Readiness) -> None:
    @app.get("/healthz", include_in_schema=False)
    async def alive() -> dict[str, str]:
        return {"status": "alive"}

    @app.get("/readyz", include_in_schema=False)
    async def ready() -> dict[str, Any]:
        return {"status": "ready", "checks": await readiness.checks()}


async def on_ledger_fault(_: Request, error: Exception) -> JSONResponse:
    """PostgreSQL gave no answer to a route: the client may try again. On the placement route that is said by itself."""
    log.warning("the ledger did not answer: %r", error)
    return problem(Unavailable(detail=NO_LEDGER))


def server_config(app: App, settings: Settings, *, fd: int | None = None) -> uvicorn.Config:
    """How uvicorn serves the application."""
    return uvicorn.Config(
        app,
        host=settings.api_host,
        port=settings.api_port,
        fd=fd,
        loop="uvloop",
        http=CorkedProtocol,
        ws="none",
        lifespan="off",
        access_log=False,
        log_level="warning",
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=settings.trusted_proxies or None,
        server_header=False,
        date_header=False,
        timeout_graceful_shutdown=int(DRAIN_MAX_S),
    )


async def run(settings: Settings, fd: int | None) -> None:
    """Serve until SIGTERM; requests in flight finish first."""
    async with parts_for(settings) as parts, upkeep_of(parts):
        if settings.seed_merchant_id is not None:
            await seed_merchant(parts.pool, parts.clock, settings.seed_merchant_id)
        route = build(parts, settings)
        config = server_config(route, settings, fd=fd)
        gc.collect()
        gc.freeze()  # what start-up made stays; collections look only at what requests make
        gc.set_threshold(*GC_THRESHOLDS)
        try:
            await uvicorn.Server(config).serve()
        finally:
            await asyncio.wait_for(route.drained(), DRAIN_MAX_S)  # what was taken on is committed and confirmed


def serve(settings: Settings, *, fd: int | None = None) -> None:
    """The process's whole life."""
    with metrics_at(settings.metrics_port):
        uvloop.run(run(settings, fd))
