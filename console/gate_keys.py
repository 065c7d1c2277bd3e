"""The gate's keys, buyers, queue and holds against the claims: every key is read, a page at a time."""

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from console import store
from console.gate_laws import NOT_LOADED
from console.model import DETAIL_MAX, Invariant, judged, skipped
from console.store import ClaimFigures
from console.watch import Look
from inventory.gate import Gate
from inventory.replies import Page, StaleHolds
from keel.database import Connection

HOLD_MAX_S: Final = 10
KEYS: Final = "gate-keys-are-claims", "When quiet, the gate knows every claim by its key, and nothing else"
BUYERS: Final = "gate-buyers-are-claims", "When quiet, the gate counts for each buyer what he bought"
QUEUE: Final = "queue-goes-on", "The queue goes on above every number that was given"
HOLDS: Final = "no-hold-is-forgotten", f"No hold waits {HOLD_MAX_S} s for its order"
WENT_ON: Final = "the sale went on while its keys were compared"
_LAW: Final = {"entries": KEYS, "buyers": BUYERS}


@dataclass
class Comparison:
    """What differs between one kind of the gate's keys and the claims. `moved`: the gate changed under the reading."""

    name: str
    gate: int = 0
    ledger: int = 0
    broken: int = 0
    detail: list[str] = field(default_factory=list)
    moved: bool = False

    def judge(self, *, went_on: bool) -> Invariant:
        """The invariant; what differs while the sale goes on says nothing."""
        figures = {"gate": self.gate, "ledger": self.ledger}
        if self.moved or (went_on and self.broken):
            return skipped(*_LAW[self.name], WENT_ON, figures)
        return judged(*_LAW[self.name], self.detail, figures, broken=self.broken)

    def add(self, offenders: Sequence[str]) -> None:
        """Note what differs."""
        self.broken += len(offenders)
        self.detail += offenders[: DETAIL_MAX - len(self.detail)]


async def compare(
    connection: Connection, gate: Gate, looks: Sequence[Look], figures: Sequence[ClaimFigures]
) -> list[Comparison]:
    """Hold the keys and the buyers of all segments against this snapshot's claims."""
    keys, buyers = Comparison("entries"), Comparison("buyers")
    for look, claims in zip(looks, figures, strict=True):
        await _compare(connection, gate, look, keys, claims.keys)
        await _compare(connection, gate, look, buyers, claims.buyers)
    return [keys, buyers]


async def _compare(connection: Connection, gate: Gate, look: Look, comparison: Comparison, expected: int) -> None:
    """Each of the gate's is one of the ledger's, and there are equally many: then they are the same."""
    sale_id, size = look.head.id, 0
    async for page in _pages(gate, look, comparison.name):
        if page is None:
            comparison.moved = True
            return
        size, fields, texts = page.size, page.flat[::2], page.flat[1::2]
        unlike = await store.unlike_claims(
            connection, comparison.name, sale_id, look.segment, fields=fields, texts=texts
        )
        comparison.add(unlike)
    comparison.gate += size
    comparison.ledger += expected
    if size < expected:
        missing = f"segment {look.segment}: the gate has {size} {comparison.name}, the ledger {expected}"
        comparison.add([missing])


async def _pages(gate: Gate, look: Look, name: str) -> AsyncIterator[Page | None]:
    """All pages of a hash; None when the gate is no longer the one that was looked at."""
    cursor = "0"
    while True:
        page = await gate.page(look.head.id, look.segment, name, cursor)
        if not isinstance(page, Page) or page.epoch != look.gate.epoch:
            yield None
            return
        yield page
        if page.cursor == "0":
            return
        cursor = page.cursor


def queue_goes_on(looks: Sequence[Look], figures: Sequence[ClaimFigures]) -> Invariant:
    """`looks` are later than the snapshot of `figures`, so the gate's counter may be above, and never below."""
    pairs = [(look, claims.last_no) for look, claims in zip(looks, figures, strict=True) if look.current]
    if not pairs:
        return skipped(*QUEUE, NOT_LOADED)
    numbers = [(look.segment, int(look.gate.meta.get("no", 0)), last_no) for look, last_no in pairs]
    wrong = [
        f"segment {segment}: the gate is at {at}, no. {last} was given" for segment, at, last in numbers if at < last
    ]
    return judged(
        *QUEUE, wrong, {"gate": max(at for _, at, _ in numbers), "given": max(last for _, _, last in numbers)}
    )


async def no_hold_is_forgotten(gate: Gate, looks: Sequence[Look], now_ms: int) -> Invariant:
    """Somebody places, sweeps or confirms every hold in time."""
    if not any(look.current for look in looks):
        return skipped(*HOLDS, NOT_LOADED)
    wrong: list[str] = []
    for look in looks:
        stale = await gate.stale(look.head.id, look.segment, before_ms=now_ms - HOLD_MAX_S * 1000, count=DETAIL_MAX)
        if isinstance(stale, StaleHolds):
            wrong += _forgotten(stale, now_ms)
    return judged(*HOLDS, wrong, {"held": sum(look.gate.held for look in looks)})


def _forgotten(stale: StaleHolds, now_ms: int) -> Iterator[str]:
    for hold in stale.holds:
        yield f"claim {hold.claim_id}, lines {hold.lines}, is held since {(now_ms - hold.at_ms) / 1000:.0f} s"
