"""The staff's desk: every route of inventory over one shop, with a stranger's token beside ours.

async with open_desk(shop) as desk:
    answer = await desk.post("/v1/staff/skus", json=…)
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Final

import httpx
from fastapi import FastAPI

from inventory import routes, routes_catalogue, routes_copies, routes_import, routes_products
from inventory.book import SaleBook
from inventory.window import ShopWindow
from keel import http, routes_jobs
from keel.identity import Principal, Role
from keel.jobs import Jobs
from tests.inventory.selling import Shop, make_merchant

OURS: Final = {"authorization": "Bearer ours"}
THEIRS: Final = {"authorization": "Bearer theirs"}
ROUTERS: Final = (
    routes.router,
    routes.public,
    routes_catalogue.router,
    routes_products.router,
    routes_import.router,
    routes_copies.router,
    routes_jobs.router,
)


def as_role(role: Role) -> dict[str, str]:
    """The header of a member of our staff with this role."""
    return {"authorization": f"Bearer {role}"}


@asynccontextmanager
async def open_desk(shop: Shop) -> AsyncIterator[httpx.AsyncClient]:
    """A client that is signed in as the owner."""
    app = FastAPI()
    http.install(app)
    for router in ROUTERS:
        app.include_router(router)
    known: dict[str | None, Principal] = {
        OURS["authorization"]: shop.staff,
        THEIRS["authorization"]: await make_merchant(shop.selling, "Another pond"),
        **{as_role(role)["authorization"]: replace(shop.staff, role=role) for role in Role},
    }
    app.state.selling, app.state.book, app.state.authenticate_staff = shop.selling, SaleBook(shop.ledger), known.get
    app.state.window = ShopWindow(shop.ledger)
    app.state.jobs = Jobs(shop.selling.sessions, shop.ids, shop.clock)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://pond", headers=OURS) as client:
        yield client


async def pages_of(desk: httpx.AsyncClient, path: str, what: str, **params: Any) -> list[list[dict[str, Any]]]:
    """Every page of a list, each asked for where the last one ended."""
    pages, below = [], None
    while True:
        answer = await desk.get(path, params=params | ({"below": below} if below else {}))
        assert answer.status_code == 200, answer.text
        pages.append(answer.json()[what])
        below = answer.json()["next"]
        if below is None:
            return pages
