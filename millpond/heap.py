"""Python's garbage collector, set for a process that serves.

With its own settings it looks at everything that start-up made again and again: the whole application, a quarter of a
second of this process at a time, in the middle of somebody's request.
"""

import gc
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

GC_THRESHOLDS: Final = (10_000, 20, 100)  # a page of SQL leaves hundreds of cycles, and each takes 2 µs to go


def settle() -> None:
    """To be called once everything is built: from here on collections look only at what requests make."""
    with _signals_held_back():
        gc.collect()
        gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)


@contextmanager
def _signals_held_back() -> Iterator[None]:
    """Signals that ask to stop are raised after the block: what they raise inside a collection, Python passes over."""
    noted: list[int] = []
    asking = (signal.SIGINT, signal.SIGTERM)
    handlers = {number: signal.signal(number, lambda number, _: noted.append(number)) for number in asking}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    for late in noted:
        signal.raise_signal(late)
