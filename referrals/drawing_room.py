"""Where drawing is done: a few threads, and a queue that is never long, for whatever keeps a processor busy.

Names of hosts are looked up in threads apart: one that nobody answers for stands still for seconds, and shall keep
neither drawings waiting nor whatever else this process does in threads.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, ParamSpec, TypeVar

from keel.errors import Unavailable
from referrals.metrics import DRAWING_REFUSED, DRAWING_WAITING

THREADS: Final = 2
WAITING_MAX: Final = 32  # a few seconds of work; what is behind them would not be waited for
RETRY_AFTER_S: Final = 2.0
LOOKUP_THREADS: Final = 4

P = ParamSpec("P")
T = TypeVar("T")


class DrawingRoom:
    """The threads of one process. They are started when they are needed first, and waited for in the end."""

    def __init__(self, *, threads: int = THREADS, waiting_max: int = WAITING_MAX) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="drawing")
        self.lookups = ThreadPoolExecutor(LOOKUP_THREADS, thread_name_prefix="lookup")
        self._jobs_max = threads + waiting_max
        self._jobs = 0

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What a function returns or raises, called in a thread. Raises Unavailable where too many wait already.

        A function that was begun is done to its end, whoever went away, and counts until then.
        """
        if self._jobs >= self._jobs_max:
            DRAWING_REFUSED.inc()
            raise Unavailable(retry_after_s=RETRY_AFTER_S, detail="too many posters are being drawn")
        self._count(1)
        future = self._threads.submit(work, *args, **kwargs)
        loop = asyncio.get_running_loop()
        future.add_done_callback(lambda _: loop.call_soon_threadsafe(self._count, -1))
        return await asyncio.wrap_future(future)

    async def close(self) -> None:
        """Wait for what was begun; what only waited is not begun any more."""
        self.lookups.shutdown(wait=False, cancel_futures=True)
        await asyncio.to_thread(self._threads.shutdown, cancel_futures=True)

    def _count(self, change: int) -> None:
        self._jobs += change
        DRAWING_WAITING.set(self._jobs)
