"""What all lanes of a process share, and how big a batch may be."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Final

from inventory.book import SaleBook
from inventory.gate import Gate
from inventory.ledger import Ledger
from keel.batching import Batcher
from keel.breaker import Breaker
from keel.clock import Clock
from keel.errors import IdempotencyKeyReused, Refusal, Unavailable
from keel.ids import Ids
from orders.attempt import Attempt, Standing

ORDERS_PER_BATCH_MAX: Final = 256
LINES_PER_BATCH_MAX: Final = 512
NO_GATE: Final = "the gate does not answer"
NO_LEDGER: Final = "the ledger does not answer"


@dataclass(slots=True, frozen=True)
class Desk:
    """Shared by all lanes. `subscribers` of the fact that an order was placed."""

    gate: Gate
    ledger: Ledger
    book: SaleBook
    ids: Ids
    clock: Clock
    breaker: Breaker
    subscribers: tuple[str, ...]


def settle_all(attempts: Iterable[Attempt], answer: Refusal) -> None:
    """The same answer for everyone."""
    for attempt in attempts:
        attempt.settle(answer)


def standing(attempt: Attempt, order_id: str, fingerprint: str) -> Standing | Refusal:
    """The key stands: for the same wish that order, else a refusal."""
    return Standing(order_id) if fingerprint == attempt.fingerprint else IdempotencyKeyReused()


def batcher_of(
    name: str, flush: Callable[[list[Attempt]], Awaitable[None]], *, linger: Callable[[], bool] = lambda: False
) -> Batcher[Attempt]:
    """A batcher of attempts with this house's limits; a flush that breaks answers 503 to everyone in it."""
    return Batcher(
        name,
        flush,
        lambda attempt, _: attempt.settle(Unavailable()),
        items_max=ORDERS_PER_BATCH_MAX,
        weight_max=LINES_PER_BATCH_MAX,
        weigh=lambda attempt: len(attempt.request.units),
        linger=linger,
    )
