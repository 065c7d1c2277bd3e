"""Several processes of the order path in one event loop, each behind proxies of its own, over the same engines."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any, Final

import asyncpg

from console.audit import audit
from console.model import NotAuditable
from inventory import reconciler
from inventory.faults import GateSilent, LedgerFault
from inventory.loops import Upkeep
from inventory.rebuild import TRUST_S, Rebuilder
from inventory.reconciler import Reconciler
from inventory.sweeper import Sweeper
from keel.clock import FakeClock
from keel.errors import Refusal, Unavailable
from keel.outbox import Relay
from millpond.wiring import SUBSCRIPTIONS, Parts, parts_of
from orders import writing
from orders.attempt import Answer
from orders.handling import Handling, cancel_order
from orders.placement import Buyer as Caller
from orders.placement import Placement
from orders.schemas import LineRequest, OrderRequest
from orders.service import Orders
from tests.chaos.judging import id_of, judge_meanwhile
from tests.chaos.laws import Buyer, broken_laws
from tests.chaos.points import MARKERS
from tests.chaos.proxy import Proxy, Trap
from tests.chaos.wire import PostgresWire, RedisWire
from tests.eventually import eventually_async, insist
from tests.inventory.selling import Sale, Shop, open_sale, open_shop

AGE_S: Final = 4  # more than the sweeper's look_after, and than every delay of the outbox's first tries
REST_MAX_S: Final = 15.0
END_MAX_S: Final = 5.0
INSIST_MAX_S: Final = 10.0
RAISING_ALARMS: Final = (reconciler.__name__, writing.__name__)


@dataclass
class Process:
    """What `millpond api` and `millpond worker` are made of, in one. `own`: what people do with orders of their own."""

    parts: Parts
    placement: Placement
    to_redis: Proxy
    to_postgres: Proxy
    orders: Orders
    own: Orders
    handling: Handling
    upkeep: Upkeep
    relay: Relay
    alive: bool = True

    def arm(self, trap: Trap) -> Trap:
        """Lay a trap on this process's way to the engine of that call."""
        return (self.to_redis if trap.call.startswith("gate.") else self.to_postgres).arm(trap)

    def die(self) -> None:
        """As after SIGKILL: nothing it does from now on reaches anybody; what it sent may still be carried out."""
        self.alive = False
        self.to_redis.orphan()
        self.to_postgres.orphan()

    async def end(self) -> None:
        """Die, and return once nothing of it runs any more: nobody may use connections that are closed next."""
        self.die()
        await asyncio.wait_for(self.placement.drained(), END_MAX_S)

    def recover(self) -> None:
        """No more faults."""
        for proxy in (self.to_redis, self.to_postgres):
            proxy.disarm()
            proxy.heal()

    async def duties(self) -> None:
        """One round of everything that a worker does, each on its own: one that fails does not stop the others."""
        await self.parts.book.tick()
        jobs = (self.upkeep.reconcile_all, self.upkeep.sweep_all, self.orders.expire_due, self.relay.tick)
        for job in jobs:
            await asyncio.gather(job(), return_exceptions=True)


@dataclass
class Mill:
    """A sale, its buyers, and the processes that serve it. The first process to be made is `processes[0]`.

    `untrue`: what buyers were told, whatever was broken at that moment, and should never be. `alarms`: what the order
    path raised of itself; they never come by the rules, and whatever they had rebuilt would look sound in the end.
    """

    database_url: str
    redis_url: str
    shop: Shop
    sale: Sale
    stack: AsyncExitStack
    trust_s: float
    limit: int | None = None
    processes: list[Process] = field(default_factory=list)
    buyers: list[Buyer] = field(default_factory=list)
    untrue: list[str] = field(default_factory=list)
    alarms: list[str] = field(default_factory=list)

    @property
    def clock(self) -> FakeClock:
        return self.shop.clock

    async def process(self, *, connections: int = 2, redis_url: str | None = None) -> Process:
        """One more process, at another Redis where one is given."""
        redis = await self.stack.enter_async_context(Proxy(redis_url or self.redis_url, RedisWire).opened())
        postgres = Proxy(self.database_url, lambda: PostgresWire(MARKERS))
        await self.stack.enter_async_context(postgres.opened())
        parts = await self.stack.enter_async_context(
            parts_of(postgres.url, redis.url, connections=connections, clock=self.clock)
        )
        parts = replace(parts, rebuilder=Rebuilder(parts.pool, parts.ledger, parts.gate, trust_s=self.trust_s))
        process = _process(parts, redis, postgres)
        self.stack.push_async_callback(process.end)
        self.processes.append(process)
        return process

    def buyer(self, *units: int, key: str = "once", customer_id: str | None = None) -> Buyer:
        """A buyer who wants these units of the sale's items, in their order; one of the first unless said."""
        lines = {item: n for item, n in zip(self.sale.item_ids, units or (1,), strict=False) if n}
        buyer = Buyer(customer_id or self.shop.ids.new(), key, lines)
        self.buyers.append(buyer)
        return buyer

    async def order(self, process: Process, buyer: Buyer) -> Answer:
        """One request; what is acknowledged is noted."""
        request = OrderRequest(lines=[LineRequest(item_id, units) for item_id, units in buyer.lines.items()])
        caller = Caller(self.shop.staff.merchant_id, buyer.customer_id)
        had = bool(buyer.acknowledged)
        try:
            answer = await process.placement.place(self.sale.id, caller, buyer.key, request)
        except Refusal as refusal:
            answer = refusal
        if isinstance(answer, Refusal):
            self.untrue += judge_meanwhile(buyer, answer, had=had)
        if order_id := id_of(answer):
            buyer.acknowledged.add(order_id)
        return answer

    async def insist(self, process: Process, buyer: Buyer) -> Answer:
        """Retry with the same key until the answer is not 503; that one, where there is no other in the end."""
        answers: list[Answer] = []

        async def answered() -> bool:
            answers[:] = [await self.order(process, buyer)]
            if not (isinstance(answers[0], Refusal) and answers[0].status == 503):
                return True
            await process.parts.book.tick()
            await asyncio.gather(process.upkeep.reconcile_all(), return_exceptions=True)
            return False

        with suppress(AssertionError):
            await eventually_async(answered, within_s=INSIST_MAX_S)
        return answers[0]

    async def cancel(self, process: Process, buyer: Buyer, *, by_staff: bool = False) -> None:
        """The buyer takes his orders back, or staff do; what is acknowledged is noted."""
        staff = self.shop.staff
        for order_id in buyer.acknowledged:
            try:
                if by_staff:
                    await cancel_order(process.handling, staff, order_id, "the brush is broken")
                else:
                    await process.own.cancel(staff.merchant_id, buyer.customer_id, order_id, None)
            except (LedgerFault, Unavailable):
                continue  # both are a 503: nobody knows, and to ask again is safe
            buyer.cancelled.add(order_id)

    async def rest(self, worker: Process) -> list[str]:
        """Let the worker work until nothing is left to do; the laws that are broken then, none when all is well."""
        said: list[str] = []

        async def at_rest() -> bool:
            self.clock.advance(s=AGE_S)
            await worker.duties()
            said[:] = await self.broken(worker)
            return not said

        with suppress(AssertionError):
            await eventually_async(at_rest, within_s=REST_MAX_S)
        return said

    async def broken(self, process: Process) -> list[str]:
        """The laws that do not hold now, at the gate of this process."""
        pool, gate = self.shop.pool, process.parts.gate
        try:
            return self.alarms + await broken_laws(pool, gate, self.sale.id, self.buyers, limit=self.limit)
        except (GateSilent, OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            return [f"nothing can be read: {type(error).__name__} {error}"]

    async def audited(self, process: Process) -> list[str]:
        """What the audit finds broken. It is asked again where a machine that stood still made the gate seem silent."""
        gate, now = process.parts.gate, self.clock.now()
        report = await insist(
            lambda: audit(self.shop.pool, gate, self.sale.id, wait_s=0, at=now), GateSilent, NotAuditable
        )
        return [f"audit: {breach.name}: {breach.detail}" for breach in report.breaches]

    async def lapse(self, process: Process) -> None:
        """Time for payment is over."""
        self.clock.advance(s=2 * 3600)
        await asyncio.gather(process.orders.expire_due(), return_exceptions=True)


def _process(parts: Parts, redis: Proxy, postgres: Proxy) -> Process:
    placement = Placement(
        gate=parts.gate, ledger=parts.ledger, book=parts.book, ids=parts.ids, clock=parts.clock,
        subscribers=SUBSCRIPTIONS["order.placed"],
    )  # fmt: skip
    keeper = Reconciler(parts.gate, parts.ledger, parts.book, parts.clock)
    sweeper = Sweeper(parts.gate, parts.ledger, parts.clock)
    return Process(
        parts, placement, redis, postgres,
        orders=Orders(parts.ledger, parts.clock, SUBSCRIPTIONS["order.lapsed"]),
        own=Orders(parts.reader, parts.clock, SUBSCRIPTIONS["order.lapsed"]),
        handling=Handling(parts.sessions, parts.ids, parts.clock, SUBSCRIPTIONS["order.lapsed"]),
        upkeep=Upkeep(parts.ledger, parts.book, keeper, sweeper, parts.rebuilder),
        relay=Relay(parts.pool, parts.subscribers(), parts.clock),
    )  # fmt: skip


class _Ear(logging.Handler):
    """Hears the alarms of one sale."""

    def __init__(self, mill: Mill) -> None:
        super().__init__(logging.ERROR)
        self._mill = mill

    def emit(self, record: logging.LogRecord) -> None:
        said = record.getMessage()
        if said.startswith("ALARM") and self._mill.sale.id in said:
            self._mill.alarms.append(said)


@contextmanager
def _heard(mill: Mill) -> Iterator[None]:
    ear = _Ear(mill)
    for name in RAISING_ALARMS:
        logging.getLogger(name).addHandler(ear)
    try:
        yield
    finally:
        for name in RAISING_ALARMS:
            logging.getLogger(name).removeHandler(ear)


@asynccontextmanager
async def mill_of(database_url: str, redis_url: str, **options: Any) -> AsyncIterator[Mill]:
    """A mill with an open sale in a shop of its own. Options of mill_in."""
    async with open_shop(database_url, redis_url) as shop, mill_in(shop, database_url, redis_url, **options) as mill:
        yield mill


@asynccontextmanager
async def mill_in(
    shop: Shop,
    database_url: str,
    redis_url: str,
    *,
    units: Sequence[int] = (3, 3),
    limit: int | None = None,
    processes: int = 2,
    trust_s: float = TRUST_S,
) -> AsyncIterator[Mill]:
    """A mill with an open sale; everything is closed at the end, and no later mill meets its sale."""
    async with AsyncExitStack() as stack:
        sale = await open_sale(shop, units=units, limit=limit)
        mill = Mill(database_url, redis_url, shop, sale, stack, trust_s, limit)
        stack.enter_context(_heard(mill))
        for _ in range(processes):
            await mill.process()
        yield mill
        await shop.pool.execute("UPDATE sale SET archived_at = created_at WHERE id = $1", sale.id)
        await shop.pool.execute("UPDATE orders SET state = 'paid' WHERE state = 'awaiting_payment'")
        await shop.pool.execute("DELETE FROM outbox_delivery")
