"""Pure values of orders: states, the readable number, what a placement carries."""

from enum import StrEnum
from typing import Final

from keel.ids import tick_of

_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32: no I, L, O, U
_PAIRS: Final = [first + second for first in _ALPHABET for second in _ALPHABET]  # ten bits at a time
_SHIFTS: Final = range(50, -1, -10)
_TICKS_2020: Final = 1_577_836_800_000 * 4096
_TAIL_BITS: Final = 7


class OrderState(StrEnum):
    """Where an order stands."""

    AWAITING_PAYMENT = "awaiting_payment"
    PAID = "paid"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


NEXT: Final = {
    OrderState.AWAITING_PAYMENT: {OrderState.PAID, OrderState.EXPIRED, OrderState.CANCELLED},
    OrderState.PAID: set[OrderState](),
    OrderState.EXPIRED: set[OrderState](),
    OrderState.CANCELLED: set[OrderState](),
}
assert NEXT.keys() == set(OrderState), "every state says where it may go"


def order_number(order_id: str) -> str:
    """The number people read: derived from the id, so it is never stored and never disagrees.

    60 bits in three groups of Crockford's base 32: time since 2020 in 1/4096 ms, then 7 random bits of the id.
    """
    value = (tick_of(order_id) - _TICKS_2020) << _TAIL_BITS | int(order_id[-2:], 16) & 0x7F
    text = "".join([_PAIRS[value >> shift & 0x3FF] for shift in _SHIFTS])
    return f"{text[:4]}-{text[4:8]}-{text[8:]}"
