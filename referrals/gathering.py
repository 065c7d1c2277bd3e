"""Touches on their way to PostgreSQL: gathered by each process, stored in batches, and vouched for.

Whoever credits an order has to know that nothing is on its way any more from the time before it. So each process says,
with every batch and once a second while nothing happens, up to when all of its touches are stored; see
`referrals.store_touches.watermark`. A process that dies loses what it had not stored, and is forgotten after a while.
A PostgreSQL that is away for longer makes late touches: they count for the trees and come too late for the credit.

What PostgreSQL refuses for what it says would keep all others waiting, so a batch that fails is tried in ever smaller
pieces, and a single row that is refused so is given up. Of other errors that PostgreSQL answers nobody can tell whose
fault they are: a row that meets them by itself, tick after tick, is given up as well. Nothing else is: a PostgreSQL
that does not answer, or cannot work just now, is no row's fault, and is asked again a second later.
"""

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Collection, Iterable, Sequence
from typing import Final

from inventory.faults import DRIVER_ERRORS, is_said_wrong
from keel.batching import Batcher
from keel.clock import Clock, from_ms
from keel.database import Pool
from keel.ids import Ids
from referrals import store_touches
from referrals.metrics import TOUCHES, TOUCHES_LOST, TOUCHES_REFUSED
from referrals.model import Channel, Visit, is_code
from referrals.store_touches import SignIn

log = logging.getLogger(__name__)

BATCH_MAX: Final = 500
WAITING_MAX: Final = 100_000
VOUCH_EVERY_S: Final = 1.0
ANSWER_WITHIN_S: Final = 2.0  # whoever waits longer keeps a process from ending
TRIES_AT_END: Final = 2
TRIES_ALONE: Final = 3  # of a row whose error may be its own fault
# The connection, the transaction, who may do what, the schema, resources, locks, a shutdown, the system.
_NO_ROWS_FAULT: Final = ("08", "25", "26", "28", "3D", "40", "42", "53", "55", "57", "58")

Item = Visit | SignIn


class Touches:
    """Of one process. `visited` and `signed_in` never wait; `tick` is called once a second, `close` in the end."""

    def __init__(self, pool: Pool, ids: Ids, clock: Clock) -> None:
        self._pool, self._clock, self._writer_id = pool, clock, ids.new()
        self._unstored: dict[int, Item] = {}  # by the order in which they came, those in flight among them
        self._failed: list[int] = []
        self._failed_alone = Counter[int]()
        self._piece_max = BATCH_MAX
        self._away = False  # PostgreSQL did not answer since the last tick
        self._count = 0
        self._last_ms = self._vouched_ms = 0
        self._batches: Batcher[int] = Batcher(
            "touches", self._flush, self._fail, items_max=BATCH_MAX, weight_max=BATCH_MAX, weigh=lambda _: 1
        )

    @property
    def waiting(self) -> int:
        """Touches that are not stored yet."""
        return len(self._unstored)

    def visited(
        self,
        merchant_id: str,
        code: str,
        visitor_id: str,
        *,
        channel: Channel = Channel.UNKNOWN,
        community: str | None = None,
        session_id: str | None = None,
    ) -> None:
        """Somebody came through a code. Whether there is such a share is seen when it is stored."""
        if is_code(code):
            self._add(Visit(merchant_id, code, visitor_id, self._now_ms(), channel, community, session_id))

    def signed_in(self, merchant_id: str, visitor_id: str, customer_id: str) -> None:
        """Who came as a visitor without a name turned out to be this customer."""
        self._add(SignIn(merchant_id, visitor_id, customer_id, self._now_ms()))

    async def tick(self) -> None:
        """Try again what could not be stored. Where nothing is on its way, vouch for what was; batches do so too."""
        self._try_again()
        if not self._batches.busy:
            try:
                await self._store([], [], self._vouch(()))
            except DRIVER_ERRORS as fault:
                log.warning("nobody hears that touches are stored: %s", type(fault).__name__)

    async def close(self) -> None:
        """Store what waits, and take this process from those that are waited for."""
        for _ in range(TRIES_AT_END):
            self._try_again()
            await self._batches.drained()
        if self._unstored:
            log.error("%d touches are lost: PostgreSQL does not take them", len(self._unstored))
            TOUCHES_LOST.inc(len(self._unstored))
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                await store_touches.end_writer(self._pool, self._writer_id)
        except DRIVER_ERRORS as fault:
            log.warning("this process is waited for until it is forgotten: %s", type(fault).__name__)

    def _add(self, item: Item) -> None:
        if len(self._unstored) >= WAITING_MAX:
            TOUCHES_LOST.inc()
            return
        self._count += 1
        self._unstored[self._count] = item
        self._batches.add(self._count)

    def _try_again(self) -> None:
        self._away = False
        failed, self._failed = self._failed, []
        for number in failed:
            self._batches.add(number)

    def _now_ms(self) -> int:
        """Now; never before what came last, nor a time that was vouched for: a clock is set back now and then."""
        self._last_ms = max(self._clock.ms(), self._last_ms, self._vouched_ms + 1)
        return self._last_ms

    def _vouch(self, taken: Collection[int]) -> int:
        """The last ms of which nothing is left once `taken` are stored. From here on nothing more comes from then."""
        rest = next((item for number, item in self._unstored.items() if number not in taken), None)
        before_ms = self._now_ms() if rest is None else rest.at_ms
        self._vouched_ms = max(self._vouched_ms, before_ms - 1)
        return self._vouched_ms

    async def _flush(self, numbers: list[int]) -> None:
        """Store a batch, in as many pieces as it takes. Where PostgreSQL does not answer, the rest waits for a tick."""
        size, numbers = self._piece_max, sorted(numbers)  # what is tried again comes behind newer ones
        pieces = deque(numbers[first : first + size] for first in range(0, len(numbers), size))
        while pieces and not self._away:
            piece = pieces.popleft()
            pieces.extendleft(reversed(await self._settle(piece)))
        if self._away:
            self._failed += (number for piece in pieces for number in piece)
        else:
            self._piece_max = min(2 * size, BATCH_MAX)

    async def _settle(self, piece: list[int]) -> list[list[int]]:
        """Store these, or give up the one that can never be stored. What is left of them, in smaller pieces."""
        items = [self._unstored[number] for number in piece]
        visits = _merged(item for item in items if isinstance(item, Visit))
        sign_ins = [item for item in items if isinstance(item, SignIn)]
        try:
            await self._store(visits, sign_ins, self._vouch(frozenset(piece)))
        except DRIVER_ERRORS as fault:
            if not self._given_up(piece, fault):
                half = (len(piece) + 1) // 2
                return [part for part in (piece[:half], piece[half:]) if part]
        else:
            TOUCHES.inc(len(items))
        for number in piece:
            del self._unstored[number]
            self._failed_alone.pop(number, None)
        return []

    def _given_up(self, piece: Sequence[int], fault: BaseException) -> bool:
        """Whether what could not be stored never can be: one by itself, refused for what it says or time after time."""
        said = f"{type(fault).__name__} {getattr(fault, 'sqlstate', None) or ''}".strip()
        if not _may_be_a_rows_fault(fault):
            log.warning("%d touches wait: %s", len(self._unstored), said)
            self._away, self._piece_max = True, max(1, len(piece) // 2)
            return False
        if len(piece) > 1:
            return False
        (number,) = piece
        self._failed_alone[number] += 1
        if not is_said_wrong(fault) and self._failed_alone[number] < TRIES_ALONE:
            log.warning("%d touches wait for one of them: %s", len(self._unstored), said)
            self._away = True
            return False
        merchant_id = self._unstored[number].merchant_id
        log.error("a touch of merchant %s is given up: PostgreSQL refuses it: %s", merchant_id, said)
        TOUCHES_REFUSED.inc()
        return True

    async def _store(self, visits: Sequence[Visit], sign_ins: Sequence[SignIn], until_ms: int) -> None:
        until, now = from_ms(until_ms), self._clock.now()
        async with asyncio.timeout(ANSWER_WITHIN_S):
            await store_touches.store(self._pool, self._writer_id, visits, sign_ins, until=until, now=now)

    def _fail(self, number: int, error: Exception) -> None:
        if number in self._unstored:  # not of a piece that was stored before
            self._failed.append(number)


def _may_be_a_rows_fault(fault: BaseException) -> bool:
    """Whether PostgreSQL answered, and was fit to."""
    state = getattr(fault, "sqlstate", None)
    return state is not None and not state.startswith(_NO_ROWS_FAULT)


def _merged(visits: Iterable[Visit]) -> list[Visit]:
    """The same with one visit for each touch, in the order in which they came."""
    touches: dict[str, Visit] = {}
    for visit in visits:
        first = touches.get(visit.id)
        touches[visit.id] = visit if first is None else first.and_again(visit)
    return list(touches.values())
