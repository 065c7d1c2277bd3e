"""What PostgreSQL says of a sale, in the form that the gate is told it, and the moves between its states."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Self

from inventory.model import NEXT, ItemCount, SaleConfig, SaleState

SEGMENT: Final = 0  # sales have one segment for now


@dataclass(frozen=True, slots=True)
class Move:
    """A staff command that changes a sale's state, where it may start and where it leads."""

    name: str
    sources: frozenset[SaleState]
    target: SaleState


SCHEDULE: Final = Move("schedule", frozenset({SaleState.DRAFT}), SaleState.SCHEDULED)
OPEN: Final = Move("open", frozenset({SaleState.SCHEDULED}), SaleState.OPEN)
PAUSE: Final = Move("pause", frozenset({SaleState.OPEN}), SaleState.PAUSED)
RESUME: Final = Move("resume", frozenset({SaleState.PAUSED}), SaleState.OPEN)
CLOSE: Final = Move("close", frozenset({SaleState.SCHEDULED, SaleState.OPEN, SaleState.PAUSED}), SaleState.CLOSED)
MOVES: Final = (SCHEDULE, OPEN, PAUSE, RESUME, CLOSE)
_STEPS: Final = {(source, move.target) for move in MOVES for source in move.sources}
assert {(source, target) for source in NEXT for target in NEXT[source]} == _STEPS, "one command for every step"


def state_at(state: SaleState, now: datetime, *, opens_at: datetime | None, closes_at: datetime | None) -> SaleState:
    """Where a sale stands by its clock, as the gate sees it: the worker writes it down a moment later."""
    if state is SaleState.DRAFT:
        return state
    if closes_at is not None and now >= closes_at:
        return SaleState.CLOSED
    due = state is SaleState.SCHEDULED and opens_at is not None and now >= opens_at
    return SaleState.OPEN if due else state


@dataclass(frozen=True, slots=True)
class SaleSheet:
    """A sale and its units: `counts` by segment, nothing before it is scheduled."""

    config: SaleConfig
    counts: tuple[tuple[ItemCount, ...], ...]

    def epoch(self, segment: int) -> int:
        """The ledger's epoch of a segment; 0 before the first load."""
        return max((count.epoch for count in self.counts[segment]), default=0)

    def gate_items(self, segment: int) -> list[tuple[int, int, int]]:
        """(no, allocated, limit) of every item."""
        limits = {item.no: item.limit for item in self.config.items}
        return [(count.no, count.allocated, limits[count.no]) for count in self.counts[segment]]

    def at_version(self, version: int) -> Self:
        """The same under another version."""
        return replace(self, config=replace(self.config, version=version))

    def without(self, item_id: str, segment: int, units: int) -> Self:
        """The same with fewer units of an item."""
        counts = tuple(
            replace(count, allocated=count.allocated - units) if count.item_id == item_id else count
            for count in self.counts[segment]
        )
        return replace(self, counts=(*self.counts[:segment], counts, *self.counts[segment + 1 :]))
