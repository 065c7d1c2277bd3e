"""Orders are judged once nothing can change what was known of them: by every worker, each order once.

Placing an order writes nothing for this. Workers look for orders without a judgement, above a mark that follows some
way behind; what is stored long after its time, below that mark, is looked for now and then (see `late`). Two workers
never judge one merchant's orders at the same time, and one that dies leaves nothing half done. What becomes of an order
afterwards is read from its history (see referrals.ending).

Of a rush most orders were brought by nobody. Those are judged in sets, by the database alone; one by one are judged
those with a code or with visits (see referrals.attributing). What cannot be judged in time keeps no other merchant
waiting, and is halved at the next tick, down to the one order at fault.
"""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from keel.clock import Clock
from keel.database import Connection, Pool
from keel.ids import Ids
from orders.filters import ID_BEFORE_PLACED_MAX, id_before, least_id_at
from referrals import store_judging, store_nobody, store_rules, store_touches
from referrals.attributing import Decision, Outcome, decide
from referrals.judgements import in_turn, judgement
from referrals.metrics import JUDGED
from referrals.rule import rulebook_at
from referrals.store_judging import NotJudged, Waiting
from referrals.store_nobody import Looked

log = logging.getLogger(__name__)

ORDER_ATTRIBUTED: Final = "order.attributed"
BATCH_MAX: Final = 200  # orders that are judged one by one, in one transaction
SET_MAX: Final = 2_000  # orders that are looked at together
ROUND_MAX: Final = 2_000  # orders of one merchant that are judged one by one, before the next one has its turn, and
LOOKED_MAX: Final = 20_000  # such that are looked at
FOLLOWS_BY: Final = timedelta(minutes=1)  # how far the mark is behind: an id is made before its order is stored
STORED_WITHIN: Final = timedelta(seconds=3)  # which most are by far, so those above the mark are looked at whole only
WHOLE_EVERY_MS: Final = 20_000
_GREATEST_ID: Final = "ffffffff-ffff-ffff-ffff-ffffffffffff"
_LEAST_ID: Final = least_id_at(datetime.fromisoformat("1970-01-01T00:00:00Z"))


@dataclass(frozen=True, slots=True)
class Sight:
    """What a worker saw of a merchant's orders: those placed by `until` are judged, if they were stored by then.
    `whole_ms`: when it last looked at all of them above the mark."""

    until: datetime
    whole_ms: int


@dataclass(frozen=True, slots=True)
class Round:
    """Orders of a merchant, placed by a time. `moves`: the mark follows, for all above it is looked at."""

    merchant_id: str
    placed_by: datetime
    moves: bool


@dataclass(frozen=True)
class Judge:
    """Judges what waits. `heard_by`: subscribers of the fact that an order was attributed."""

    pool: Pool
    ids: Ids
    clock: Clock
    heard_by: Sequence[str] = ()
    sights: dict[str, Sight] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)  # of merchants' next sets

    async def tick(self) -> int:
        """Judge all that can be judged; how many."""
        mark, merchants = await self._begin(None)
        return sum([await self._newest(each, mark) for each in merchants])

    async def late(self) -> int:
        """The same for what was stored up to a day after its id was made: a process stood still, a worker was away."""
        mark, merchants = await self._begin(_LEAST_ID)
        above = least_id_at(mark - ID_BEFORE_PLACED_MAX - FOLLOWS_BY)
        return sum([(await self._of(Round(each, mark, moves=False), above))[0] for each in merchants])

    async def _begin(self, above: str | None) -> tuple[datetime, list[str]]:
        """Up to when all touches are known, and whose orders there are; where no id is given, above the mark."""
        await store_judging.begin(self.pool, _LEAST_ID)
        mark = await store_touches.watermark(self.pool, self.clock.now())  # asked before anything else is read
        merchants = await store_judging.merchants(self.pool, above)
        # A fault ends the round, so each time another merchant is first.
        first = self.clock.ms() // 1_000 % max(1, len(merchants))
        return mark, [*merchants[first:], *merchants[:first]]

    async def _newest(self, merchant_id: str, mark: datetime) -> int:
        """What came since the last tick, or was stored a little late; now and then all that is above the mark."""
        now_ms, sight = self.clock.ms(), self.sights.get(merchant_id)
        if sight is None or now_ms - sight.whole_ms >= WHOLE_EVERY_MS:
            seen, above = Sight(mark, now_ms), None
        else:
            seen, above = Sight(mark, sight.whole_ms), least_id_at(sight.until - STORED_WITHIN)
        judged, all_of_them = await self._of(Round(merchant_id, mark, moves=above is None), above)
        if all_of_them:
            self.sights[merchant_id] = seen
        return judged

    async def _of(self, orders: Round, above: str | None) -> tuple[int, bool]:
        """A set at a time, each from where the one before ended: how many, and whether it was all of them."""
        judged = looked = one_by_one = 0
        while looked < LOOKED_MAX and one_by_one < ROUND_MAX:
            size = self.sizes.get(orders.merchant_id, SET_MAX)
            try:
                seen = await self._set(orders, above, size)
                of_others = 0 if seen is None else await self._others(orders, seen, min(size, BATCH_MAX))
            except NotJudged as fault:
                self._halve(orders.merchant_id, size, fault)
                break
            if seen is None:
                break
            self.sizes[orders.merchant_id] = min(SET_MAX, 2 * size)
            judged += seen.alone + of_others
            if of_others < len(seen.others):
                break
            if not seen.has_more:
                return judged, True
            above, looked, one_by_one = seen.last, looked + seen.count, one_by_one + of_others
        return judged, False

    def _halve(self, merchant_id: str, size: int, fault: NotJudged) -> None:
        """Less at the next tick, and fewer than fit a batch: it may have been one that failed."""
        self.sizes[merchant_id] = max(1, min(size, BATCH_MAX) // 2)
        level = logging.WARNING if size > 1 else logging.ERROR
        log.log(level, "orders of merchant %s: a set of %d cannot be judged: %s", merchant_id, size, fault)

    async def _set(self, orders: Round, above: str | None, size: int) -> Looked | None:
        """Look at the next ones, oldest first: above an id, or all that is judged. Those that nobody brought are judged
        with it. None where another worker is at it."""
        async with store_judging.turn(self.pool) as connection:
            reach = await store_judging.take(connection, orders.merchant_id)
            if reach is None:
                return None
            versions = await store_rules.versions(connection, orders.merchant_id)
            seen = await store_nobody.judge(
                connection,
                orders.merchant_id,
                above=above or reach,
                placed_by=orders.placed_by,
                count=size,
                rules=in_turn(versions),
                at=self.clock.now(),
            )
            await self._reach(connection, orders, id_before(seen.others[0]) if seen.others else _end_of(seen))
        JUDGED.labels(outcome=Outcome.NONE.value).inc(seen.alone)
        return seen

    async def _others(self, orders: Round, seen: Looked, batch_max: int) -> int:
        """Those whom somebody may have brought, one by one; how many. Fewer where another worker came in between."""
        judged = 0
        for first in range(0, len(seen.others), batch_max):
            after = seen.others[first + batch_max : first + batch_max + 1]
            until = id_before(after[0]) if after else _end_of(seen)
            count = await self._batch(orders, seen.others[first : first + batch_max], until)
            if count is None:
                break
            judged += count
        return judged

    async def _batch(self, orders: Round, order_ids: Sequence[str], until: str) -> int | None:
        """Some of them; with them all up to an id are judged. None where another worker is at it."""
        async with store_judging.turn(self.pool) as connection:
            if await store_judging.take(connection, orders.merchant_id) is None:
                return None
            found = await store_judging.waiting(connection, orders.merchant_id, order_ids)
            await self._judge(connection, orders.merchant_id, found)
            await self._reach(connection, orders, until)
        return len(found)

    async def _reach(self, connection: Connection, orders: Round, until: str) -> None:
        if orders.moves:
            judged = min(until, least_id_at(orders.placed_by - FOLLOWS_BY))
            await store_judging.reach(connection, orders.merchant_id, judged)

    async def _judge(self, connection: Connection, merchant_id: str, found: Sequence[Waiting]) -> None:
        if not found:
            return
        versions = await store_rules.versions(connection, merchant_id)
        decided = [(order, decide(order.case, rulebook_at(versions, order.case.placed_at))) for order in found]
        now = self.clock.now()
        written = await store_judging.write(connection, [judgement(*each, at=now) for each in decided])
        new = [(order, decision) for order, decision in decided if order.id in written]
        facts = [self._fact(*each, at=now) for each in new if each[1].outcome is not Outcome.NONE]
        await store_judging.announce(connection, facts, self.heard_by)
        for outcome, count in Counter(decision.outcome.value for _, decision in new).items():
            JUDGED.labels(outcome=outcome).inc(count)

    def _fact(self, order: Waiting, decision: Decision, *, at: datetime) -> dict[str, Any]:
        names = "share_id", "sharer_id", "root_id", "part", "amount"
        credits_ = [{name: getattr(credit, name) for name in names} for credit in decision.credits]
        about = {name: getattr(order, name) for name in ("merchant_id", "room_id", "session_id", "sale_id", "currency")}
        total = {"order_id": order.id, "total": order.case.total}
        payload = {**about, **total, "outcome": decision.outcome, "reason": decision.reason, "credits": credits_}
        return {"id": self.ids.new(), "topic": ORDER_ATTRIBUTED, "aggregate": order.id, "payload": payload, "at": at}


def _end_of(seen: Looked) -> str:
    """Up to which id everything was looked at."""
    return seen.last if seen.last is not None and seen.has_more else _GREATEST_ID
