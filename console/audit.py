"""The audit of a sale: everything is recomputed from the tables and the gate, and held against what is promised.

    wait until nothing is under way ─► one snapshot: every law of the tables, every key of the gate ─► one more look: if
    the sale went on meanwhile, what had to be equal says nothing

It reads and never writes, and may run beside a sale that sells.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from console import gate_keys, gate_laws, store, store_laws
from console.gate_keys import Comparison
from console.model import Invariant, ItemFigures, NotAuditable, Report, skipped
from console.store import ClaimFigures
from console.watch import Look, Watch, Watcher
from inventory.faults import GateSilent
from inventory.gate import Gate
from inventory.ledger import Ledger
from keel.clock import from_ms, to_ms
from keel.database import Pool, database_ms
from keel.ids import is_id

QUIET_WAIT_S: Final = 15.0


async def audit(
    pool: Pool,
    gate: Gate,
    sale_id: str,
    *,
    wait_s: float = QUIET_WAIT_S,
    at: datetime | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Report:
    """Recompute a sale. Waits up to `wait_s` until nothing is under way; `say` hears so. Raises NotAuditable.

    `at` is the moment that deadlines are measured against: PostgreSQL's, where none is given.
    """
    if not is_id(sale_id):
        raise NotAuditable(f"{sale_id!r} is not a sale's id: those look like 0197c2d4-….")
    watcher = Watcher(pool, gate, Ledger(pool), sale_id, say)
    watch = await watcher.watch(wait_s)
    with store.readable():
        moment = at or from_ms(await database_ms(pool))
    try:
        reading = await _read(pool, gate, watch, moment)
        closing = await watcher.look()
        invariants = [*reading.laws, gate_laws.settlement(watch), *gate_laws.gate_invariants(watch)]
        invariants += _key_invariants(reading, watch, closing)
        if not gate_laws.why_no_gate(watch):
            invariants.append(await gate_keys.no_hold_is_forgotten(gate, closing, to_ms(moment)))
    except GateSilent as silence:
        raise NotAuditable(f"The gate's Redis does not answer: {silence}") from silence
    return _report(watch, moment, invariants)


async def lost_orders(pool: Pool, sale_id: str, acknowledged: Sequence[str]) -> list[str]:
    """Which of these orders PostgreSQL does not have: none, ever. Raises NotAuditable."""
    return await store.missing_orders(pool, sale_id, acknowledged)


@dataclass(frozen=True)
class Reading:
    """What one snapshot said: the laws of the tables, and per segment what the gate has to know."""

    laws: list[Invariant]
    claims: list[ClaimFigures]
    comparisons: list[Comparison]


async def _read(pool: Pool, gate: Gate, watch: Watch, moment: datetime) -> Reading:
    head = watch.head
    async with store.snapshot(pool) as connection:
        laws = [await store_laws.check(connection, law, head.id, moment) for law in store_laws.LAWS]
        claims = [await store.claim_figures(connection, head.id, look.segment) for look in watch.last]
        comparisons = await gate_keys.compare(connection, gate, watch.last, claims) if watch.quiet else []
    return Reading(laws, claims, comparisons)


def _key_invariants(reading: Reading, watch: Watch, closing: tuple[Look, ...]) -> list[Invariant]:
    """The laws over the gate's keys and its queue."""
    reason = gate_laws.why_no_gate(watch)
    if reason:
        return [skipped(*law, reason) for law in (gate_keys.KEYS, gate_keys.BUYERS, gate_keys.QUEUE, gate_keys.HOLDS)]
    queue = gate_keys.queue_goes_on(closing, reading.claims)
    if not watch.quiet:
        reason = gate_laws.why_not_quiet(watch)
        return [skipped(*law, reason) for law in (gate_keys.KEYS, gate_keys.BUYERS)] + [queue]
    went_on = not all(now.same_as(then) for now, then in zip(closing, watch.last, strict=True))
    return [comparison.judge(went_on=went_on) for comparison in reading.comparisons] + [queue]


def _report(watch: Watch, moment: datetime, invariants: Sequence[Invariant]) -> Report:
    head = watch.head
    return Report(
        sale_id=head.id,
        title=head.title,
        state=head.state,
        at_ms=to_ms(moment),
        quiet=watch.quiet,
        items=tuple(figures for look in watch.last for figures in _items(look)),
        invariants=tuple(invariants),
    )


def _items(look: Look) -> list[ItemFigures]:
    gate = {item.no: item for item in look.gate.items} if look.current else {}
    figures = []
    for count in sorted(look.after, key=lambda count: count.no):
        item = gate.get(count.no)
        at_gate = (item.free, item.held, item.confirmed) if item else (None, None, None)
        figures.append(ItemFigures(count.no, look.segment, count.allocated, count.sold, *at_gate))
    return figures
