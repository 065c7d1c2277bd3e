"""The figures of trees, counted in another way than they are kept: from the rows, in Python, all at once."""

from collections import Counter, defaultdict
from typing import Any

from keel.clock import to_ms
from referrals import store_tree_export, trees
from referrals.spreading import Figures, Ranking, Ranks, sum_of
from referrals.store_trees import Place
from tests.referrals.spread import Spread

STANDING = {"awaiting_payment", "paid"}


async def tallied(spread: Spread) -> dict[tuple[str, ...], dict[str, Any]]:
    """Every tally that is not all zeros, by what it is of."""
    found: dict[tuple[str, ...], dict[str, Any]] = {}
    for table, keys in _TABLES.items():
        for row in await spread.mine(f"SELECT * FROM {table}"):
            figures = {n: v for n, v in row.items() if n not in {*keys, "merchant_id", "generation"} and v}
            if figures:
                found[table, *(str(row[key]) for key in keys)] = figures
    return found


async def counted_otherwise(spread: Spread) -> dict[tuple[str, ...], dict[str, Any]]:
    """What `tallied` has to say, from the rows of shares, touches, viewers and parts."""
    shares = {row["id"]: row for row in await spread.mine("SELECT * FROM share")}
    nodes = {(row["family_id"], row["id"]) for row in shares.values()}
    nodes |= {(row["target_id"], row["id"]) for row in shares.values() if row["target_kind"] == "session"}
    first: dict[tuple[Any, Any], Any] = {}
    for touch in await spread.mine("SELECT * FROM touch", "at, id"):
        share = shares[touch["share_id"]]
        scope = touch["session_id"] or share["family_id"]
        nodes.add((scope, share["id"]))
        if share["sharer_id"] != touch["visitor_id"]:
            first.setdefault((scope, touch["visitor_id"]), touch)
    parts = await spread.mine(_CREDITS, "order_id, no")
    nodes |= {(credit["session_id"], credit["share_id"]) for credit in parts if credit["session_id"]}
    rooms = {row["id"]: row["room_id"] for row in await spread.mine("SELECT * FROM session")}
    nodes |= {(rooms[scope], share_id) for scope, share_id in nodes if scope in rooms}  # of other things, too
    nodes = {(scope, each) for scope, share_id in nodes for each in (*shares[share_id]["path"], share_id)}
    books = _Books(shares, rooms)
    for scope, share_id in nodes:
        books.add(scope, shares[share_id], {"shares": 1}, at=shares[share_id]["created_at"])
    watched = {(row["session_id"], row["viewer_id"]) for row in await spread.mine("SELECT * FROM session_viewer")}
    for (scope, visitor_id), touch in first.items():
        figures = {"visitors": 1, "viewers": int((scope, visitor_id) in watched)}
        books.add(scope, shares[touch["share_id"]], figures, touch, at=touch["at"])
    bought = set[tuple[Any, Any]]()
    for credit in parts:
        scope, stands = credit["session_id"] or shares[credit["share_id"]]["family_id"], credit["state"] in STANDING
        is_first = stands and (scope, credit["customer_id"]) not in bought
        bought |= {(scope, credit["customer_id"])} if stands else set()
        figures = {"orders": int(stands and credit["no"] == 1), "buyers": int(is_first)}
        books.add(scope, shares[credit["share_id"]], figures, credit, at=credit["placed_at"])
        books.pay(scope, shares[credit["share_id"]], credit)
    return {key: dict(figures) for key, figures in books.all.items() if any(figures.values())}


async def assert_sums(spread: Spread, scope_id: str, *, is_room: bool = False) -> Figures:
    """What a tree says of itself is the sum over its nodes, over its roots with all below, and over its sharers."""
    ledger, place = spread.grove.shop.ledger, Place(spread.grove.merchant_id, scope_id, is_room=is_room)
    summary = await trees.summary(ledger, place)
    nodes = [node async for batch in store_tree_export.nodes(ledger, place) for node in batch]
    people = await trees.sharers(ledger, place, Ranks(Ranking.LEVELS, "CNY"), after=None, count=100)
    assert sum((node.own for node in nodes), Figures()) == summary.figures
    assert sum((node.within for node in nodes if node.parent_id is None), Figures()) == summary.figures
    assert sum((person.own for person in people), Figures()) == summary.figures
    assert sum((moment.figures for moment in summary.moments), Figures()) == summary.figures
    assert sum_of([money for node in nodes for money in node.money]) == summary.money
    assert sum_of([money for person in people for money in person.money]) == summary.money
    return summary.figures


class _Books:
    def __init__(self, shares: dict[Any, Any], rooms: dict[Any, Any]) -> None:
        self._shares, self._rooms = shares, rooms
        self.all: dict[tuple[str, ...], Counter[str]] = defaultdict(Counter)

    def add(self, scope: Any, share: Any, figures: dict[str, int], by: Any = None, *, at: Any) -> None:
        """Figures of a share, for all that they count into. Zeros leave no trace."""
        if scope in self._rooms:  # which has shares of its own
            of_room = {name: figure for name, figure in figures.items() if name != "shares"}
            self.add(self._rooms[scope], share, of_room, by, at=at)
        figures = {name: figure for name, figure in figures.items() if figure}
        own = {name: figure for name, figure in figures.items() if name != "shares"}
        within = {f"within_{name}": figure for name, figure in figures.items()}
        self._put(("tree_node", scope, share["id"]), own)
        self._put(("tree_sharer", scope, share["sharer_id"]), figures)
        line = [self._shares[share_id] for share_id in (*share["path"], share["id"])]
        for above in line:
            self._put(("tree_node", scope, above["id"]), within)
            self._deepen(("tree_node", scope, above["id"]), share["depth"] - above["depth"])
        for sharer_id in {above["sharer_id"] for above in line}:
            below = share["depth"] - min(above["depth"] for above in line if above["sharer_id"] == sharer_id)
            self._put(("tree_sharer", scope, sharer_id), within)
            self._deepen(("tree_sharer", scope, sharer_id), below)
        moment_s = 600 if scope in self._rooms else 86_400
        moment = to_ms(at) // 1000 // moment_s * moment_s
        for name, key in (_slices(by) | {"moment": str(moment)}).items():
            self._put(("tree_slice", scope, name, key, share["depth"]), figures)

    def pay(self, scope: Any, share: Any, credit: Any) -> None:
        """The money of one credit."""
        if scope in self._rooms:
            self.pay(self._rooms[scope], share, credit)
        amount, state = credit["amount"], credit["state"]
        money = {
            "placed": amount if state in STANDING else 0,
            "paid": amount if state == "paid" else 0,
            "lapsed": amount if state == "expired" else 0,
            "cancelled": amount if state == "cancelled" else 0,
        }
        slices = {(by, key, share["depth"]) for by, key in _slices(credit).items()}
        slices |= {("share", share["id"], 0), ("sharer", share["sharer_id"], 0)}
        for above in (self._shares[share_id] for share_id in (*share["path"], share["id"])):
            slices |= {("subtree", above["id"], 0), ("reach", above["sharer_id"], 0)}
        for by, key, generation in slices:
            self._put(("tree_money", scope, by, key, generation, credit["currency"]), money)

    def _put(self, key: tuple[Any, ...], figures: dict[str, int]) -> None:
        self.all[tuple(map(str, key))].update({name: figure for name, figure in figures.items() if figure})

    def _deepen(self, key: tuple[Any, ...], levels: int) -> None:
        if levels:
            book = self.all[tuple(map(str, key))]
            book["levels"] = max(book["levels"], levels)


def _slices(by: Any) -> dict[str, str]:
    if by is None:
        return {"generation": ""}
    community = {"community": by["community"]} if by["community"] is not None else {}
    return {"generation": "", "channel": by["channel"]} | community


_TABLES = {
    "tree_node": ("scope_id", "share_id"),
    "tree_sharer": ("scope_id", "sharer_id"),
    "tree_slice": ("scope_id", "by", "key", "generation"),
    "tree_money": ("scope_id", "by", "key", "generation", "currency"),
}
_CREDITS = """
    SELECT c.merchant_id, c.order_id, c.no, c.share_id, c.amount, a.session_id, a.customer_id, a.placed_at, a.currency,
           coalesce(a.ended, o.state) AS state, coalesce(t.channel, 'unknown') AS channel, t.community
    FROM credit c JOIN attribution a USING (order_id) JOIN orders o ON o.id = c.order_id
    LEFT JOIN touch t ON t.id = c.touch_id
"""
