"""Why an order is not placed or not changed, beyond what stock says."""

from dataclasses import dataclass
from typing import ClassVar

from keel.errors import Refusal


@dataclass(eq=False)
class PriceChanged(Refusal):
    """The total is not the one that the buyer expected."""

    expected_total: int
    total: int
    currency: str
    status: ClassVar = 409
    title: ClassVar = "The price has changed"


@dataclass(eq=False)
class MoveRefused(Refusal):
    """The order is in a state from which it cannot go there."""

    state: str
    target: str
    status: ClassVar = 409
    title: ClassVar = "The order's state does not allow this"


@dataclass(eq=False)
class RecipientFixed(Refusal):
    """The order is in a state in which whoever asks can no longer change whom it goes to."""

    state: str
    status: ClassVar = 409
    title: ClassVar = "The recipient can no longer be changed"


@dataclass(eq=False)
class TicketRequired(Refusal):
    """The sale asks for a purchase ticket, which a viewer earns by being in the room for `after_s` seconds."""

    after_s: int
    status: ClassVar = 403
    title: ClassVar = "This sale is for viewers who have been in the room for a while"


@dataclass(eq=False)
class TicketInvalid(Refusal):
    """The ticket is made up, over, or of another viewer or sale. Which of these is not said."""

    status: ClassVar = 403
    title: ClassVar = "This purchase ticket is not good for this order"


@dataclass(eq=False)
class TooBusy(Refusal):
    """More placements wait than this server takes on."""

    retry_after_s: float = 1.0
    status: ClassVar = 503
    title: ClassVar = "Too many orders are waiting, try again with the same key"
