"""The laws that PostgreSQL checks by itself, each a statement in `laws/` whose first line is its promise.

A statement takes the sale's id as $1 and, where the law speaks of a deadline, a moment as $2. It gives one row:

    broken   how many offenders there are
    detail   the first few, in words
    excuse   where they may have a good reason: that reason, or null
    …        every other column is a figure
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Self

from console.model import Invariant, judged, skipped
from console.store import LAW_MAX_S
from keel.database import Connection
from keel.outbox import KEEP_DONE_DAYS

_FOLDER: Final = Path(__file__).parent / "laws"
_NO_FIGURE: Final = {"broken", "detail", "excuse"}
LAPSE_MAX_S: Final = 10  # to expire an order, and to bring its units back to the gate
FACTS_KEPT_S: Final = KEEP_DONE_DAYS * 86_400 - 3_600  # older ones may be purged, by a clock of its own


@dataclass(frozen=True, slots=True)
class Law:
    """`before_s`: the statement's $2 is the moment that many seconds ago; None where it takes none."""

    name: str
    promise: str
    statement: str
    before_s: int | None

    @classmethod
    def read(cls, name: str, before_s: int | None = None) -> Self:
        """The law in `laws/<name>.sql`."""
        statement = (_FOLDER / f"{name}.sql").read_text(encoding="utf-8")
        return cls(name, statement.partition("\n")[0].removeprefix("-- ").rstrip("."), statement, before_s)


LAWS: Final = (
    Law.read("never-oversold"),
    Law.read("sold-is-lines"),
    Law.read("sold-is-claims"),
    Law.read("stock-is-movements"),
    Law.read("base-is-movements"),
    Law.read("one-epoch"),
    Law.read("claims-are-orders"),
    Law.read("states-agree"),
    Law.read("one-order-per-key"),
    Law.read("units-are-lines"),
    Law.read("lines-are-claimed"),
    Law.read("amounts-add-up"),
    Law.read("history-is-whole"),
    Law.read("facts-are-told", FACTS_KEPT_S),
    Law.read("expired-in-time", LAPSE_MAX_S),
    Law.read("released-in-time", LAPSE_MAX_S),
    Law.read("limits-are-kept"),
    Law.read("numbers-are-unique"),
    Law.read("served-in-order"),
)


async def check(connection: Connection, law: Law, sale_id: str, at: datetime) -> Invariant:
    """Whether a law is kept, as of this connection's snapshot."""
    moment = () if law.before_s is None else (at - timedelta(seconds=law.before_s),)
    row = await connection.fetchrow(law.statement, sale_id, *moment, timeout=LAW_MAX_S)
    assert row is not None, "a law's statement gives one row"
    figures = {name: value for name, value in row.items() if name not in _NO_FIGURE}
    excuse = row.get("excuse")
    if row["broken"] and excuse:
        return skipped(law.name, law.promise, excuse, {**figures, "broken": row["broken"]})
    return judged(law.name, law.promise, row["detail"], figures, broken=row["broken"])
