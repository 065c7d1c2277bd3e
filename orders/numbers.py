"""From the number people read back to the order's id: the other way of `orders.model.order_number`."""

from dataclasses import dataclass
from typing import Final

from orders.model import order_number

NUMBER_CHARS: Final = 12
NUMBER_SHAPE: Final = r"[0-9A-Za-z]{4}[- ]?[0-9A-Za-z]{4}[- ]?[0-9A-Za-z]{4}"
_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_MISREAD: Final = str.maketrans("OIL", "011", "- ")  # Crockford: people read these as digits
_TICKS_2020: Final = 1_577_836_800_000 * 4096
_TAIL_BITS: Final = 7
_LEAST_TAIL: Final = "8000-000000000000"
_GREATEST_TAIL: Final = "bfff-ffffffffffff"


@dataclass(frozen=True, slots=True)
class IdRange:
    """Ids from `least` to `greatest`, both included."""

    least: str
    greatest: str


def canonical_number(text: str) -> str | None:
    """A number as it is printed, from what somebody typed; None for what is none."""
    signs = text.upper().translate(_MISREAD)
    if len(signs) != NUMBER_CHARS or any(sign not in _ALPHABET for sign in signs):
        return None
    return f"{signs[:4]}-{signs[4:8]}-{signs[8:]}"


def ids_of_number(number: str) -> IdRange:
    """The ids that may have this canonical number: those made in one tick, 1/4096 ms. Mostly one or none exists."""
    value = 0
    for sign in number.replace("-", ""):
        value = value << 5 | _ALPHABET.index(sign)
    ms, count = divmod((value >> _TAIL_BITS) + _TICKS_2020, 4096)
    head = f"{ms:012x}"
    prefix = f"{head[:8]}-{head[8:]}-7{count:03x}-"
    return IdRange(prefix + _LEAST_TAIL, prefix + _GREATEST_TAIL)


def id_of_number(number: str, ids: list[str]) -> str | None:
    """Which of the ids has this canonical number."""
    return next((order_id for order_id in ids if order_number(order_id) == number), None)
