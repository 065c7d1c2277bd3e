"""Orders are judged once nothing can change what was known of them: by every worker, each order once.

Placing an order writes nothing for this. Workers look for orders without a judgement, above a mark that follows some
way behind; what is stored long after its time, below that mark, is looked for now and then (see `late`). Two workers
never judge one merchant's orders at the same time, and one that dies leaves nothing half done. What becomes of an order
afterwards is read from the order itself, so no fact has to be heard for it, once, twice or in order.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from keel.clock import Clock
from keel.database import Connection, Pool
from keel.ids import Ids
from orders.filters import ID_BEFORE_PLACED_MAX, least_id_at
from referrals import store_judging, store_rules, store_touches
from referrals.attributing import Decision, Passed, decide
from referrals.crediting import Credit
from referrals.metrics import JUDGED
from referrals.rule import Rule, rulebook_at
from referrals.store_judging import Waiting

ORDER_ATTRIBUTED: Final = "order.attributed"
BATCH_MAX: Final = 200
ROUND_MAX: Final = 2_000  # orders of one merchant, before the next one has its turn
RECENT: Final = timedelta(days=1)  # orders that end, end within it as a rule
FOLLOWS_BY: Final = timedelta(minutes=1)  # how far the mark is behind: an id is made before its order is stored
_GREATEST_ID: Final = "ffffffff-ffff-ffff-ffff-ffffffffffff"
_LEAST_ID: Final = least_id_at(datetime.fromisoformat("1970-01-01T00:00:00Z"))


@dataclass(frozen=True)
class Judge:
    """Judges what waits. `heard_by`: subscribers of the fact that an order was attributed."""

    pool: Pool
    ids: Ids
    clock: Clock
    heard_by: Sequence[str] = ()

    async def tick(self) -> int:
        """Judge all that can be judged; how many."""
        return await self._all(late=False)

    async def late(self) -> int:
        """The same for what was stored up to a day after its id was made: a process stood still, a worker was away."""
        return await self._all(late=True)

    async def note_ends(self, *, late: bool = False) -> int:
        """Mark what was judged and ended since; how many. Of the orders of the last day, or with `late` of all."""
        above = _LEAST_ID if late else least_id_at(self.clock.now() - RECENT)
        marked = 0
        for merchant_id in await store_judging.merchants(self.pool, above):
            while count := await store_judging.end(self.pool, merchant_id, above=above, count=BATCH_MAX):
                marked += count
        return marked

    async def _all(self, *, late: bool) -> int:
        await store_judging.begin(self.pool, _LEAST_ID)
        mark = await store_touches.watermark(self.pool, self.clock.now())  # asked before anything else is read
        merchants = await store_judging.merchants(self.pool, _LEAST_ID if late else None)
        # A fault ends the round, so each time another merchant is first.
        first = self.clock.ms() // 1_000 % max(1, len(merchants))
        return sum([await self._of(each, mark, late=late) for each in (*merchants[first:], *merchants[:first])])

    async def _of(self, merchant_id: str, mark: datetime, *, late: bool) -> int:
        """Orders of a merchant, in batches, each from where the one before ended; after some, others have a turn."""
        above = least_id_at(mark - ID_BEFORE_PLACED_MAX - FOLLOWS_BY) if late else None
        judged, found = 0, list[Waiting]()
        while judged < ROUND_MAX and (not judged or len(found) == BATCH_MAX):
            found = await self._batch(merchant_id, mark, above, late=late)
            if not found:
                break
            judged, above = judged + len(found), found[-1].id
        return judged

    async def _batch(self, merchant_id: str, mark: datetime, above: str | None, *, late: bool) -> list[Waiting]:
        """The next orders, oldest first: above an id, or all that is judged. None where another worker is at it."""
        async with self.pool.acquire() as connection, connection.transaction():
            reach = await store_judging.take(connection, merchant_id)
            if reach is None:
                return []
            found = await store_judging.waiting(
                connection, merchant_id, above=above or reach, placed_by=mark, count=BATCH_MAX
            )
            await self._judge(connection, merchant_id, found)
            if not late:  # which leaves out what is older
                judged = found[-1].id if len(found) == BATCH_MAX else _GREATEST_ID
                await store_judging.reach(connection, merchant_id, min(judged, least_id_at(mark - FOLLOWS_BY)))
        return found

    async def _judge(self, connection: Connection, merchant_id: str, found: Sequence[Waiting]) -> None:
        if not found:
            return
        versions = await store_rules.versions(connection, merchant_id)
        decided = [(order, decide(order.case, rulebook_at(versions, order.case.placed_at))) for order in found]
        now = self.clock.now()
        written = await store_judging.write(connection, [judgement(*each, at=now) for each in decided])
        facts = [self._fact(*each, at=now) for each in decided if each[0].id in written]
        await store_judging.announce(connection, facts, self.heard_by)
        for order, decision in decided:
            if order.id in written:
                JUDGED.labels(outcome=decision.outcome.value).inc()

    def _fact(self, order: Waiting, decision: Decision, *, at: datetime) -> dict[str, Any]:
        names = "share_id", "sharer_id", "root_id", "part", "amount"
        credits_ = [{name: getattr(credit, name) for name in names} for credit in decision.credits]
        about = {name: getattr(order, name) for name in ("merchant_id", "room_id", "session_id", "sale_id", "currency")}
        total = {"order_id": order.id, "total": order.case.total}
        payload = {**about, **total, "outcome": decision.outcome, "reason": decision.reason, "credits": credits_}
        return {"id": self.ids.new(), "topic": ORDER_ATTRIBUTED, "aggregate": order.id, "payload": payload, "at": at}


def judgement(order: Waiting, decision: Decision, *, at: datetime) -> dict[str, Any]:
    """The row of a judgement, with its `credits`."""
    case = order.case
    return {
        "order_id": order.id,
        "merchant_id": order.merchant_id,
        "customer_id": order.customer_id,
        "sale_id": order.sale_id,
        "room_id": order.room_id,
        "session_id": order.session_id,
        "currency": order.currency,
        "total": case.total,
        "share_code": order.share_code,
        "code_state": case.code,
        "outcome": decision.outcome,
        "reason": decision.reason,
        "rule_id": decision.rule.id,
        "rule": shown(decision.rule),
        "touches": len(case.touches),
        "considered": [_plain(passed) for passed in decision.passed],
        "placed_at": case.placed_at,
        "decided_at": at,
        "ended": order.ended,
        "ended_at": order.ended_at,
        "credits": _credits(order, decision),
    }


def shown(rule: Rule) -> dict[str, Any]:
    """A rule as it is kept with what was judged by it."""
    return {name: value for name, value in _plain(rule).items() if name != "id"}


def _credits(order: Waiting, decision: Decision) -> list[dict[str, Any]]:
    about = {"order_id": order.id, "merchant_id": order.merchant_id}
    return [
        {**about, "no": no, "root_id": credit.root_id, **_plain(credit)}
        for no, credit in enumerate(decision.credits, start=1)
    ]


def _plain(value: Credit | Passed | Rule) -> dict[str, Any]:
    """Its fields by name; `dataclasses.asdict` copies each of them deeply, once for every order."""
    return {name: getattr(value, name) for name in value.__slots__}
