"""What happens to buyers, holds and orders, told so that every point of the order path is passed by a known process.

In every story `mill.processes` are an API process A, another one B, and a worker W. A story says which of them is the
victim, and which calls it makes.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Final

from inventory.running import close_sale
from tests.chaos.proxy import Effect, Trap
from tests.chaos.worlds import AGE_S, Mill, Process

ROUND_MAX_S: Final = 4.0
LIMIT: Final = 2  # units that a customer may have of the sale

Arm = Callable[[], None]


@dataclass(frozen=True)
class Story:
    """`tell(mill, arm)` calls `arm` when its victim is to be harmed. `calls` with how many of a name to let pass."""

    tell: Callable[[Mill, Arm], Awaitable[None]]
    victim: int
    calls: tuple[tuple[str, int], ...]


async def forget(mill: Mill) -> None:
    """The engine forgets this sale."""
    names = [name async for name in mill.shop.redis.scan_iter(f"{mill.shop.gate.base(mill.sale.id, 0)}*")]
    await mill.shop.redis.delete(*names)


async def _round(mill: Mill, worker: Process) -> None:
    mill.clock.advance(s=AGE_S)
    await _or_end(worker, worker.duties())


async def _or_end(worker: Process, work: Coroutine[None, None, object]) -> None:
    """A worker that hangs is killed, as its supervisor would."""
    task = asyncio.create_task(work)
    done, _ = await asyncio.wait({task}, timeout=ROUND_MAX_S)
    if not done:
        worker.die()
    await asyncio.gather(task, return_exceptions=True)


async def _buy(mill: Mill) -> None:
    """More is wanted than there is, by several at once, some of them in two places; one wants more than he may have."""
    a, b, _ = mill.processes
    wants = [(1,), (1, 1), (2,), (0, 2), (1,), (0, 1)]
    buyers = [mill.buyer(*units) for units in wants]
    buyers.append(mill.buyer(0, 2, key="and twice", customer_id=buyers[0].customer_id))
    first = [mill.order((a, b)[n % 2], buyer) for n, buyer in enumerate(buyers)]
    await asyncio.gather(*first, mill.order(b, buyers[0]), mill.order(a, buyers[1]))


async def _retry(mill: Mill) -> None:
    a, b, _ = mill.processes
    for process in (a, b):
        await asyncio.gather(*(mill.order(process, buyer) for buyer in mill.buyers))


async def buying(mill: Mill, arm: Arm) -> None:
    """A rush, and everybody asks again."""
    arm()
    await _buy(mill)
    await _retry(mill)


async def retrying(mill: Mill, arm: Arm) -> None:
    """Everybody has an answer and asks again."""
    await _buy(mill)
    arm()
    await _retry(mill)


async def not_sent(mill: Mill, arm: Arm) -> None:
    """A has lost PostgreSQL: its winners' holds are released at once."""
    a, b, _ = mill.processes
    await mill.insist(a, mill.buyer(1))
    await a.placement.drained()
    a.to_postgres.isolate()
    arm()
    buyer = mill.buyer(1)
    await asyncio.gather(mill.order(a, buyer), mill.order(b, buyer))
    await mill.order(b, buyer)


async def abandoned(mill: Mill, arm: Arm) -> None:
    """A was ended between the gate and the ledger: nobody is left to place its holds."""
    a, b, w = mill.processes
    a.arm(Trap("ledger.place", Effect.CUT))
    await asyncio.gather(mill.order(a, mill.buyer(2)), mill.order(b, mill.buyer(0, 1)))
    a.die()
    arm()
    await _round(mill, w)
    await asyncio.gather(mill.order(b, mill.buyers[0]), _round(mill, w))


async def unconfirmed(mill: Mill, arm: Arm) -> None:
    """A was ended before it heard of its commit: its holds are orders, and nobody knows."""
    a, _, w = mill.processes
    a.arm(Trap("ledger.place", Effect.LOSE))
    await asyncio.gather(*(mill.order(a, mill.buyer(*units)) for units in [(1,), (1, 1)]))
    a.die()
    arm()
    await _round(mill, w)
    await _round(mill, w)


async def lapsing(mill: Mill, arm: Arm) -> None:
    """Nobody pays; what lapses is wanted by others."""
    a, b, w = mill.processes
    await _buy(mill)
    await a.placement.drained()
    await b.placement.drained()
    mill.clock.advance(s=2 * 3600)
    arm()
    await _round(mill, w)
    await asyncio.gather(_round(mill, w), mill.order(b, mill.buyer(1)), mill.order(b, mill.buyers[0]))


async def lapsed_unconfirmed(mill: Mill, arm: Arm) -> None:
    """An order lapsed before its hold was confirmed, and the sweeper comes before the relay."""
    a, b, w = mill.processes
    a.arm(Trap("ledger.place", Effect.LOSE))
    await mill.order(a, mill.buyer(2))
    a.die()
    await mill.lapse(b)
    arm()
    await _or_end(w, w.upkeep.sweep_all())
    await mill.order(b, mill.buyers[0])


async def cancelling(mill: Mill, arm: Arm) -> None:
    """Buyers take their orders back at A; what they give back is wanted by others."""
    await _cancelling(mill, arm, by_staff=False)


async def cancelled_by_staff(mill: Mill, arm: Arm) -> None:
    """Staff cancel orders at A."""
    await _cancelling(mill, arm, by_staff=True)


async def _cancelling(mill: Mill, arm: Arm, *, by_staff: bool) -> None:
    a, b, w = mill.processes
    first, second = mill.buyer(1), mill.buyer(0, 1)
    for buyer in (first, second):
        await mill.insist(a, buyer)
    await _buy(mill)
    await a.placement.drained()
    await b.placement.drained()
    arm()
    await mill.cancel(a, first, by_staff=by_staff)
    await mill.cancel(a, second, by_staff=by_staff)
    await _round(mill, w)
    again = mill.cancel(b, first, by_staff=by_staff), mill.order(b, first)
    await asyncio.gather(*again, mill.order(b, mill.buyer(1)), mill.order(a, mill.buyer(0, 1)))


async def confirming(mill: Mill, arm: Arm) -> None:
    """An order, and nobody after it on whose call its confirmation could ride."""
    a, _, w = mill.processes
    arm()
    await mill.order(a, mill.buyer(1))
    await a.placement.drained()
    await _round(mill, w)


async def rebuilding(mill: Mill, arm: Arm) -> None:
    """Redis forgot; buyers go on asking while the gate is rebuilt, one of them for more than he may have."""
    a, b, w = mill.processes
    await mill.insist(a, mill.buyer(1))
    await mill.insist(b, mill.buyer(1, 1))
    await a.placement.drained()
    await forget(mill)
    arm()
    more = mill.buyer(0, 2, key="and twice", customer_id=mill.buyers[0].customer_id)
    asking = mill.order(a, mill.buyer(1)), mill.order(b, mill.buyers[0]), mill.order(a, more)
    await asyncio.gather(_round(mill, w), *asking)
    await _round(mill, w)
    await mill.order(a, mill.buyers[-1])


async def burying(mill: Mill, arm: Arm) -> None:
    """The gate holds under an id that the ledger has voided; the buyer asks again at A."""
    a, b, w = mill.processes
    b.arm(Trap("ledger.place", Effect.CUT))
    buyer = mill.buyer(2)
    await mill.order(b, buyer)
    w.arm(Trap("gate.release voided", Effect.CUT))
    await _round(mill, w)
    arm()
    await mill.order(a, buyer)
    await mill.order(a, buyer)


async def configuring(mill: Mill, arm: Arm) -> None:
    """PostgreSQL has a newer configuration than the gate."""
    a, _, w = mill.processes
    await mill.insist(a, mill.buyer(1))
    await mill.shop.pool.execute("UPDATE sale SET version = version + 2 WHERE id = $1", mill.sale.id)
    arm()
    await _round(mill, w)
    await mill.order(a, mill.buyer(1))


async def closing(mill: Mill, arm: Arm) -> None:
    """The sale is closed; what is left goes back to the shelf, and those who ordered may still ask."""
    a, b, w = mill.processes
    buyer = mill.buyer(1)
    await mill.insist(a, buyer)
    await a.placement.drained()
    await close_sale(mill.shop.selling, mill.shop.staff, mill.sale.id)
    arm()
    await _round(mill, w)
    await _round(mill, w)
    await asyncio.gather(mill.order(b, buyer), mill.order(b, mill.buyer(1)))


STORIES: Final[Mapping[str, Story]] = {
    "buying": Story(
        buying, 0, (("ledger.sale", 0), ("ledger.readings", 0), ("gate.hold", 0), ("gate.hold", 1), ("ledger.place", 0))
    ),
    "retrying": Story(retrying, 0, (("gate.hold", 0), ("ledger.claims", 0))),
    "confirming": Story(confirming, 0, (("gate.hold confirming", 0),)),
    "not_sent": Story(not_sent, 0, (("gate.release not_sent", 0),)),
    "abandoned": Story(
        abandoned, 2, (("ledger.running", 0), ("gate.stale", 0), ("ledger.void", 0), ("gate.release voided", 0))
    ),
    "unconfirmed": Story(unconfirmed, 2, (("ledger.void", 0), ("gate.confirm", 0))),
    "lapsing": Story(
        lapsing,
        2,
        (
            ("ledger.due", 0),
            ("ledger.lapse", 0),
            ("pool.relay_lanes", 0),
            ("pool.begin", 0),
            ("pool.relay_lock", 0),
            ("pool.relay_due", 0),
            ("gate.release lapsed", 0),
            ("pool.relay_done", 0),
            ("pool.relay_later", 0),
            ("pool.commit", 0),
        ),
    ),
    "cancelling": Story(cancelling, 0, (("reads.order", 0), ("reads.lapse", 0), ("reads.order", 1))),
    "cancelled by staff": Story(
        cancelled_by_staff,
        0,
        (
            ("staff.begin", 0),
            ("staff.state", 0),
            ("staff.cancel", 0),
            ("staff.audit", 0),
            ("staff.state", 1),
            ("staff.rows", 0),
            ("staff.history", 0),
            ("staff.notes", 0),
            ("staff.commit", 0),
        ),
    ),
    "lapsed_unconfirmed": Story(lapsed_unconfirmed, 2, (("ledger.void", 0), ("gate.release lapsed", 0))),
    "rebuilding": Story(
        rebuilding,
        2,
        (
            ("ledger.counts", 0),
            ("gate.status", 0),
            ("pool.guard", 0),
            ("gate.status", 1),
            ("ledger.bump", 0),
            ("pool.sale", 0),
            ("pool.counts", 0),
            ("pool.snapshot_last", 0),
            ("pool.snapshot_claims", 0),
            ("pool.snapshot_buyers", 0),
            ("gate.load", 0),
            ("gate.load", 1),
            ("pool.commit", 0),
            ("gate.flip", 0),
            ("pool.commit", 1),
        ),
    ),
    "burying": Story(burying, 0, (("ledger.claims", 0), ("gate.release voided", 0), ("ledger.place", 0))),
    "configuring": Story(configuring, 2, (("gate.configure", 0),)),
    "closing": Story(closing, 2, (("ledger.settle", 0), ("gate.retire", 0), ("ledger.note_settled", 0))),
}
