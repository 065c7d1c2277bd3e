"""Use cases of whoever asks why: the buyer about an order of his, staff about any."""

from typing import Any

from accounts.tokens import Claims
from inventory.ledger import Ledger
from keel.errors import NotFound
from keel.identity import Principal
from referrals import store_explaining
from referrals.store_explaining import Judged
from referrals.wording import clocks_in_words, code_in_words, in_words, why_not


async def for_buyer(ledger: Ledger, who: Claims, order_id: str) -> dict[str, Any]:
    """One of his orders: the names of those whose invitations he opened, and no ids or amounts of theirs.

    Raises NotFound and LedgerFault.
    """
    judged = await _find(ledger, who.mid, order_id, [who.sub, *who.was])
    hidden = {"share_id", "sharer_id", "chain", "amount", "touch_id"}
    told = _explained(judged)
    for part in ("credits", "others"):
        told[part] = [{name: v for name, v in each.items() if name not in hidden} for each in told[part]]
    return told


async def for_staff(ledger: Ledger, by: Principal, order_id: str) -> dict[str, Any]:
    """Any order of the merchant's, with everything. Raises NotFound and LedgerFault."""
    return _explained(await _find(ledger, by.merchant_id, order_id, None))


async def _find(ledger: Ledger, merchant_id: str, order_id: str, people: list[str] | None) -> Judged:
    judged = await store_explaining.find(ledger, merchant_id, order_id, people)
    if judged is None:
        raise NotFound(what="order")
    return judged


def _explained(judged: Judged) -> dict[str, Any]:
    order, names = judged.order, judged.names
    state, reason = _state(order)
    credits_ = [{**each, "sharer_name": names.get(each["sharer_id"])} for each in judged.credits]
    others = [
        {**each, "sharer_name": names.get(each["sharer_id"]), "words": why_not(each["why"])}
        for each in order["considered"]
    ]
    rule, code = order["rule"], order["code_state"]
    return {
        "order_id": order["order_id"],
        "state": state,
        "reason": reason,
        "words": in_words(state, reason, [each["sharer_name"] for each in credits_], ended=bool(order["ended"])),
        "placed_at": order["placed_at"],
        "decided_at": order["decided_at"],
        "ended": order["ended"],
        "currency": order["currency"],
        "total": order["total"],
        "code": None if code is None else {"sent": order["share_code"], "state": code, "words": code_in_words(code)},
        "rule": None if rule is None else {**rule, "words": clocks_in_words(rule)},
        "visits": order["touches"],
        "credits": credits_,
        "others": others,
    }


def _state(order: dict[str, Any]) -> tuple[str, str]:
    if order["outcome"] is not None:
        return order["outcome"], order["reason"]
    return ("none", "rehearsal") if order["rehearsal"] else ("pending", "pending")
