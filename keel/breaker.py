"""A circuit breaker: after a few faults in a row, say no early for a while, then let callers try again."""

import time
from collections.abc import Callable
from typing import Final

FAULTS_MAX: Final = 3
OPEN_S: Final = 1.0


class Breaker:
    """Counts faults in a row. `clock_s` is a monotonic clock in seconds."""

    def __init__(self, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._clock_s = clock_s
        self._faults = 0
        self._closed_at_s = 0.0

    def retry_after_s(self) -> float:
        """0 when a call may go ahead, else the seconds until the next try is let through."""
        if self._faults < FAULTS_MAX:
            return 0.0
        left_s = self._closed_at_s - self._clock_s()
        if left_s > 0:
            return left_s
        # Everyone may try, and one more fault closes the door again. To let one try through and wait for its result
        # would be wrong: it may never reach the other side, and then nobody ever reports a success.
        self._faults = FAULTS_MAX - 1
        return 0.0

    def succeeded(self) -> None:
        """A call came back well: everything may pass."""
        self._faults = 0

    def failed(self) -> None:
        """A call failed in a way that speaks against the other side, not against the call."""
        self._faults += 1
        if self._faults >= FAULTS_MAX:
            self._closed_at_s = self._clock_s() + OPEN_S
