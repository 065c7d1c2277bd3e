"""SQL of explanations: what was judged of an order, with the names of those who are credited or were passed over."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from inventory.ledger import Ledger

_decode = msgspec.json.Decoder().decode


@dataclass(frozen=True, slots=True)
class Judged:
    """An order, its judgement if there is one, its credits, and display names by sharer."""

    order: dict[str, Any]
    credits: list[dict[str, Any]]
    names: dict[str, str]


async def find(ledger: Ledger, merchant_id: str, order_id: str, people: Sequence[str] | None) -> Judged | None:
    """An order of a merchant's; of these customers, where they are given. Raises LedgerFault."""
    rows = await ledger.call(_ORDER, merchant_id, order_id, None if people is None else list(people))
    if not rows:
        return None
    order = {name: _plain(value) for name, value in rows[0].items()}
    order["rule"] = _decode(order["rule"] or "null")
    order["considered"] = _decode(order["considered"] or "[]")
    given = [{k: _plain(v) for k, v in row.items()} for row in await ledger.call(_CREDITS, merchant_id, order_id)]
    sharers = {each["sharer_id"] for each in (*given, *order["considered"])}
    named = await ledger.call(_NAMES, merchant_id, list(sharers)) if sharers else []
    return Judged(order, given, {str(row["customer_id"]): row["display_name"] for row in named})


def _plain(value: Any) -> Any:
    """Ids as text."""
    if isinstance(value, list):
        return [str(each) for each in value]
    return str(value) if hasattr(value, "hex") and hasattr(value, "int") else value


_ORDER: Final = """
    SELECT o.id AS order_id, o.placed_at, o.rehearsal, o.currency, o.total, o.share_code,
           a.code_state, a.outcome, a.reason, a.rule::text AS rule, a.considered::text AS considered, a.touches,
           a.decided_at, a.ended, a.ended_at
    FROM orders o LEFT JOIN attribution a ON a.merchant_id = o.merchant_id AND a.order_id = o.id
    WHERE o.merchant_id = $1 AND o.id = $2 AND ($3::uuid[] IS NULL OR o.customer_id = ANY ($3))
"""
_CREDITS: Final = """
    SELECT c.share_id, c.sharer_id, c.chain, c.part, c.amount, c.touched_at, c.touch_id
    FROM credit c WHERE c.merchant_id = $1 AND c.order_id = $2 ORDER BY c.no
"""
_NAMES: Final = """
    SELECT i.id AS customer_id, p.display_name FROM unnest($2::uuid[]) AS i (id)
    JOIN customer_profile p ON p.merchant_id = $1 AND p.customer_id = person_of($1, i.id)
    WHERE p.display_name IS NOT NULL
"""
