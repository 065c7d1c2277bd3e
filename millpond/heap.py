"""Python's garbage collector, set for a process that serves.

With its own settings it looks at everything that start-up made again and again: the whole application, a quarter of a
second of this process at a time, in the middle of somebody's request.
"""

import gc
from typing import Final

GC_THRESHOLDS: Final = (10_000, 20, 100)  # a page of SQL leaves hundreds of cycles, and each takes 2 µs to go


def settle() -> None:
    """To be called once everything is built: from here on collections look only at what requests make."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
