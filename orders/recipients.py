"""Whom an order goes to: who may read it, and how it looks to others. Never in logs, audit details or errors."""

from dataclasses import dataclass
from typing import Final

from keel.identity import MANAGERS, Principal
from orders.model import OrderState

RECIPIENT: Final = "recipient"
_HIDDEN: Final = "***"
_PHONE_CHARS_SHOWN: Final = 4
_PHONE_CHARS_MIN: Final = 8  # of a shorter one, the last four would be half of it


@dataclass(frozen=True, slots=True)
class Whom:
    """A recipient. `repr` shows nothing, so that no log line can."""

    name: str
    phone: str
    address: str

    def __repr__(self) -> str:
        return "Whom(***)"

    def masked(self) -> "Whom":
        """Enough to tell two recipients apart, and too little to find either."""
        shown = self.phone[-_PHONE_CHARS_SHOWN:] if len(self.phone) >= _PHONE_CHARS_MIN else ""
        return Whom(name=self.name[:1] + "**", phone=_HIDDEN + shown, address=_HIDDEN)


def missing_of(state: str, whom: Whom | None, *, to_be_sent: bool) -> list[str]:
    """What an order that may still be sent lacks."""
    over = state in (OrderState.EXPIRED, OrderState.CANCELLED)
    return [RECIPIENT] if to_be_sent and whom is None and not over else []


def may_see(by: Principal) -> bool:
    """Whether this role packs and answers for orders, and so has to know whom they go to."""
    return by.role in MANAGERS
