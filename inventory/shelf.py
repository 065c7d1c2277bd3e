"""Use cases of the shelf: units that came in, and what a count found. Under a key a retry moves nothing twice."""

from dataclasses import dataclass
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from inventory import store, store_stock
from inventory.errors import NotEnoughUnits
from inventory.selling import Selling
from keel.errors import Conflict, IdempotencyKeyReused, NotFound
from keel.identity import Principal

ON_HAND_MAX: Final = 1_000_000_000_000


@dataclass(frozen=True, slots=True)
class Moved:
    """Units on hand right after a movement. `replayed`: an earlier request with this key moved them."""

    on_hand: int
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class _Movement:
    """What is asked for; whoever asks twice under one key asks for the same."""

    kind: str
    units: int
    reason: str | None


async def receive_units(
    selling: Selling, by: Principal, sku_id: str, *, units: int, reason: str | None = None, key: str | None = None
) -> Moved:
    """Goods came in. Raises NotFound, Conflict and IdempotencyKeyReused."""
    return await _move(selling, by, sku_id, _Movement("received", units, reason), key)


async def adjust_units(
    selling: Selling, by: Principal, sku_id: str, *, units: int, reason: str, key: str | None = None
) -> Moved:
    """A count found more or (negative) fewer than the books say. Raises NotEnoughUnits and as `receive_units`."""
    return await _move(selling, by, sku_id, _Movement("adjusted", units, reason), key)


async def _move(selling: Selling, by: Principal, sku_id: str, wish: _Movement, key: str | None) -> Moved:
    async with store.edge(selling.sessions) as session:
        on_hand = await _lock_one(session, by, sku_id)  # of two requests with one key, the second waits here
        if key is not None and (earlier := await _moved_before(session, by, sku_id, wish, key)) is not None:
            return earlier
        if on_hand + wish.units < 0:
            raise NotEnoughUnits(available=on_hand)
        if on_hand + wish.units > ON_HAND_MAX:
            raise Conflict(detail=f"at most {ON_HAND_MAX} units can be on hand")
        on_hand = await store_stock.change_base(session, sku_id, wish.units)
        movement = selling.movement(by, wish.kind, sku_id, wish.units, reason=wish.reason)
        await store_stock.add_movements(session, [movement | {"key": key, "on_hand": on_hand}])
        selling.audit(session, by, f"sku.{wish.kind}", sku_id, units=wish.units, reason=wish.reason)
    return Moved(on_hand)


async def _moved_before(session: AsyncSession, by: Principal, sku_id: str, wish: _Movement, key: str) -> Moved | None:
    """What a key stands for. Raises IdempotencyKeyReused where that is something else."""
    earlier = await store_stock.movement_of_key(session, by.merchant_id, sku_id, key)
    if earlier is None:
        return None
    if _Movement(earlier.kind, earlier.units, earlier.reason) != wish:
        raise IdempotencyKeyReused
    assert earlier.on_hand is not None, "kept with every key"
    return Moved(earlier.on_hand, replayed=True)


async def _lock_one(session: AsyncSession, by: Principal, sku_id: str) -> int:
    on_hand = (await store_stock.lock_base(session, by.merchant_id, [sku_id])).get(sku_id)
    if on_hand is None:
        raise NotFound(what="sku")
    return on_hand
