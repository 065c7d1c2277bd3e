"""Time is an argument. One clock per process, following PostgreSQL's, so that all processes agree on "now"."""

import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, Protocol

FOLLOW_EVERY_S: Final = 10.0
OFFSET_READY_MAX_MS: Final = 500
TRIPS: Final = 3
TRIP_MS_MAX: Final = 200  # half of it is the error


class Clock(Protocol):
    """What the rest of the house asks for the time."""

    def ms(self) -> int:
        """Milliseconds since 1970, UTC."""
        ...

    def now(self) -> datetime:
        """The same moment as an aware UTC datetime."""
        ...


def from_ms(ms: int) -> datetime:
    """An aware UTC datetime of `ms` milliseconds since 1970."""
    return datetime.fromtimestamp(ms / 1000, UTC)


def to_ms(moment: datetime) -> int:
    """Milliseconds since 1970 of an aware datetime, rounded to the nearest one.

    Raises ValueError for a naive datetime: guessing its zone would sell at the wrong hour.
    """
    if moment.tzinfo is None:
        raise ValueError("a moment needs a time zone")
    return round(moment.timestamp() * 1000)


@lru_cache(maxsize=4_096)
def _rfc3339_second(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")


@lru_cache(maxsize=4_096)  # the orders of a batch share their moments
def rfc3339(ms: int) -> str:
    """The moment as RFC 3339 text with milliseconds, UTC: 2027-01-15T08:00:00.000Z."""
    second, rest = divmod(ms, 1000)
    return f"{_rfc3339_second(second)}.{rest:03d}Z"


class FollowingClock:
    """This machine's clock plus the offset last measured against a reference.

    `reference` returns the reference's time in ms (PostgreSQL's clock, in production). The offset is taken at the
    middle of the round trip, so half of the trip's asymmetry is the error.
    """

    def __init__(self, reference: Callable[[], Awaitable[int]] | None = None) -> None:
        self._reference = reference
        self._offset_ms = 0
        self._is_measured = reference is None

    @property
    def offset_ms(self) -> int:
        """The reference's clock minus this machine's, in ms."""
        return self._offset_ms

    @property
    def ready(self) -> bool:
        """False when this machine's clock is too far off to be trusted between two measurements, or unmeasured."""
        return self._is_measured and abs(self._offset_ms) <= OFFSET_READY_MAX_MS

    def ms(self) -> int:
        return time.time_ns() // 1_000_000 + self._offset_ms

    def now(self) -> datetime:
        return from_ms(self.ms())

    async def follow(self) -> None:
        """Measure the offset: of a few round trips the shortest counts, for it can be the least wrong.

        Where none is shorter than TRIP_MS_MAX, the offset stays as it was.
        """
        if self._reference is None:
            return
        trips = [await self._trip(self._reference) for _ in range(TRIPS)]
        trip_ns, offset_ms = min(trips)
        if trip_ns <= TRIP_MS_MAX * 1_000_000:
            self._offset_ms, self._is_measured = offset_ms, True

    @staticmethod
    async def _trip(reference: Callable[[], Awaitable[int]]) -> tuple[int, int]:
        """How long a question took, in ns, and the offset it gave, in ms."""
        before_ns = time.time_ns()
        reference_ms = await reference()
        after_ns = time.time_ns()
        return after_ns - before_ns, reference_ms - (before_ns + after_ns) // 2_000_000


class FakeClock:
    """A clock for tests: it stands still until it is told to move."""

    def __init__(self, at: datetime | int = 1_800_000_000_000) -> None:
        self._ms = to_ms(at) if isinstance(at, datetime) else at

    def ms(self) -> int:
        return self._ms

    def now(self) -> datetime:
        return from_ms(self._ms)

    def advance(self, *, ms: int = 0, s: float = 0) -> None:
        """Move on by a duration."""
        self._ms += ms + round(s * 1000)
