"""What is done around the buyers of a history: sweeping, lapsing, telling the gate, rebuilding; and what becomes of the
gate's engine. Each is a step of its own, with anything between two of them."""

import json
from typing import Final

from inventory.rebuild import Rebuilder
from inventory.replies import NotLoaded, StaleHolds
from orders.store import lapse as lapse_orders
from tests.orders.histories import SEGMENT, Fact, History, Sweep

OTHER_ENGINE: Final = "0" * 40


async def look(history: History) -> None:
    """A sweeper looks at everything that is held, however young."""
    if begun := await _looked(history):
        history.sweeps.append(begun)


async def _looked(history: History) -> Sweep | None:
    stale = await history.shop.gate.stale(*history.where, before_ms=history.shop.clock.ms() + 1, count=9)
    return Sweep(stale) if isinstance(stale, StaleHolds) and stale.holds else None


async def sweep(history: History, begun: Sweep) -> None:
    """The sweeper's next step: void in the ledger, then tell the gate."""
    if begun.outcomes is None:
        await _void(history, begun)
        return
    history.sweeps.remove(begun)
    await _tell(history, begun.holds, begun.outcomes)


async def sweep_all(history: History) -> None:
    """A sweeper's whole tick."""
    if begun := await _looked(history):
        await _tell(history, begun.holds, await _void(history, begun))


async def _void(history: History, begun: Sweep) -> dict[str, str]:
    holds = begun.holds
    begun.outcomes = await history.shop.ledger.void(history.config, SEGMENT, holds.epoch, holds.holds)
    return begun.outcomes


async def _tell(history: History, holds: StaleHolds, outcomes: dict[str, str]) -> None:
    for hold in holds.holds:
        name, outcome = (hold.customer_id, hold.key, hold.claim_id), outcomes[hold.claim_id]
        history.reached[f"swept {outcome}"] += 1
        if outcome == "placed":
            await history.shop.gate.confirm(*history.where, [name])
        elif outcome != "busy":
            mode = "lapsed" if outcome == "released" else "voided"
            await history.shop.gate.release(*history.where, mode, [(*name, 0)])


async def lapse_one(history: History, n: int) -> None:
    """Cancel one of those orders that were acknowledged."""
    if acknowledged := [*history.acknowledged.values()]:
        await lapse(history, acknowledged[n % len(acknowledged)][0])


async def lapse(history: History, order: int) -> None:
    """Cancel what stands for this order's key; the fact for the gate waits in `facts`."""
    name = history.name(order)
    claim = (await history.shop.ledger.claims(history.sale.id, [name])).get(name)
    if claim is None or claim.state != "placed":
        return
    moved = await lapse_orders(
        history.shop.ledger, history.config.merchant_id, [claim.id], target="cancelled", due_by=None,
        at=history.shop.clock.now(), actor="test", reason=None, subscribers=(),
    )  # fmt: skip
    if moved:
        payload = await history.shop.pool.fetchval(_FACT, claim.id)
        history.facts.append((order, claim.id, json.loads(payload)["epoch"]))


async def relay(history: History, fact: Fact) -> None:
    """Tell the gate of a lapse; one that is not loaded is told again later."""
    order, claim, epoch = fact
    reply = await history.shop.gate.release(*history.where, "lapsed", [(*history.name(order), claim, epoch)])
    if not isinstance(reply, NotLoaded) and reply.outcomes != ["not_loaded"]:
        history.facts.remove(fact)


async def relay_all(history: History) -> None:
    for fact in [*history.facts]:
        await relay(history, fact)


async def bump(history: History) -> None:
    """A rebuilder dies right after this."""
    await history.shop.ledger.bump_epoch(*history.where)


async def need_rebuild(history: History) -> bool:
    status = await history.status()
    return not status.loaded or status.epoch < await history.epoch()


async def rebuild_where_needed(history: History) -> None:
    if await need_rebuild(history):
        await rebuild(history)


async def rebuild(history: History) -> None:
    """Nobody trusts an old epoch here for longer than a step."""
    shop = history.shop
    await Rebuilder(shop.pool, shop.ledger, shop.gate, trust_s=0).rebuild(*history.where)


# The engine -----------------------------------------------------------------------------------------------------------


async def _names(history: History) -> list[bytes]:
    redis = history.shop.redis
    return [name async for name in redis.scan_iter(f"{history.shop.gate.base(*history.where)}*", count=1000)]


async def forget(history: History) -> None:
    """The engine restarts with nothing."""
    if names := await _names(history):
        await history.shop.redis.delete(*names)


async def save(history: History) -> None:
    """The engine writes a snapshot."""
    history.saved = {name: await history.shop.redis.dump(name) for name in await _names(history)}


async def restore(history: History) -> None:
    """The engine restarts with what it saved, and has another run_id than the one written there."""
    await forget(history)
    redis = history.shop.redis
    for name, value in history.saved.items():
        await redis.restore(name, 0, value)
    if history.saved:
        await redis.hset(f"{history.shop.gate.base(*history.where)}:meta", "run_id", OTHER_ENGINE)


_FACT: Final = "SELECT payload::text FROM outbox_event WHERE topic = 'order.lapsed' AND aggregate = $1"
