"""A crowd that comes in waves; one that has to try again goes on beside the next ones."""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from millpond.crowd import Progress, Retry, Target, rush
from millpond.crowd_answers import Answer, Wish

CONNECTIONS_MAX: Final = 64
RETRY: Final = Retry(tries_max=1_000, pause_min_s=0.1)


@dataclass
class Waves:
    """What a crowd has been told so far. `sources`: addresses of this machine to come from, in turn; empty is any."""

    target: Target
    orders: Sequence[Wish]
    sources: Sequence[str] = ()
    connections_max: int = CONNECTIONS_MAX
    answers: list[Answer] = field(default_factory=list)  # of the waves that are over
    _progress: dict[int, Progress] = field(default_factory=dict)

    @property
    def acknowledged(self) -> int:
        """Buyers who have an order."""
        return sum(wave.accepted for wave in self._progress.values())

    @property
    def refused(self) -> int:
        """Buyers who were told a final no."""
        return sum(wave.refused for wave in self._progress.values())

    @property
    def retries(self) -> int:
        """How often buyers had to try again."""
        return sum(wave.retries for wave in self._progress.values())

    async def run(
        self, waves: Iterable[range], *, every_s: float, within_s: float, on_wave: Callable[[range], None]
    ) -> None:
        """Send the orders of each range, one range every `every_s`; return when all are answered or time is over."""
        began_s = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for number, wave in enumerate(waves):
                await asyncio.sleep(max(0.0, began_s + number * every_s - time.monotonic()))
                on_wave(wave)
                left_s = began_s + within_s - time.monotonic()
                group.create_task(self._wave(number, wave, left_s))

    async def _wave(self, number: int, wave: range, left_s: float) -> None:
        def note(progress: Progress) -> None:
            self._progress[number] = progress

        result = await rush(
            self.target,
            self.orders[wave.start : wave.stop],
            connections=min(len(wave), self.connections_max),
            retry=RETRY,
            deadline_s=left_s,
            on_progress=note,
            sources=self._sources_from(wave.start),
        )
        self.answers += result.answers

    def _sources_from(self, first: int) -> Sequence[str]:
        """The addresses, beginning where the last wave ended."""
        if not self.sources:
            return ()
        at = first % len(self.sources)
        return [*self.sources[at:], *self.sources[:at]]
