"""Buyers over HTTP: each wish is another buyer's, and goes over whichever kept-alive connection is free."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from loadtests.sides import DEADLINE_S, Buyers, Sale
from millpond.crowd import Progress, Target, rush
from millpond.crowd_answers import Result, Wish


class HttpCrowd:
    """See `loadtests.sides.Crowd`. As many connections as buyers wait at any time."""

    def __init__(self, target: Target, buyers: Buyers) -> None:
        self._target, self._buyers = target, buyers

    def wishes(self, sale: Sale, count: int) -> list[Wish]:
        """See Crowd."""
        return self._buyers.wishes(self._target, sale, count)

    async def send(self, wishes: Sequence[Wish], *, waiting: int, on_progress: Callable[[Progress], None]) -> Result:
        """See Crowd."""
        return await rush(self._target, wishes, connections=waiting, deadline_s=DEADLINE_S, on_progress=on_progress)


@asynccontextmanager
async def crowd_over_http(target: Target, buyers: Buyers) -> AsyncIterator[HttpCrowd]:
    """Nobody has to be there beforehand."""
    yield HttpCrowd(target, buyers)
