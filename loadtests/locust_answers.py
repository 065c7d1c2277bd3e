"""What a client was told, over either way, and whether that is right. A right refusal is no failure."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, Self

TRIES_MAX: Final = 20
PAUSE_MAX_S: Final = 10.0
LATER: Final = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
# What is said no with while everything is in order. A host may pause the sale, or close the talk, during a test.
RIGHT: Final = frozenset(
    {"sold-out", "over-limit", "paused", "talk-too-fast", "comment-repeated", "talk-closed", "muted", "comment-refused"}
)


@dataclass(frozen=True, slots=True)
class Told:
    """An order that stands (`order_id`), another answer, or a `refusal` by the last word of its type.

    `status` is HTTP's, also over the socket; 0 is no answer at all.
    """

    status: int
    order_id: str = ""
    refusal: str = ""
    retry_after_s: float = 0.0
    replayed: bool = False

    @classmethod
    def refused(cls, problem: Mapping[str, Any], status: int = 0) -> Self:
        """By a problem document."""
        refusal = str(problem.get("type", "")).rpartition(":")[2]
        return cls(
            status or int(problem.get("status", 0)),
            refusal=refusal,
            retry_after_s=float(problem.get("retry_after_s", 0)),
        )

    @property
    def later(self) -> bool:
        """Told to send the same again after a while, or told nothing, which asks for the same."""
        return self.status in LATER or not self.status

    @property
    def fault(self) -> str:
        """Why it is a failure; nothing where it is none."""
        if not self.status:
            return "no answer"
        is_right = self.status < HTTPStatus.BAD_REQUEST or self.refusal in RIGHT or self.status in LATER
        return "" if is_right else f"{self.status} {self.refusal}".strip()

    def name(self, what: str) -> str:
        """The line of locust's table that it is counted in."""
        if self.order_id:
            return f"{what}: the same again" if self.replayed else f"{what}: placed"
        if self.later:
            return f"{what}: told to wait" if self.status else f"{what}: no answer"
        return f"{what}: {self.refusal.replace('-', ' ')}" if self.refusal else what


def insisted(send: Callable[[], Told], sleep: Callable[[float], object]) -> Told:
    """The last word: the same is sent again while the client is told to wait, as that of a shop does."""
    for _ in range(TRIES_MAX - 1):
        told = send()
        if not told.later:
            return told
        sleep(min(told.retry_after_s, PAUSE_MAX_S) + random.random())
    return send()
