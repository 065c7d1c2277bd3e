"""What staff look for among orders: pure values, and what they mean for ids, which grow with time."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from keel.clock import to_ms
from orders.model import OrderState

# An order's id is made before it is placed, by a clock up to a second off, and a retry may place it under the id of a
# hold that a stopped worker left behind. Inside these bounds `placed_at` itself is looked at.
ID_BEFORE_PLACED_MAX: Final = timedelta(days=1)
ID_AFTER_PLACED_MAX: Final = timedelta(minutes=1)
_ID_MAX: Final = (1 << 128) - 1


class Rehearsals(StrEnum):
    """What is to be seen of orders that were placed to practise."""

    EXCLUDED = "excluded"
    INCLUDED = "included"
    ONLY = "only"


@dataclass(frozen=True, slots=True)
class OrderFilter:
    """Everything that is given must be true of an order. Totals in minor units, both ends included; times from
    `placed_from` on and before `placed_to`."""

    state: OrderState | None = None
    sale_id: str | None = None
    customer_id: str | None = None
    item_id: str | None = None
    sku_id: str | None = None
    share_code: str | None = None
    placed_from: datetime | None = None
    placed_to: datetime | None = None
    total_min: int | None = None
    total_max: int | None = None
    has_recipient: bool | None = None
    rehearsals: Rehearsals = Rehearsals.EXCLUDED

    @property
    def by_total(self) -> bool:
        """Whether the total matters."""
        return self.total_min is not None or self.total_max is not None

    @property
    def by_line(self) -> bool:
        """Whether what was bought matters."""
        return self.item_id is not None or self.sku_id is not None

    @property
    def by_many_sales(self) -> bool:
        """Whether many sales have to be looked through, one by one."""
        return self.share_code is not None or self.rehearsals is Rehearsals.ONLY

    @property
    def by_time(self) -> bool:
        """Whether the time of placement matters."""
        return self.placed_from is not None or self.placed_to is not None

    def ids_above(self) -> str | None:
        """No order of this filter has an id below this one."""
        return None if self.placed_from is None else least_id_at(self.placed_from - ID_BEFORE_PLACED_MAX)

    def ids_below(self) -> str | None:
        """Every order of this filter has an id below this one."""
        return None if self.placed_to is None else least_id_at(self.placed_to + ID_AFTER_PLACED_MAX)


def least_id_at(moment: datetime) -> str:
    """Not above any id that was made at this moment or later."""
    return str(UUID(int=max(0, to_ms(moment)) << 80))


def id_before(order_id: str) -> str:
    """The next smaller id."""
    return str(UUID(int=max(0, UUID(order_id).int - 1)))


def id_after(order_id: str) -> str:
    """The next greater id."""
    return str(UUID(int=min(_ID_MAX, UUID(order_id).int + 1)))
