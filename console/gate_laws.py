"""Laws of the gate, over looks that were taken: pure arithmetic, and in words what is wrong."""

from collections.abc import Callable, Iterator
from typing import Final

from console.model import Invariant, judged, skipped
from console.watch import Look, Watch, sells

LOADED: Final = "gate-is-loaded", "The gate is loaded, in the ledger's epoch, with the sale's version"
LAW: Final = "gate-adds-up", "At the gate: allocated = confirmed + held + free"
ALLOCATION: Final = "gate-has-allocation", "The gate sells what the ledger allocates"
BELOW: Final = "gate-below-ledger", "Free at the gate is never more than allocated − sold"
EQUAL: Final = "gate-equals-ledger", "When quiet, free at the gate is allocated − sold, and confirmed is sold"
SETTLED: Final = "leftovers-are-back", "What a closed sale has left is back in base stock"

NOT_QUIET: Final = "orders were under way all the time: pause the sale, or give it more time"
NOT_LOADED: Final = "the gate is not loaded"


def gate_invariants(watch: Watch) -> Iterator[Invariant]:
    """The laws over counters alone."""
    reason = why_no_gate(watch)
    if reason:
        for name, promise in (LOADED, LAW, ALLOCATION, BELOW, EQUAL):
            yield skipped(name, promise, reason)
        return
    yield _loaded(watch.last)
    seen = [look for looks in (watch.first, watch.last) for look in looks if look.current]
    yield _over(LAW, seen, _miscounted)
    yield _over(ALLOCATION, [look for look in watch.last if look.configured], _misallocated)
    yield _over(BELOW, seen, _above_ledger)
    if watch.quiet:
        yield _over(EQUAL, list(watch.last), _unequal)
    else:
        yield skipped(*EQUAL, why_not_quiet(watch))


def settlement(watch: Watch) -> Invariant:
    """A closed sale has nothing left."""
    head = watch.head
    if head.state != "closed":
        return skipped(*SETTLED, f"the sale is {head.state}")
    if head.archived:
        return skipped(*SETTLED, "the sale is archived")
    left = [(count, count.allocated - count.sold) for look in watch.last for count in look.after]
    wrong = [
        f"item {count.no}: {units} units are still allocated; does `millpond worker` run?"
        for count, units in left
        if units
    ]
    return judged(*SETTLED, wrong, {"left": sum(units for _, units in left)})


def why_no_gate(watch: Watch) -> str:
    """Why the gate need not know this sale; empty where it must."""
    if sells(watch.head):
        return ""
    return (
        "the sale is archived"
        if watch.head.archived
        else f"the sale is {watch.head.state}, so the gate need not know it"
    )


def why_not_quiet(watch: Watch) -> str:
    """Why gate and ledger need not be equal."""
    return NOT_QUIET if all(look.configured for look in watch.last) else NOT_LOADED


def _loaded(looks: tuple[Look, ...]) -> Invariant:
    wrong = []
    for look in looks:
        if not look.gate.loaded:
            wrong.append(f"segment {look.segment}: not loaded; does `millpond worker` run?")
        elif not look.current:
            wrong.append(f"segment {look.segment}: the gate has epoch {look.gate.epoch}, the ledger {look.epoch}")
        elif not look.configured:
            wrong.append(
                f"segment {look.segment}: the gate has version {look.gate.version}, the sale {look.head.version}"
            )
    return judged(*LOADED, wrong, {"epoch": looks[0].gate.epoch, "version": looks[0].gate.version})


def _over(law: tuple[str, str], looks: list[Look], wrongs: Callable[[Look], Iterator[str]]) -> Invariant:
    if not looks:
        return skipped(*law, NOT_LOADED)
    found = dict.fromkeys(text for look in looks for text in wrongs(look))  # the same in two looks counts once
    items = looks[-1].gate.items
    figures = {
        "allocated": sum(item.allocated for item in items),
        "free": sum(item.free for item in items),
        "held": sum(item.held for item in items),
        "confirmed": sum(item.confirmed for item in items),
    }
    return judged(*law, list(found), figures)


def _miscounted(look: Look) -> Iterator[str]:
    for item in look.gate.items:
        parts = (item.confirmed, item.held, item.free)
        if sum(parts) != item.allocated or min(parts) < 0:
            counted = f"{item.confirmed} confirmed + {item.held} held + {item.free} free"
            yield f"item {item.no}: {item.allocated} allocated, {counted}"


def _misallocated(look: Look) -> Iterator[str]:
    gate = {item.no: item.allocated for item in look.gate.items}
    ledger = {count.no: count.allocated for count in look.after}
    for no in sorted(gate.keys() | ledger.keys()):
        if gate.get(no) != ledger.get(no):
            yield f"item {no}: {gate.get(no, 'none')} allocated at the gate, {ledger.get(no, 'none')} in the ledger"


def _above_ledger(look: Look) -> Iterator[str]:
    free = {item.no: item.free for item in look.gate.items}
    for earlier, later in zip(look.before, look.after, strict=False):
        left = max(earlier.allocated - earlier.sold, later.allocated - later.sold)
        if free.get(later.no, 0) > left:
            yield f"item {later.no}: {free[later.no]} free at the gate, {left} left in the ledger"


def _unequal(look: Look) -> Iterator[str]:
    gate = {item.no: item for item in look.gate.items}
    for count in look.after:
        item = gate.get(count.no)
        if item is None:
            continue  # that is `gate-has-allocation`
        if (item.free, item.confirmed) != (item.allocated - count.sold, count.sold):
            yield (
                f"item {count.no}: {item.free} free and {item.confirmed} confirmed at the gate, "
                f"{count.allocated - count.sold} left and {count.sold} sold in the ledger"
            )
