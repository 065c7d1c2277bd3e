"""While one batch is in flight the next gathers; order and limits are kept; a failing flush fails everybody in it."""

import asyncio
from collections.abc import Callable

from keel.batching import Batcher


class Counter:
    """A flush that notes its batches and waits for `go` before it returns."""

    def __init__(self, *, items_max: int = 4, weight_max: int = 10, weigh: Callable[[int], int] = lambda _: 1) -> None:
        self.batches: list[list[int]] = []
        self.failed: list[tuple[int, str]] = []
        self.in_flight = self.most_in_flight = 0
        self.go = asyncio.Event()
        self.go.set()
        self.began = asyncio.Event()
        self.error: Exception | None = None
        self.lingers = 0
        self.batcher = Batcher(
            "test",
            self.flush,
            lambda item, error: self.failed.append((item, str(error))),
            items_max=items_max,
            weight_max=weight_max,
            weigh=weigh,
            linger=self.linger,
        )

    def linger(self) -> bool:
        return self.lingers > 0

    async def flush(self, batch: list[int]) -> None:
        self.began.set()
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        self.batches.append(batch)
        self.lingers -= not batch
        await self.go.wait()
        self.in_flight -= 1
        if self.error is not None:
            raise self.error


async def test_what_comes_while_a_batch_is_in_flight_goes_together_in_arrival_order():
    counter = Counter(items_max=100, weight_max=100)
    counter.go.clear()
    counter.batcher.add(0)
    await counter.began.wait()
    for item in range(1, 6):
        counter.batcher.add(item)
    assert (counter.batches, len(counter.batcher)) == ([[0]], 5)
    counter.go.set()
    await counter.batcher.drained()
    assert counter.batches == [[0], [1, 2, 3, 4, 5]]
    assert counter.most_in_flight == 1


async def test_what_comes_in_the_next_turn_of_the_loop_shares_the_first_batch():
    """As requests do that the system has, and nobody has read yet."""
    counter = Counter()
    counter.batcher.add(0)
    await asyncio.sleep(0)
    counter.batcher.add(1)
    await counter.batcher.drained()
    assert counter.batches == [[0, 1]]


async def test_items_that_come_at_once_share_the_first_batch():
    counter = Counter()
    for item in range(3):
        counter.batcher.add(item)
    await counter.batcher.drained()
    assert counter.batches == [[0, 1, 2]]


async def test_a_batch_closes_at_its_items():
    counter = Counter(items_max=2)
    for item in range(5):
        counter.batcher.add(item)
    await counter.batcher.drained()
    assert counter.batches == [[0, 1], [2, 3], [4]]


async def test_a_batch_closes_before_its_weight_is_passed_and_nobody_jumps_the_queue():
    counter = Counter(items_max=100, weight_max=10, weigh=lambda item: item)
    for weight in (6, 5, 1, 4, 9):
        counter.batcher.add(weight)
    await counter.batcher.drained()
    assert counter.batches == [[6], [5, 1, 4], [9]]


async def test_an_item_heavier_than_a_batch_goes_alone():
    counter = Counter(weight_max=10, weigh=lambda item: item)
    for weight in (1, 50, 1):
        counter.batcher.add(weight)
    await counter.batcher.drained()
    assert counter.batches == [[1], [50], [1]]


async def test_a_flush_that_fails_fails_all_its_items_and_the_next_batch_goes_on(caplog):
    counter = Counter(items_max=2)
    counter.error = OSError("the wire is cut")
    counter.go.clear()
    for item in range(3):
        counter.batcher.add(item)
    await asyncio.sleep(0)
    counter.go.set()
    await counter.batcher.drained()
    assert counter.failed == [(item, "the wire is cut") for item in range(3)]
    assert counter.batches == [[0, 1], [2]]
    assert "batcher test: a flush of 2 failed" in caplog.text
    counter.error = None
    counter.batcher.add(9)
    await counter.batcher.drained()
    assert counter.batches[-1] == [9]
    assert len(counter.failed) == 3


async def test_what_lingers_gets_one_more_empty_flush():
    counter = Counter()
    counter.lingers = 1
    counter.batcher.add(1)
    await counter.batcher.drained()
    assert counter.batches == [[1], []]
    counter.lingers = 1
    counter.batcher.wake()
    await counter.batcher.drained()
    assert counter.batches == [[1], [], []]


async def test_drained_returns_at_once_when_there_is_nothing():
    counter = Counter()
    await counter.batcher.drained()
    assert not counter.batcher.busy
    assert counter.batches == []
