"""SQL of shares: what can be shared, where a share grows, and who finds it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from inventory.ledger import Ledger
from keel.database import Row
from referrals.model import Node, Target, TargetKind


@dataclass(frozen=True, slots=True)
class Share:
    """A share as it was written, once."""

    node: Node
    merchant_id: str
    code: str
    kind: TargetKind
    target_id: str
    family_id: str
    campaign: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Opened:
    """What somebody came through. `session_id`: the broadcast on air there, which he comes into."""

    share: Share
    session_id: str | None


@dataclass(frozen=True, slots=True)
class Shown:
    """What a code says to whoever has it. `title`: of the target as it is now; None where it was put away."""

    share: Share
    title: str | None
    sharer_name: str | None


async def target(ledger: Ledger, merchant_id: str, kind: TargetKind, target_id: str, *, now: datetime) -> Target | None:
    """What is to be shared, where the merchant has it and still shows it. Raises LedgerFault."""
    rows = await ledger.call(_TARGET, merchant_id, kind, target_id, now)
    return None if not rows else _target_of(rows[0], kind)


async def campaign(ledger: Ledger, merchant_id: str, name: str, *, now: datetime) -> Target | None:
    """A campaign that runs, by its name. Raises LedgerFault."""
    rows = await ledger.call(_CAMPAIGN, merchant_id, name, now)
    return None if not rows else _target_of(rows[0], TargetKind.CAMPAIGN)


async def line_of(
    ledger: Ledger, merchant_id: str, people: Sequence[str], family_id: str, *, until: datetime
) -> list[Node]:
    """The share through which somebody came last to a family of targets, with all above it, from the root down.

    `people`: the ids under which he is known; those that are linked with them are looked up. His own shares do not
    bring him. Empty where he came by himself. Raises LedgerFault.
    """
    return [node_of(row) for row in await ledger.call(_LINE, merchant_id, list(people), until, family_id)]


async def add(ledger: Ledger, share: Share, people: Sequence[str]) -> Share | None:
    """Write a share, or find the one that says the same. None where its code is taken. Raises LedgerFault.

    `people`: the ids under which its sharer is known. What he shared as a guest, he shared; his own comes first.
    """
    node, now = share.node, share.created_at
    what = share.merchant_id, node.sharer_id, share.kind, share.target_id, share.campaign, node.parent_id
    same = *what, list(people), now
    rest = node.id, share.code, share.family_id, node.root_id, node.depth, list(node.path)
    rows = await ledger.call(_ADD, *same, *rest) or await ledger.call(_SAME, *same)
    return share_of(rows[0]) if rows else None


async def find(ledger: Ledger, merchant_id: str, code: str) -> Opened | None:
    """A merchant's share by its code, as somebody opens it now. Raises LedgerFault."""
    rows = await ledger.call(_FIND, merchant_id, code)
    return Opened(share_of(rows[0]), _text(rows[0]["session_id"])) if rows else None


async def show(ledger: Ledger, code: str) -> Shown | None:
    """What a code points to. Raises LedgerFault."""
    rows = await ledger.call(_SHOW, code)
    return Shown(share_of(rows[0]), rows[0]["title"], rows[0]["display_name"]) if rows else None


async def of_sharer(
    ledger: Ledger, merchant_id: str, people: Sequence[str], *, below: str | None, count: int
) -> list[Share]:
    """A page of what somebody shared, under any of his ids, newest first, below an id. Raises LedgerFault."""
    return [share_of(row) for row in await ledger.call(_OF_SHARER, merchant_id, list(people), below, count)]


def share_of(row: Row) -> Share:
    """A row of `share`."""
    return Share(
        node=node_of(row),
        merchant_id=str(row["merchant_id"]),
        code=row["code"],
        kind=TargetKind(row["target_kind"]),
        target_id=str(row["target_id"]),
        family_id=str(row["family_id"]),
        campaign=row["campaign"],
        created_at=row["created_at"],
    )


def node_of(row: Row) -> Node:
    """The part of a row that says where it grows."""
    return Node(str(row["id"]), str(row["sharer_id"]), str(row["root_id"]), tuple(map(str, row["path"])))


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _target_of(row: Row, kind: TargetKind) -> Target:
    return Target(kind, str(row["id"]), str(row["family_id"]), row["title"], row["campaign"])


_TARGET: Final = """
    SELECT id, family_id, title, campaign FROM share_target
    WHERE merchant_id = $1 AND kind = $2 AND id = $3 AND (ends_at IS NULL OR ends_at > $4)
"""
_CAMPAIGN: Final = """
    SELECT id, family_id, title, campaign FROM share_target
    WHERE merchant_id = $1 AND kind = 'campaign' AND campaign = $2 AND (ends_at IS NULL OR ends_at > $3)
"""
# From the touches of a person on: OFFSET keeps the shares from being read first, all that there are of a room.
_LINE: Final = """
    WITH people (ids) AS MATERIALIZED (SELECT people_of($1, $2, $3)), came AS (
        SELECT s.path || s.id AS ids FROM people CROSS JOIN LATERAL unnest(people.ids) AS p (id) CROSS JOIN LATERAL (
            SELECT * FROM touch t WHERE t.merchant_id = $1 AND t.visitor_id = p.id AND t.at <= $3 OFFSET 0) t
        CROSS JOIN LATERAL (
            SELECT * FROM share s WHERE s.merchant_id = t.merchant_id AND s.id = t.share_id OFFSET 0) s
        WHERE s.family_id = $4 AND s.sharer_id <> ALL (people.ids)
        ORDER BY t.at DESC, t.id DESC LIMIT 1)
    SELECT s.id, s.sharer_id, s.root_id, s.path FROM came CROSS JOIN LATERAL unnest(came.ids) AS a (id)
    CROSS JOIN LATERAL (SELECT * FROM share s WHERE s.merchant_id = $1 AND s.id = a.id OFFSET 0) s
    ORDER BY s.depth
"""
_THE_SAME: Final = """
    SELECT s.* FROM share s
    WHERE s.merchant_id = $1 AND s.sharer_id = ANY (array_append((SELECT people_of($1, $7, $8)), $2))
        AND s.target_kind = $3 AND s.target_id = $4
        AND s.campaign IS NOT DISTINCT FROM $5 AND s.parent_id IS NOT DISTINCT FROM $6
"""
_ADD: Final = f"""
    INSERT INTO share AS n (merchant_id, sharer_id, target_kind, target_id, campaign, parent_id, created_at,
                            id, code, family_id, root_id, depth, path)
    SELECT $1, $2, $3, $4, $5, $6, $8, $9::uuid, $10, $11::uuid, $12::uuid, $13::smallint, $14::uuid[]
    WHERE NOT EXISTS ({_THE_SAME}) ON CONFLICT DO NOTHING
    RETURNING n.*
"""
_SAME: Final = f"{_THE_SAME} ORDER BY s.sharer_id = $2 DESC, s.id LIMIT 1"
_FIND: Final = """
    SELECT s.*, a.session_id FROM share s
    LEFT JOIN room_on_air a ON a.merchant_id = s.merchant_id AND a.room_id = s.family_id
    WHERE s.merchant_id = $1 AND s.code = $2
"""
_SHOW: Final = """
    SELECT s.*, g.title, p.display_name FROM share s
    LEFT JOIN share_target g ON g.merchant_id = s.merchant_id AND g.kind = s.target_kind AND g.id = s.target_id
    LEFT JOIN customer_profile p
        ON p.merchant_id = s.merchant_id AND p.customer_id = person_of(s.merchant_id, s.sharer_id)
    WHERE s.code = $1
"""
_OF_SHARER: Final = """
    SELECT s.* FROM share s
    WHERE s.merchant_id = $1 AND s.sharer_id = ANY ($2::uuid[]) AND ($3::uuid IS NULL OR s.id < $3)
    ORDER BY s.id DESC LIMIT $4
"""
