"""Use cases of a merchant's apps: through which of them customers may come."""

from collections.abc import Sequence
from typing import Final

from accounts import store_customers as store
from accounts.people import People
from accounts.tables import AppRow
from keel.database import edge
from keel.errors import Conflict
from keel.identity import Principal

PAGE_MAX: Final = 100


async def add_app(people: People, by: Principal, *, provider: str, app_id: str) -> AppRow:
    """Let customers come through an app. Raises Conflict for one that is there, or whose provider is not."""
    if provider not in people.providers:
        raise Conflict(detail=f"this server does not exchange codes of {provider}")
    async with edge(people.sessions) as session:
        values = {"provider": provider, "app_id": app_id, "merchant_id": by.merchant_id}
        app = await store.add_app(session, id=people.ids.new(), created_at=people.clock.now(), **values)
        people.audit(session, by, "app.add", app.id, provider=provider, app_id=app_id)
    return app


async def page(people: People, by: Principal, *, below: str | None, count: int) -> Sequence[AppRow]:
    """A page of the merchant's apps, newest first."""
    async with edge(people.sessions) as session:
        return await store.list_apps(session, by.merchant_id, below=below, count=min(count, PAGE_MAX))


async def archive_app(people: People, by: Principal, app_id: str) -> None:
    """Let nobody sign in through an app any more; who is in stays. Safe to repeat. Raises NotFound."""
    async with edge(people.sessions) as session:
        await store.archive_app(session, by.merchant_id, app_id, people.clock.now())
        people.audit(session, by, "app.archive", app_id)
