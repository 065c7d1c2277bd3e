"""Pure values of credit: parts of an order that always come to the whole."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

WHOLE: Final = 1_000_000  # millionths


@dataclass(frozen=True, slots=True)
class Credit:
    """A share's part of an order: in millionths, and in minor units of its total. `chain` from the root to the share.

    `touch_id`: the latest visit that speaks for it; None where the order's own code is all there is.
    """

    share_id: str
    sharer_id: str
    chain: tuple[str, ...]
    part: int
    amount: int
    touched_at: datetime
    touch_id: str | None

    @property
    def root_id(self) -> str:
        """Where its tree begins."""
        return self.chain[0]


def split(whole: int, weights: Sequence[int]) -> list[int]:
    """A whole number in whole parts as the weights say, by largest remainder; of equal ones the first get more."""
    total = sum(weights)
    parts = [whole * weight // total for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda n: (-(whole * weights[n] % total), n))
    for number in by_remainder[: whole - sum(parts)]:
        parts[number] += 1
    return parts
