"""UUIDv7 made in Python (RFC 9562, section 5.7): they grow with time, and within a process each is above the last.

Ids travel as canonical lower-case text. Text of this shape compares like the numbers it stands for, asyncpg and
Redis take it as it is, and no UUID object is built on the hot path.
"""

import os
import re
import struct
import threading
from collections.abc import Iterator
from typing import Final

from keel.clock import Clock

ID_SHAPE: Final = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
ID_CHARS: Final = 36
NIL_ID: Final = "00000000-0000-0000-0000-000000000000"  # below every id that anybody made
ID_PATTERN: Final = f"^{ID_SHAPE}$"  # for pydantic, whose $ is the end of the text and of nothing else
_CANONICAL: Final = re.compile(ID_SHAPE)
_VARIANT: Final = 0b10 << 62
_TAIL: Final = (1 << 62) - 1
_RANDOM_BYTES: Final = 4096  # drawn from the system at once: a call for each id would be half of its cost
TICKS_PER_MS: Final = 4096  # the 12 bits of rand_a count inside a millisecond (RFC 9562, 6.2, method 1)


def is_id(text: object) -> bool:
    """True for the canonical text of a UUID of any version."""
    return isinstance(text, str) and _CANONICAL.fullmatch(text) is not None


def text_of(tick: int, tail: int) -> str:
    """The id of a tick (see `tick_of`) and of 62 bits. One number, formatted once: this stands on the order path."""
    ms, count = divmod(tick, TICKS_PER_MS)
    text = f"{ms << 80 | 0x7000 << 64 | count << 64 | _VARIANT | tail:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def tick_of(uuid7: str) -> int:
    """The part of a UUIDv7 that grows: ms since 1970 times 4096, plus its count inside the millisecond."""
    return int(uuid7[:8] + uuid7[9:13], 16) * TICKS_PER_MS + int(uuid7[15:18], 16)


class Ids:
    """A maker of ids. Safe to call from several threads."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last_tick = 0
        self._random: Iterator[int] = iter(())
        self._lock = threading.Lock()

    def new(self, *, above: str | None = None) -> str:
        """A fresh id, above every id this maker gave before and above `above` where given.

        `above` matters where another process with a faster clock gave an id that this one must surpass.
        """
        with self._lock:
            tick = max(self._clock.ms() * TICKS_PER_MS, self._last_tick + 1)
            if above is not None:
                tick = max(tick, tick_of(above) + 1)
            self._last_tick = tick
            tail = next(self._random, None)
            if tail is None:
                self._random = iter(_tails())
                tail = next(self._random)
        return text_of(tick, tail)


def _tails() -> list[int]:
    """62 random bits many times over, from the system's generator."""
    return [value & _TAIL for (value,) in struct.iter_unpack("=Q", os.urandom(_RANDOM_BYTES))]
