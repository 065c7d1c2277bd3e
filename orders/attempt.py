"""One buyer's attempt on its way through gate and ledger."""

import asyncio
from dataclasses import dataclass

from inventory.model import SaleConfig, lines_text
from inventory.replies import Ask, HoldAt, HoldRef
from keel.errors import Refusal
from orders.schemas import Recipient


@dataclass(slots=True, frozen=True)
class Placed:
    """A new order, committed."""

    attempt: "Attempt"
    placed_at_ms: int


@dataclass(slots=True, frozen=True)
class Standing:
    """The key stands for an order already: read that one."""

    order_id: str


Answer = Placed | Standing | Refusal


class Attempt:
    """What is wanted, and how far it got. `claim_id` is the id it goes on under; it may change on the way.

    `barred` is why nothing new is placed for this buyer (he has no ticket): the gate is asked all the same, because a
    key that stands is answered with its order whatever became of the ticket, but it is asked in a way that holds
    nothing.
    """

    __slots__ = (
        "above_epoch",
        "answer",
        "at_ms",
        "barred",
        "claim_id",
        "config",
        "context",
        "customer_id",
        "epoch",
        "expected_total",
        "fingerprint",
        "key",
        "lines",
        "must_read",
        "no",
        "recipient",
        "rounds",
        "share_code",
        "total",
        "units",
    )

    def __init__(
        self,
        *,
        customer_id: str,
        key: str,
        fingerprint: str,
        units: dict[str, int],
        expected_total: int | None,
        share_code: str | None,
        recipient: Recipient | None,
        claim_id: str,
        answer: "asyncio.Future[Answer]",
        barred: Refusal | None = None,
    ) -> None:
        self.customer_id, self.key, self.fingerprint, self.units = customer_id, key, fingerprint, units
        self.expected_total, self.share_code, self.recipient = expected_total, share_code, recipient
        self.claim_id, self.answer, self.barred = claim_id, answer, barred
        self.config: SaleConfig | None = None
        self.lines, self.total = "", 0
        self.epoch = self.above_epoch = self.no = self.at_ms = self.rounds = 0
        self.context = ""
        self.must_read = False

    def price(self, config: SaleConfig) -> None:
        """Set lines and total by this configuration. Raises KeyError for an item it does not have."""
        items = config.by_item
        self.config = config
        self.lines = lines_text({items[item_id].no: units for item_id, units in self.units.items()})
        self.total = sum(items[item_id].price * units for item_id, units in self.units.items())

    @property
    def priced(self) -> bool:
        """Whether a new order may be written at this total: it is what the buyer expected, if he said."""
        return self.barred is None and (self.expected_total is None or self.expected_total == self.total)

    def ask(self) -> Ask:
        """What the gate is asked."""
        return self.customer_id, self.key, self.claim_id, self.fingerprint, self.lines, self.priced, self.above_epoch

    def ref(self) -> HoldRef:
        """The hold's name."""
        return self.customer_id, self.key, self.claim_id

    def hold(self) -> HoldAt:
        """The hold's name and the epoch it was given in."""
        return self.customer_id, self.key, self.claim_id, self.epoch

    def settle(self, answer: Answer) -> None:
        """Answer whoever waits; a waiter that has left is passed over."""
        if not self.answer.done():
            self.answer.set_result(answer)
