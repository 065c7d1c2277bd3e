"""The process `millpond api`: commands and queries over HTTP."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import uvicorn
import uvloop
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from accounts import routes as people_routes
from accounts import routes_staff
from accounts.limits import SignInLimits
from accounts.loops import keep_denials
from accounts.passwords import Passwords
from accounts.people import People
from accounts.providers import DEMO, DemoProvider, Provider
from accounts.service import seed_demo_app, seed_merchant
from accounts.tokens import Tokens
from console import routes_funnel
from inventory import routes as sale_routes
from inventory import routes_catalogue, routes_copies, routes_import, routes_products
from inventory.faults import LedgerFault
from inventory.loops import keep_book
from inventory.window import ShopWindow
from keel import routes_jobs
from keel.buckets import TokenBuckets
from keel.clock import FOLLOW_EVERY_S
from keel.errors import Unavailable
from keel.http import install, problem
from keel.jobs import Jobs
from keel.loops import at_start, run_every
from live import routes_hooks, routes_rooms, routes_sessions, routes_shelf, routes_talk
from live.bills import Bills
from live.ingest import Ingest
from live.invitations import Invitations
from live.push_keys import PushKeys
from live.pushing import Broadcasting
from millpond.cors import with_origins
from millpond.edge import Edge
from millpond.express import express_lane_to
from millpond.front import Front
from millpond.heap import settle
from millpond.metrics import metrics_at
from millpond.openapi import describe
from millpond.poster_desk import add_posters
from millpond.readiness import Readiness
from millpond.settings import Settings
from millpond.wiring import SUBSCRIPTIONS, Parts, parts_for, placement_of, staff_door_of, tokens_of
from orders import routes_exports
from orders import routes_staff as staff_order_routes
from orders.desk import NO_LEDGER
from orders.handling import Handling
from orders.own import who_ordered
from orders.place_route import App, PlaceRoute
from orders.routes import router as orders_router
from orders.service import Orders
from referrals import routes as share_routes
from referrals import routes_credit
from referrals import routes_trees as tree_routes
from referrals.campaigns import Campaigns
from referrals.gathering import VOUCH_EVERY_S
from referrals.limits import ShareLimits
from referrals.sharing import Sharing
from referrals.showing import Doors

log = logging.getLogger(__name__)

DRAIN_MAX_S: Final = 8.0
KEEP_ALIVE_S: Final = 75  # balancers keep idle connections for a minute: one that we close first fails a request
_CATALOGUE_ROUTES: Final = (routes_catalogue, routes_products, routes_import, routes_copies)
_ORDER_ROUTES: Final = (routes_exports, staff_order_routes)
_TALK_ROUTERS: Final = (routes_shelf.router, routes_talk.rooms, routes_talk.sessions, routes_talk.words)
_STAFF_ROUTERS: Final = (*(m.router for m in (*_CATALOGUE_ROUTES, routes_jobs, *_ORDER_ROUTES)), *_TALK_ROUTERS)


@asynccontextmanager
async def upkeep_of(parts: Parts) -> AsyncIterator[None]:
    """The loops that every serving process needs: the clock, the book of sales, who may come in no more, and the word
    on touches. What was gathered of these is stored in the end."""
    stop = asyncio.Event()
    await at_start(parts.follow_clock)
    await at_start(parts.denials.read)  # before anybody is let in
    async with asyncio.TaskGroup() as group:
        for book in (parts.book, parts.viewers_book):
            group.create_task(keep_book(book, stop))
        group.create_task(keep_denials(parts.denials, stop))
        group.create_task(run_every("clock", FOLLOW_EVERY_S, stop, parts.follow_clock))
        group.create_task(run_every("touches", VOUCH_EVERY_S, stop, parts.touches.tick))
        try:
            yield
        finally:
            stop.set()
    await parts.touches.close()


@dataclass(frozen=True)
class Application:
    """What uvicorn serves, and where it brings plain placements without that detour."""

    asgi: App
    placements: PlaceRoute


def build(parts: Parts, settings: Settings) -> Application:
    """The application: the edge, other origins if any, the placement route, the limits of all the rest, FastAPI."""
    app = FastAPI(title="Millpond", version="1", openapi_url="/openapi.json", redirect_slashes=False)
    install(app)
    app.add_exception_handler(LedgerFault, on_ledger_fault)
    tokens = tokens_of(settings, parts.clock, parts.denials.denied)
    placement = placement_of(parts, settings)
    app.state.tokens = tokens
    _add_people(app, parts, settings, tokens)
    app.state.orders = orders = Orders(parts.reader, parts.clock, SUBSCRIPTIONS["order.lapsed"])
    app.state.selling = parts.selling
    app.state.handling = Handling(parts.sessions, parts.ids, parts.clock, SUBSCRIPTIONS["order.lapsed"])
    app.state.book, app.state.window = parts.viewers_book, ShopWindow(parts.reader)
    app.state.jobs = Jobs(parts.sessions, parts.ids, parts.clock)
    app.state.studio = parts.studio()
    for router in (orders_router, sale_routes.router, sale_routes.public, *_STAFF_ROUTERS):
        app.include_router(router)
    _add_rooms(app, parts, settings, PushKeys(settings.token_secrets.values()))
    _add_sharing(app, parts, settings)
    add_posters(app, parts, settings)
    _add_health(app, Readiness(parts))
    describe(app)
    addresses = TokenBuckets(per_s=settings.rate_address_per_s, burst=settings.rate_address_burst)
    route = PlaceRoute(
        Front(app, addresses=addresses),
        placement=placement,
        orders=orders,
        tokens=tokens,
        customers=TokenBuckets(per_s=settings.rate_customer_per_s, burst=settings.rate_customer_burst),
        addresses=addresses,
    )
    return Application(Edge(with_origins(route, settings.cors_origins)), route)


def _add_people(app: FastAPI, parts: Parts, settings: Settings, tokens: Tokens) -> None:
    """Who is who: staff, customers, and the ways in."""
    providers: dict[str, Provider] = {DEMO: DemoProvider()} if settings.demo_sign_in else {}
    app.state.authenticate_staff = staff_door_of(settings, tokens, parts.denials).authenticate
    app.state.people = People(parts.sessions, parts.ids, parts.clock, tokens, Passwords(), providers, who_ordered)
    app.state.sign_in_limits = SignInLimits()
    for router in (people_routes.staff, people_routes.auth, routes_staff.router):
        app.include_router(router)


def _add_rooms(app: FastAPI, parts: Parts, settings: Settings, keys: PushKeys) -> None:
    """Rooms and sessions, and what media servers report of them."""
    app.state.rooms = rooms = app.state.studio
    app.state.bills = Bills(parts.sessions)
    app.state.broadcasting = Broadcasting(rooms, settings.media(), keys)
    app.state.invitations = Invitations(settings.token_secrets, parts.clock)
    app.state.ingest, app.state.hook_secret = Ingest(rooms, keys), settings.hook_secret()
    for router in (routes_rooms.router, routes_rooms.public, routes_sessions.router, routes_hooks.router):
        app.include_router(router)


def _add_sharing(app: FastAPI, parts: Parts, settings: Settings) -> None:
    """Shares, visits through them, and campaigns."""
    app.state.sharing = Sharing(parts.reader, parts.ids, parts.clock)
    app.state.share_doors = Doors(parts.reader, parts.touches, ShareLimits())
    app.state.share_links = settings.link_templates()
    app.state.campaigns = Campaigns(parts.sessions, parts.ids, parts.clock)
    app.state.long_readings = routes_funnel.LongReadings(parts.pool)
    shares = share_routes.router, share_routes.short, share_routes.staff
    credit = routes_credit.own, routes_credit.staff
    trees = tree_routes.own, tree_routes.of_sessions, tree_routes.of_rooms, routes_funnel.router
    for router in (*trees, *shares, *credit):
        app.include_router(router)


def _add_health(app: FastAPI, readiness: Readiness) -> None:
    @app.api_route("/healthz", methods=["GET", "HEAD"], include_in_schema=False)
    async def alive() -> dict[str, str]:
        return {"status": "alive"}

    @app.api_route("/readyz", methods=["GET", "HEAD"], include_in_schema=False)
    async def ready() -> dict[str, Any]:
        return {"status": "ready", "checks": await readiness.checks()}


async def on_ledger_fault(_: Request, error: Exception) -> JSONResponse:
    """PostgreSQL gave no answer to a route: the client may try again. On the placement route that is said by itself."""
    log.warning("the ledger did not answer: %r", error)
    return problem(Unavailable(detail=NO_LEDGER))


def server_config(app: Application, settings: Settings, *, fd: int | None = None) -> uvicorn.Config:
    """How uvicorn serves the application."""
    return uvicorn.Config(
        app.asgi,
        host=settings.api_host,
        port=settings.api_port,
        fd=fd,
        loop="uvloop",
        http=express_lane_to(app.placements),
        ws="none",
        lifespan="off",
        access_log=False,
        log_level="warning",
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=settings.trusted_proxies or None,
        server_header=False,
        date_header=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=int(DRAIN_MAX_S),
    )


async def run(settings: Settings, fd: int | None) -> None:
    """Serve until SIGTERM; requests in flight finish first."""
    async with parts_for(settings) as parts, upkeep_of(parts):
        if settings.seed_merchant_id is not None:
            await seed_merchant(parts.pool, parts.clock, settings.seed_merchant_id)
            if settings.demo_sign_in:
                await seed_demo_app(parts.pool, parts.clock, parts.ids, settings.seed_merchant_id)
        app = build(parts, settings)
        config = server_config(app, settings, fd=fd)
        settle()
        try:
            await uvicorn.Server(config).serve()
        finally:
            await asyncio.wait_for(
                app.placements.drained(), DRAIN_MAX_S
            )  # what was taken on is committed and confirmed


def serve(settings: Settings, *, fd: int | None = None) -> None:
    """The process's whole life."""
    with metrics_at(settings.metrics_port):
        uvloop.run(run(settings, fd))
