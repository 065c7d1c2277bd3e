"""What a drill has shown: the figures that were promised to be nought, and everything that went wrong."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from rich.text import Text

from console.model import Report
from millpond.crowd_answers import Answer
from millpond.drill_plan import Fault, Scene

GATE_BACK_S_MAX: Final = 10.0  # from when both engines can be reached


@dataclass(frozen=True, slots=True)
class Verdict:
    """The figures, and `faults` in words; a drill without faults has passed."""

    acknowledged: int
    lost: int
    doubled: int
    oversold: int
    told: Counter[str]
    retries: int
    rebuild_s: float | None
    back_s: float | None
    faults: tuple[str, ...]

    def lines(self, passed: str = "The drill has passed.") -> Iterator[Text]:
        """For the screen; `passed` is said where there are no faults."""
        told = ", ".join(f"{kind.replace('_', ' ')} {count:,}" for kind, count in self.told.most_common())
        yield Text(f"Buyers were told: {told}; {self.retries:,} times to try again.")
        if self.rebuild_s is not None:
            since = "" if self.back_s is None else f", {self.back_s:.1f} s after both engines could be reached"
            yield Text(f"The gate was back after {self.rebuild_s:.1f} s{since} (at most {GATE_BACK_S_MAX:.0f}).")
        nought = f"{self.lost:,} lost, {self.doubled:,} doubled, {self.oversold:,} oversold"
        yield Text(f"{self.acknowledged:,} acknowledged, {nought}", style="bold")
        for fault in self.faults:
            yield Text(f"FAULT: {fault}", style="bold red")
        if not self.faults:
            yield Text(passed, style="bold green")


def verdict_of(fault: Fault, scene: Scene, answers: Sequence[Answer], *, lost: int, report: Report) -> Verdict:
    """Add up. `lost`: acknowledged orders that PostgreSQL does not have."""
    ids = [answer.order_id for answer in answers if answer.accepted]
    doubled = len(ids) - len(set(ids)) + _orders_too_many(report)
    oversold = sum(max(0, item.sold - item.allocated) for item in report.items)
    verdict = Verdict(
        acknowledged=len(ids),
        lost=lost,
        doubled=doubled,
        oversold=oversold,
        told=Counter(answer.kind for answer in answers),
        retries=scene.retries,
        rebuild_s=scene.rebuild_s,
        back_s=scene.back_s,
        faults=(),
    )
    return replace(verdict, faults=tuple(_faults(fault, scene, verdict, report)))


def _orders_too_many(report: Report) -> int:
    figures = next(invariant.figures for invariant in report.invariants if invariant.name == "one-order-per-key")
    return figures["orders"] - figures["keys"]


def _faults(fault: Fault, scene: Scene, verdict: Verdict, report: Report) -> Iterator[str]:
    if not verdict.acknowledged:
        yield "not one order was acknowledged"
    for name in ("lost", "doubled", "oversold"):
        count = getattr(verdict, name)
        if count:
            yield f"{count:,} orders were {name}" if name != "oversold" else f"{count:,} units were oversold"
    if fault is not Fault.NONE:
        yield from _of_the_gate(scene)
    for breach in report.breaches:
        yield f"the audit found a broken promise: {breach.promise}"
    if not report.quiet:
        yield "gate and ledger could not be compared, for orders were still under way"


def _of_the_gate(scene: Scene) -> Iterator[str]:
    if scene.struck_at_s is None:
        yield "too few orders came through for the fault to happen: give it more seconds"
    elif scene.rebuild_s is None:
        yield "the gate did not come back; does `millpond worker` run?"
    elif scene.back_s is not None and scene.back_s > GATE_BACK_S_MAX:
        yield f"the gate was away for {scene.back_s:.1f} s, and {GATE_BACK_S_MAX:.0f} s are promised"
