"""Why stock is not given out."""

from dataclasses import dataclass
from typing import ClassVar

from keel.errors import Refusal


@dataclass(eq=False)
class SoldOut(Refusal):
    """Fewer units are left than were asked for. `served` is the last number the queue gave out before."""

    item_id: str
    left: int
    served: int
    status: ClassVar = 409
    title: ClassVar = "Not enough stock left"


@dataclass(eq=False)
class OverLimit(Refusal):
    """The buyer's limit, of one item or (no item_id) of the whole sale."""

    item_id: str | None
    limit: int
    bought: int
    status: ClassVar = 409
    title: ClassVar = "More than one buyer may have"


@dataclass(eq=False)
class NotOpenYet(Refusal):
    """Too early. `opens_at` is absent where a hand opens the sale; `server_time` helps a client whose clock is off."""

    opens_at: str | None
    server_time: str
    status: ClassVar = 425
    title: ClassVar = "The sale is not open yet"


@dataclass(eq=False)
class SalePaused(Refusal):
    """Paused by staff, may go on."""

    retry_after_s: float = 2.0
    status: ClassVar = 403
    title: ClassVar = "The sale is paused"


@dataclass(eq=False)
class SaleEnded(Refusal):
    """Closed, or past its window."""

    status: ClassVar = 403
    title: ClassVar = "The sale has ended"


@dataclass(eq=False)
class UnknownItem(Refusal):
    """The sale has no such item."""

    item_id: str
    status: ClassVar = 404
    title: ClassVar = "The sale has no such item"


@dataclass(eq=False)
class NotEnoughUnits(Refusal):
    """Staff asked to move more units than there are: `available` of them (of SKU `sku_id`) can be moved."""

    available: int
    sku_id: str | None = None
    status: ClassVar = 409
    title: ClassVar = "Not that many units can be moved"


@dataclass(eq=False)
class GateRebuilding(Refusal):
    """The gate forgot, or may not be believed right now; it is being rebuilt from the ledger."""

    retry_after_s: float = 2.0
    status: ClassVar = 503
    title: ClassVar = "The sale is being restored, try again with the same key"
