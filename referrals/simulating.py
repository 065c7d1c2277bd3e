"""The job that tries a rule on orders that were judged: who would be credited, and which orders would differ.

It decides with the very function that judges orders, from what was known at each order's time, and writes nothing.
Touches that came too late to be known then are among what it reads: see docs/attribution.md.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import msgspec

from keel.database import Pool, edge
from keel.jobs import Run
from orders.filters import ID_AFTER_PLACED_MAX, ID_BEFORE_PLACED_MAX, least_id_at
from referrals import store_judging, store_rules, store_simulating
from referrals.attributing import Decision, decide
from referrals.judgements import shown
from referrals.rule import Model, Rule, SelfPurchase, Version, rulebook_at
from referrals.store_judging import Waiting
from referrals.store_simulating import Given, Span, Written

KIND: Final = "attribution.simulation"
PAGE: Final = 200
SHARERS_SHOWN_MAX: Final = 200
ORDERS_SHOWN_MAX: Final = 200

Sums = dict[tuple[str, str], list[int]]


@dataclass
class Comparison:
    """What was found so far. `sums`: by sharer and currency, the amount as written and the amount as simulated."""

    orders: int = 0
    ended: int = 0
    differ: int = 0
    sums: Sums = field(default_factory=dict)
    shown: list[dict[str, Any]] = field(default_factory=list)

    def add(self, order: Waiting, written: Written, decision: Decision) -> None:
        """One order. Those that ended unpaid are compared, and left out of the sums."""
        given = tuple(Given(c.share_id, c.sharer_id, c.part, c.amount) for c in decision.credits)
        self.orders += 1
        self.ended += written.ended
        if not written.ended:
            self._sum(order.currency, written.credits, 0)
            self._sum(order.currency, given, 1)
        if (written.outcome, written.credits) != (decision.outcome.value, given):
            self.differ += 1
            if len(self.shown) < ORDERS_SHOWN_MAX:
                self.shown.append(_difference(written, decision, given))

    def _sum(self, currency: str, given: Sequence[Given], column: int) -> None:
        for each in given:
            self.sums.setdefault((each.sharer_id, currency), [0, 0])[column] += each.amount

    def told(self) -> dict[str, Any]:
        """For the job's result; the sharers for whom most changes come first."""
        by_change = sorted(self.sums.items(), key=lambda item: (-abs(item[1][1] - item[1][0]), -item[1][1], item[0]))
        sharers = [
            {"sharer_id": sharer_id, "currency": currency, "written": written, "simulated": simulated}
            for (sharer_id, currency), (written, simulated) in by_change[:SHARERS_SHOWN_MAX]
        ]
        counts = {"orders": self.orders, "ended": self.ended, "differ": self.differ, "sharers_total": len(self.sums)}
        return {**counts, "sharers": sharers, "differing": self.shown}


@dataclass(frozen=True, slots=True)
class Simulation:
    """The job `attribution.simulation`."""

    pool: Pool

    async def __call__(self, run: Run) -> None:
        """Run it. Raises Unavailable and JobLost."""
        options, merchant_id = run.job.options, run.by.merchant_id
        rule, span = _rule_of(options["rule"]), _span_of(options, run.job.created_at)
        total = await store_simulating.count(self.pool, merchant_id, span)
        found, above = Comparison(), span.above
        while page := await store_simulating.page(self.pool, merchant_id, span, above=above, count=PAGE):
            await run.tell("judging", done=found.orders, total=max(total, found.orders))
            await self._compare(merchant_id, rule, page, found)
            above = page[-1].order_id
        async with edge(run.sessions) as session:
            await run.end(session, state="done", result={"rule": options["rule"], **found.told()})

    async def _compare(self, merchant_id: str, rule: Rule, page: Sequence[Written], found: Comparison) -> None:
        written = {each.order_id: each for each in page}
        async with self.pool.acquire() as connection:
            versions = await store_rules.versions(connection, merchant_id)
            orders = await store_judging.of_ids(connection, merchant_id, list(written))
        for order in orders:
            found.add(order, written[order.id], _simulated(order, versions, rule))


def options_of(
    rule: Rule, session_id: str | None, placed_from: datetime | None, placed_to: datetime | None
) -> dict[str, Any]:
    """The options of a job."""
    span = {"session_id": session_id, "placed_from": _text(placed_from), "placed_to": _text(placed_to)}
    return {"rule": shown(rule), **span}


def _simulated(order: Waiting, versions: Sequence[Version], rule: Rule) -> Decision:
    return decide(order.case, rulebook_at(versions, order.case.placed_at).with_(rule))


def _difference(written: Written, decision: Decision, given: Sequence[Given]) -> dict[str, Any]:
    return {
        "order_id": written.order_id,
        "written": {
            "outcome": written.outcome,
            "reason": written.reason,
            "credits": list(map(msgspec.structs.asdict, written.credits)),
        },
        "simulated": {
            "outcome": decision.outcome.value,
            "reason": decision.reason,
            "credits": list(map(msgspec.structs.asdict, given)),
        },
    }


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _rule_of(said: Mapping[str, Any]) -> Rule:
    return Rule(**{**said, "model": Model(said["model"]), "self_purchase": SelfPurchase(said["self_purchase"])})


def _span_of(options: Mapping[str, Any], now: datetime) -> Span:
    placed_from, placed_to = (
        None if options[name] is None else datetime.fromisoformat(options[name])
        for name in ("placed_from", "placed_to")
    )
    first = datetime.fromisoformat("1970-01-02T00:00:00Z") if placed_from is None else placed_from
    last = now if placed_to is None else min(placed_to, now)
    above, below = least_id_at(first - ID_BEFORE_PLACED_MAX), least_id_at(last + ID_AFTER_PLACED_MAX)
    return Span(above, below, first, last, options["session_id"])
