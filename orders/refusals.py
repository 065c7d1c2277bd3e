"""From the gate's verdicts to refusals a buyer can read."""

from collections.abc import Callable
from typing import Final

from inventory.errors import GateRebuilding, NotOpenYet, OverLimit, SaleEnded, SalePaused, SoldOut, UnknownItem
from inventory.model import SaleConfig
from inventory.verdicts import (
    EndedVerdict,
    KeyReused,
    NotOpenVerdict,
    OverLimitVerdict,
    PausedVerdict,
    PriceChangedVerdict,
    SoldOutVerdict,
    UnknownItemVerdict,
    Verdict,
)
from keel.clock import rfc3339
from keel.errors import IdempotencyKeyReused, Refusal
from orders.attempt import Attempt
from orders.errors import PriceChanged

_PLAIN: Final[dict[type[Verdict], Callable[[], Refusal]]] = {
    KeyReused: IdempotencyKeyReused,
    PausedVerdict: SalePaused,
    EndedVerdict: SaleEnded,
}


def item_id_of(config: SaleConfig, no: int) -> str:
    """The id of the item with this number, which the gate knows only by it."""
    return next((item.id for item in config.items if item.no == no), str(no))


def stock_refusal(verdict: SoldOutVerdict | OverLimitVerdict, config: SaleConfig) -> Refusal:
    """A "no" that depends on what the gate counted."""
    item_id = item_id_of(config, verdict.item_no) if verdict.item_no else None
    if isinstance(verdict, SoldOutVerdict):
        return SoldOut(item_id=item_id or "", left=verdict.left, served=verdict.served)
    return OverLimit(item_id=item_id, limit=verdict.limit, bought=verdict.bought)


def price_changed(attempt: Attempt) -> PriceChanged:
    """The buyer expected another total than this configuration gives."""
    quote, expected = attempt.quoted, attempt.request.expected_total
    return PriceChanged(expected_total=expected or 0, total=quote.total, currency=quote.config.currency)


def refusal_of_verdict(
    verdict: Verdict, attempt: Attempt, config: SaleConfig, *, trusted: bool, now_ms: int
) -> Refusal:
    """The refusal for a verdict that ends an attempt. `trusted`: the gate's epoch is known to be the ledger's."""
    plain = _PLAIN.get(type(verdict))
    if plain is not None:
        return plain()
    match verdict:
        case SoldOutVerdict() | OverLimitVerdict() if trusted:
            return stock_refusal(verdict, config)
        case NotOpenVerdict(opens_ms):
            opens_at = rfc3339(opens_ms) if opens_ms else None
            return NotOpenYet(opens_at=opens_at, server_time=rfc3339(now_ms))
        case UnknownItemVerdict(item_no):
            return UnknownItem(item_id=item_id_of(config, item_no))
        case PriceChangedVerdict():
            return attempt.barred or price_changed(attempt)
        case _:  # sold out or over limit from a gate that may not be believed, or a gate below the refused epoch
            return GateRebuilding()
