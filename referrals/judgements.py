"""Pure values of judgements: the rows that are written of a decision, and the rules beside which it was made."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from referrals.attributing import Decision, Passed
from referrals.crediting import Credit
from referrals.rule import Rule, Version, shops_in_turn
from referrals.store_judging import Waiting


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


def in_turn(versions: Iterable[Version]) -> list[dict[str, Any]]:
    """The shop's rules as they followed each other, each as it is kept with a judgement."""
    turns = shops_in_turn(versions)
    ends = [*(since for _, since in turns[1:]), None]
    return [
        {"rule_id": rule.id, "rule": shown(rule), "since": since, "until": until}
        for (rule, since), until in zip(turns, ends, strict=True)
    ]


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
