"""What happens at the same time in a history: two batches that name the same keys in opposite order, real placements of
two processes, lapses and new epochs beside them, and somebody who locks stock from the wrong end."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final

import asyncpg

from inventory.book import SaleBook
from inventory.errors import OverLimit, SoldOut
from inventory.faults import Contended, NotSent
from inventory.ledger import Ledger
from keel.database import create_hot_pool
from keel.errors import IdempotencyKeyReused, Refusal
from keel.ids import Ids
from orders.attempt import Answer, Placed, Standing
from orders.placement import Buyer, Placement
from tests.chaos.points import MARKERS
from tests.chaos.proxy import Effect, Proxy, Trap
from tests.chaos.wire import PostgresWire
from tests.eventually import eventually_async
from tests.orders import history_upkeep as upkeep
from tests.orders.histories import Call, History

PROCESSES: Final = 2
DEADLOCK_MS: Final = 20  # after which PostgreSQL looks; a placement waits longer than that for a lock

Work = Coroutine[Any, Any, None]


@dataclass(frozen=True)
class Process:
    """Connections to the ledger that can break before an answer, over all histories."""

    proxy: Proxy
    ledger: Ledger

    def door(self, history: History) -> "Door":
        book, clock = SaleBook(self.ledger), history.shop.clock
        placement = Placement(gate=history.shop.gate, ledger=self.ledger, book=book, ids=Ids(clock), clock=clock)
        return Door(self, placement, book)


@dataclass(frozen=True)
class Door:
    """What a process takes one history's orders with."""

    process: Process
    placement: Placement
    book: SaleBook


@dataclass(frozen=True)
class Scene:
    """The processes, and the rival: a connection that PostgreSQL never chooses to end a deadlock with."""

    processes: tuple[Process, ...]
    rival: asyncpg.Connection


@asynccontextmanager
async def scene_of(database_url: str) -> AsyncIterator[Scene]:
    """Everything that races here, on a database where deadlocks are seen at once."""
    async with AsyncExitStack() as stack:
        rival = await asyncpg.connect(database_url)
        stack.push_async_callback(rival.close)
        await rival.execute(
            f"ALTER DATABASE {database_url.rpartition('/')[2]} SET deadlock_timeout = '{DEADLOCK_MS}ms'"
        )
        await rival.execute("SET deadlock_timeout = '60s'")
        processes = []
        for _ in range(PROCESSES):
            proxy = await stack.enter_async_context(Proxy(database_url, lambda: PostgresWire(MARKERS)).opened())
            pool = await stack.enter_async_context(create_hot_pool(proxy.url, connections=2))
            processes.append(Process(proxy, Ledger(pool)))
        yield Scene(tuple(processes), rival)


# The ledger -----------------------------------------------------------------------------------------------------------


async def cross(history: History, wanted: Sequence[int]) -> list[Work]:
    """Two batches with the same holds, for the second process has joined them; their keys come in opposite order."""
    await upkeep.rebuild_where_needed(history)
    await upkeep.relay_all(history)
    batches = [await _holds(history, wanted), [*reversed(await _holds(history, wanted))]]
    return [history.place(batch) for batch in batches if batch]


async def _holds(history: History, wanted: Sequence[int]) -> list[Call]:
    """Holds of one epoch with each key once, ready for the ledger and taken out of what waits."""
    known = len(history.calls)
    for order in wanted:
        await history.ask(order)
    for call in history.calls[known:]:
        if call.must_read:
            await history.go_on(call)
    asked, ready = history.calls[known:], dict[tuple[str, str], Call]()
    del history.calls[known:]
    for call in asked:
        others = ready.values()
        if call.must_read or history.name(call.order) in ready or any(call.epoch != one.epoch for one in others):
            history.calls.append(call)
        else:
            ready[history.name(call.order)] = call
    return [*ready.values()]


# Placements -----------------------------------------------------------------------------------------------------------


async def rush(
    history: History, doors: Sequence[Door], wanted: Sequence[Sequence[int]], loss: Effect | None
) -> list[Work]:
    """Orders at several doors at once; on the way to the first one's ledger a placement, or its answer, is lost."""
    await upkeep.rebuild_where_needed(history)
    await upkeep.relay_all(history)
    for door in doors:
        await door.book.tick()
    known = dict(history.acknowledged)
    if loss is not None:
        doors[0].process.proxy.arm(Trap("ledger.place", loss))

    async def one(door: Door, order: int) -> None:
        customer_id, key = history.name(order)
        buyer = Buyer(history.config.merchant_id, customer_id)
        try:
            answer = await door.placement.place(history.sale.id, buyer, key, history.request(order))
        except Refusal as refusal:
            answer = refusal
        was_acknowledged = known.get((customer_id, key), (None, ""))[0]
        _hear(history, order, answer, was_acknowledged)

    async def all_of_them() -> None:
        pairs = zip(doors, wanted, strict=True)
        await asyncio.gather(*(one(door, order) for door, orders in pairs for order in orders))
        for door in doors:
            await door.placement.drained()
            door.process.proxy.disarm()

    return [all_of_them()]


def _hear(history: History, order: int, answer: Answer, was_acknowledged: int | None) -> None:
    """What a buyer was told, and what he may not have been told; `was_acknowledged` is whose order had the key."""
    history.reached[f"told {type(answer).__name__}"] += 1
    match answer:
        case Placed(attempt):
            history.acknowledge(order, attempt.claim_id)
        case Standing(order_id):
            history.acknowledge(order, order_id)
        case IdempotencyKeyReused():
            assert was_acknowledged != order, "an acknowledged key was refused as another body's"
        case SoldOut() | OverLimit():
            assert was_acknowledged is None, f"an acknowledged key was told {answer}"
        case other:
            assert isinstance(other, Refusal)
            assert other.status == 503, other


# Beside ---------------------------------------------------------------------------------------------------------------


async def beside(history: History, what: str, n: int) -> None:
    """Somebody else's work at the same time; what gives way to others is done again later."""
    with suppress(Contended, NotSent):
        if what == "lapse":
            await upkeep.lapse_one(history, n)
        else:
            await _BESIDE[what](history)


async def at_once(work: Sequence[Work], item_ids: Sequence[str], rival: asyncpg.Connection | None) -> None:
    """All of it together; against a rival, who has the last item's stock and then wants the first one's."""
    if rival is None:
        await asyncio.gather(*work)
        return
    async with rival.transaction():
        await rival.execute(_LOCK, item_ids[-1])
        racing = asyncio.gather(*work)

        async def met() -> bool:
            return racing.done() or bool(await rival.fetchval(_WAITS_FOR_ME))

        await eventually_async(met)
        await rival.execute(_LOCK, item_ids[0])
    await racing


_BESIDE: Final = {
    "bump": upkeep.bump, "rebuild": upkeep.rebuild, "sweep": upkeep.sweep_all, "forget": upkeep.forget,
}  # fmt: skip
_LOCK: Final = "SELECT FROM stock WHERE item_id = $1 FOR UPDATE"
_WAITS_FOR_ME: Final = """
    SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid)))
"""
