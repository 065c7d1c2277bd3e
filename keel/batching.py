"""While one batch is in flight the next one gathers; nobody waits on a timer."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from keel.metrics import FLUSH_FAILURES

log = logging.getLogger(__name__)
T = TypeVar("T")


class Batcher(Generic[T]):
    """Collects items and hands them to `flush` in arrival order, one batch at a time.

    `weigh` gives an item's weight (lines of an order, say); a batch closes at `items_max` items or `weight_max`
    weight. `flush` must settle every item itself; should it raise, `fail` is called for each item of the batch, so
    that nobody waits for ever. `linger` true means: call `flush([])` once more after the last item, for flushes that
    carry something of their own (confirmations).
    """

    def __init__(
        self,
        name: str,
        flush: Callable[[list[T]], Awaitable[None]],
        fail: Callable[[T, Exception], None],
        *,
        items_max: int,
        weight_max: int,
        weigh: Callable[[T], int],
        linger: Callable[[], bool] = lambda: False,
    ) -> None:
        self._name, self._flush, self._fail = name, flush, fail
        self._items_max, self._weight_max, self._weigh = items_max, weight_max, weigh
        self._linger = linger
        self._waiting: deque[T] = deque()
        self._task: asyncio.Task[None] | None = None
        self._failures = FLUSH_FAILURES.labels(batcher=name)  # shown as 0 from the start

    def __len__(self) -> int:
        """Items that wait for the next batch."""
        return len(self._waiting)

    @property
    def busy(self) -> bool:
        """Whether a batch is in flight or waits."""
        return self._task is not None

    def add(self, item: T) -> None:
        """Queue an item; it is flushed as soon as the batch in flight is back."""
        self._waiting.append(item)
        self.wake()

    def wake(self) -> None:
        """Make sure that somebody flushes what waits."""
        if self._task is None:
            # house: stray-task because a batcher outlives every request; `drained` waits for it, `_flush_one` catches
            self._task = asyncio.create_task(self._run(), name=f"batcher {self._name}")

    async def drained(self) -> None:
        """Return once nothing waits and nothing is in flight."""
        while self._task is not None:
            await asyncio.wait([self._task])

    def _next(self) -> list[T]:
        batch: list[T] = []
        weight = 0
        while self._waiting and len(batch) < self._items_max:
            weight += self._weigh(self._waiting[0])
            if batch and weight > self._weight_max:
                break
            batch.append(self._waiting.popleft())
        return batch

    async def _run(self) -> None:
        try:
            while self._waiting or self._linger():
                await asyncio.sleep(0)  # what has arrived and was not read yet comes along: larger batches, no timer
                await self._flush_one(self._next())
        finally:
            self._task = None

    async def _flush_one(self, batch: list[T]) -> None:
        try:
            await self._flush(batch)
        except Exception as error:  # house: broad-except because a failed flush must fail every waiter
            self._failures.inc()
            log.exception("batcher %s: a flush of %d failed", self._name, len(batch))
            for item in batch:
                self._fail(item, error)
