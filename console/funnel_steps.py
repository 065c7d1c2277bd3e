"""Pure values of a funnel: its steps, what each means, and what part of the people went on.

People are those who came to the session through somebody else's share (docs/dissemination.md), by the share through
which they came first.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

STAYED_S: Final = 30


class By(StrEnum):
    """What a funnel is parted by."""

    CHANNEL = "channel"
    COMMUNITY = "community"
    SHARER = "sharer"


@dataclass(frozen=True, slots=True)
class Counted:
    """How many people did each step and all before it; `ordered_at_all` whatever else they did.

    `key`: of the part, None for all and for those without one. `shares`: None where a part has none of its own.
    """

    key: str | None
    shares: int | None
    opened: int
    joined: int
    stayed: int
    saw: int
    ordered: int
    ordered_at_all: int


EMPTY: Final = Counted(None, 0, 0, 0, 0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Step:
    """One step: how many did it and all before it, and what part that is of those who did the step before."""

    name: str
    count: int | None
    of_before: float | None


@dataclass(frozen=True, slots=True)
class Part:
    """A funnel of all, or of a channel, a community or a sharer. `ordered_at_all`: whatever else they did."""

    key: str | None
    steps: list[Step]
    ordered_at_all: int


@dataclass(frozen=True, slots=True)
class Funnel:
    """A session's."""

    session_id: str
    by: By | None
    whole: Part
    parts: list[Part]


DEFINITIONS: Final = {
    "shared": "shares of the session's tree; of a channel or a community nobody knows",
    "opened": "people who came to the session through a share that is not their own",
    "joined": "of those, who were connected to its room while it was on air",
    "stayed": f"of those, who watched for {STAYED_S} seconds or more, all visits together",
    "saw_pinned": "of those, who were there while something was pinned",
    "ordered": "of those, who placed an order in the session that has been judged, whatever became of it",
}


def part_of(counted: Counted) -> Part:
    """The steps of a funnel. Of those who opened there may be more than shares: of that step no part is said."""
    counts = counted.shares, counted.opened, counted.joined, counted.stayed, counted.saw, counted.ordered
    return Part(counted.key, list(_steps(counts)), counted.ordered_at_all)


def _steps(counts: Sequence[int | None]) -> Iterator[Step]:
    before: int | None = None
    for number, (name, count) in enumerate(zip(DEFINITIONS, counts, strict=True)):
        of_before = round(count / before, 4) if number > 1 and before and count is not None else None
        yield Step(name, count, of_before)
        before = count
