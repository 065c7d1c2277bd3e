"""Builders for tests: a merchant with an app and its people, over the use cases and a real database.

async with open_people(database_url) as shop:
    owner = await shop.member("hua@pond.cn", Role.OWNER)
    guest = await come_as_guest(shop.people, shop.app_id)
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, Final

from argon2 import PasswordHasher
from sqlalchemy import text

from accounts import members, staff_sign_in
from accounts.apps import add_app
from accounts.denials import Denials
from accounts.passwords import Passwords
from accounts.people import People, SignedIn
from accounts.providers import DEMO, DemoProvider
from accounts.staff import StaffDoor, StaffTokens
from accounts.staff_sign_in import Credentials
from accounts.store import ensure_merchant
from accounts.tokens import Claims, Tokens
from keel.clock import FakeClock
from keel.database import Pool, create_engine, create_pool, sessions_of, transaction
from keel.identity import Principal, Role
from keel.ids import Ids
from keel.loops import at_start

PASSWORD: Final = "a long enough password"
KEYS: Final = {"test": "a secret that only the tests know, 32 b"}
CHEAP: Final = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
HUA: Final = "hua@pond.cn"


@dataclass(frozen=True)
class Process:
    """What one API process knows: its deny-list, and who it lets in."""

    denials: Denials
    tokens: Tokens
    door: StaffDoor

    async def hear(self) -> None:
        """Read the deny-list, again where the machine stood still meanwhile: as the loop of a process does."""
        await at_start(self.denials.read)

    def staff(self, access: str) -> Principal | None:
        return self.door.authenticate(f"Bearer {access}")

    def customer(self, access: str) -> Claims:
        return self.tokens.check(f"Bearer {access}".encode())


@dataclass(frozen=True)
class PeopleShop:
    """A merchant. `by` is its owner by a fixed token, `other` the one of another merchant."""

    people: People
    pool: Pool
    clock: FakeClock
    by: Principal
    other: Principal
    app_id: str
    here: Process

    def process(self) -> Process:
        """Another process on the same database; its deny-list was not read yet."""
        return _process(self.pool, self.clock)

    async def member(self, email: str = HUA, role: Role = Role.OWNER, by: Principal | None = None) -> SignedIn:
        """Somebody who was invited and chose the password."""
        invited = await members.invite(self.people, by or self.by, email=email, name="Hua", role=role)
        return await staff_sign_in.accept(self.people, invited.invitation, PASSWORD)

    async def login(self, email: str = HUA, password: str = PASSWORD, merchant_id: str | None = None) -> SignedIn:
        return await staff_sign_in.login(self.people, Credentials(email, password, merchant_id))

    async def rows(self, statement: str, **values: Any) -> list[dict[str, Any]]:
        """What a query says, ids as text."""
        async with transaction(self.people.sessions) as session:
            found = (await session.execute(text(statement), values)).mappings().all()
        return [dict(row) for row in found]

    async def commands(self) -> list[tuple[str, str]]:
        """Who did what, as the audit has it, oldest first."""
        rows = await self.rows("SELECT actor, command FROM staff_audit ORDER BY id")
        return [(row["actor"], row["command"]) for row in rows]

    def with_hasher(self, hasher: PasswordHasher) -> "PeopleShop":
        """The same people on a release that hashes in another way."""
        return replace(self, people=replace(self.people, passwords=Passwords(hasher)))


def principal_of(signed_in: SignedIn) -> Principal:
    """A member of staff who signed in, as the one who does something."""
    assert signed_in.role is not None
    return Principal(signed_in.merchant_id, signed_in.subject_id, Role(signed_in.role))


def _process(pool: Pool, clock: FakeClock) -> Process:
    denials = Denials(pool, clock)
    tokens = Tokens(KEYS, clock, denials.denied)
    return Process(denials, tokens, StaffDoor(StaffTokens([]), tokens, denials))


@asynccontextmanager
async def open_people(database_url: str, clock: FakeClock | None = None) -> AsyncIterator[PeopleShop]:
    """Two merchants on a database, the first with an app of the demo provider; connections are closed in the end."""
    clock = clock or FakeClock()
    ids = Ids(clock)
    engine, pool = create_engine(database_url), await create_pool(database_url)
    try:
        here = _process(pool, clock)
        people = People(sessions_of(engine), ids, clock, here.tokens, Passwords(CHEAP), {DEMO: DemoProvider()})
        by, other = [await _merchant(pool, ids, clock) for _ in range(2)]
        app = await add_app(people, by, provider=DEMO, app_id="pond")
        await here.hear()
        yield PeopleShop(people, pool, clock, by, other, app.id, here)
    finally:
        await pool.close()
        await engine.dispose()


async def _merchant(pool: Pool, ids: Ids, clock: FakeClock) -> Principal:
    merchant_id = ids.new()
    await ensure_merchant(pool, merchant_id, "A pond", clock.now())
    return Principal(merchant_id, "staff-token-1", Role.OWNER)
