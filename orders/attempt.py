"""One buyer's attempt on its way through gate and ledger."""

import asyncio
from dataclasses import dataclass

from inventory.model import SaleConfig
from inventory.replies import Ask, HoldAt, HoldRef
from keel.errors import Refusal
from orders.quote import Quote, quote_of
from orders.schemas import OrderRequest


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
        "context",
        "customer_id",
        "epoch",
        "fingerprint",
        "key",
        "must_read",
        "no",
        "quote",
        "request",
        "rounds",
    )

    def __init__(
        self,
        *,
        customer_id: str,
        key: str,
        request: OrderRequest,
        fingerprint: str,
        claim_id: str,
        answer: "asyncio.Future[Answer]",
        barred: Refusal | None = None,
    ) -> None:
        self.customer_id, self.key, self.request, self.fingerprint = customer_id, key, request, fingerprint
        self.claim_id, self.answer, self.barred = claim_id, answer, barred
        self.quote: Quote | None = None
        self.epoch = self.above_epoch = self.no = self.at_ms = self.rounds = 0
        self.context = ""
        self.must_read = False

    def ask(self, config: SaleConfig) -> Ask:
        """What the gate is asked, by the lines and total of this configuration."""
        quote = self.quote = quote_of(self.request, config)
        return self.customer_id, self.key, self.claim_id, self.fingerprint, quote.text, self.priced, self.above_epoch

    @property
    def priced(self) -> bool:
        """Whether a new order may be written at this total: it is what the buyer expected, if he said."""
        expected = self.request.expected_total
        return self.barred is None and (expected is None or expected == self.quoted.total)

    @property
    def quoted(self) -> Quote:
        """The quote under which the gate was asked."""
        assert self.quote is not None, "a quote comes with the question to the gate"
        return self.quote

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
