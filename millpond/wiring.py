"""How the parts are put together, once, for every process."""

from collections.abc import AsyncIterator, Container, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Final

from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from accounts.denials import Denials
from accounts.staff import StaffDoor, StaffTokens
from accounts.tokens import NOBODY, Tokens
from inventory.book import SaleBook
from inventory.gate import Gate
from inventory.ledger import Ledger
from inventory.rebuild import Rebuilder
from inventory.releases import GateReleases
from inventory.selling import Selling
from keel.clock import Clock, FollowingClock
from keel.database import Pool, create_engine, create_hot_pool, create_pool, database_ms, sessions_of
from keel.ids import Ids
from keel.lua import connect
from keel.metrics import CLOCK_OFFSET_MS
from keel.outbox import Subscriber
from live.roomlog import RoomLog
from live.sale_news import RoomEvents
from live.studio import Studio
from live.telling import ROOM_EVENT
from millpond.settings import Settings
from orders.placement import Placement
from orders.tickets import Tickets
from referrals.drawing_room import DrawingRoom
from referrals.gathering import Touches
from referrals.judging import ORDER_ATTRIBUTED

GATE_RELEASES: Final = "gate-releases"
ROOM_LOG: Final = "room-log"
READ_CONNECTIONS: Final = 4

# Who hears what. A delivery row is written for each name, in the transaction that writes the fact.
SUBSCRIPTIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "order.placed": (),  # a delivery for each order would be paid for on the order path
    "order.lapsed": (GATE_RELEASES,),
    ORDER_ATTRIBUTED: (),
    ROOM_EVENT: (ROOM_LOG,),
}


@dataclass(frozen=True)
class Parts:
    """What processes are made of.

    `ledger` and `book` are placement's. `reader` and `viewers_book` have connections of their own, with the same short
    timeouts: a crowd that only looks must not keep an order waiting for a connection.
    """

    pool: Pool
    sessions: async_sessionmaker[AsyncSession]
    redis: Redis
    clock: Clock
    ids: Ids
    gate: Gate
    ledger: Ledger
    book: SaleBook
    reader: Ledger
    viewers_book: SaleBook
    rebuilder: Rebuilder
    denials: Denials
    room_log: RoomLog
    touches: Touches
    drawing: DrawingRoom

    @property
    def selling(self) -> Selling:
        """What the use cases of catalogue and sales need."""
        return Selling(self.sessions, self.ids, self.clock, self.gate, self.rebuilder)

    async def follow_clock(self) -> None:
        """Measure how far this machine's clock is off; a clock that follows no other is right as it is."""
        if isinstance(self.clock, FollowingClock):
            await self.clock.follow()
            CLOCK_OFFSET_MS.set(self.clock.offset_ms)

    def studio(self) -> Studio:
        """What the use cases of rooms, sessions, shelf, pins and talk need."""
        return Studio(self.selling, SUBSCRIPTIONS[ROOM_EVENT], self.room_log)

    def subscribers(self) -> dict[str, Subscriber]:
        """Every name of SUBSCRIPTIONS, with what stands behind it."""
        return {
            GATE_RELEASES: GateReleases(self.gate, self.ledger),
            ROOM_LOG: RoomEvents(self.room_log, self.reader),
        }


@asynccontextmanager
async def parts_of(
    database_url: str, redis_url: str, *, connections: int, clock: Clock | None = None
) -> AsyncIterator[Parts]:
    """Open connections and put the parts together; everything is closed in the end."""
    async with AsyncExitStack() as stack:
        pool = await stack.enter_async_context(create_pool(database_url))
        hot_pool = await stack.enter_async_context(create_hot_pool(database_url, connections=connections))
        read_pool = await stack.enter_async_context(
            create_hot_pool(database_url, connections=READ_CONNECTIONS, application_name="millpond reads")
        )
        engine = create_engine(database_url)
        stack.push_async_callback(engine.dispose)
        redis = connect(redis_url)
        stack.push_async_callback(redis.aclose)
        drawing = DrawingRoom()
        stack.push_async_callback(drawing.close)

        async def reference() -> int:
            return await database_ms(pool)

        clock = clock or FollowingClock(reference)
        ledger, reader, gate, ids = Ledger(hot_pool), Ledger(read_pool), Gate(redis), Ids(clock)
        yield Parts(
            pool=pool,
            sessions=sessions_of(engine),
            redis=redis,
            clock=clock,
            ids=ids,
            gate=gate,
            ledger=ledger,
            book=SaleBook(ledger),
            reader=reader,
            viewers_book=SaleBook(reader),
            rebuilder=Rebuilder(pool, ledger, gate),
            denials=Denials(pool, clock),
            room_log=RoomLog(redis, clock),
            touches=Touches(pool, ids, clock),
            drawing=drawing,
        )


def parts_for(settings: Settings) -> AbstractAsyncContextManager[Parts]:
    """The parts of a process with these settings, whose URLs are known."""
    assert settings.database_url, "millpond.servers.connected gives the URLs"
    assert settings.redis_url, "millpond.servers.connected gives the URLs"
    return parts_of(settings.database_url, settings.redis_url, connections=settings.placement_connections)


def tokens_of(settings: Settings, clock: Clock, denied: Container[str] = NOBODY) -> Tokens:
    """Access tokens as these settings sign and check them."""
    return Tokens(settings.token_secrets, clock, denied)


def staff_door_of(settings: Settings, tokens: Tokens, denials: Denials) -> StaffDoor:
    """Where staff come in, with these settings' fixed tokens or such as people sign in for."""
    fixed = StaffTokens((t.token.get_secret_value(), t.merchant_id) for t in settings.staff_tokens)
    return StaffDoor(fixed, tokens, denials)


def placement_of(parts: Parts, settings: Settings) -> Placement:
    """Where a process that takes orders places them."""
    return Placement(
        gate=parts.gate,
        ledger=parts.ledger,
        book=parts.book,
        ids=parts.ids,
        clock=parts.clock,
        subscribers=SUBSCRIPTIONS["order.placed"],
        waiting_max=settings.placement_waiting_max,
        tickets=Tickets(settings.token_secrets, parts.clock),
    )
