"""What an audit says: invariants with their figures, and a report over all of them."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from keel.clock import rfc3339

DETAIL_MAX: Final = 5  # offenders named per invariant; the figures say how many there are


class NotAuditable(Exception):
    """Nothing could be said about the sale; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Invariant:
    """One promise and whether it holds: True, False, or None where it does not apply, with the reason in `detail`.

    `figures` are counts and amounts (minor units) by name; `detail` names the first few offenders of a breach.
    """

    name: str
    promise: str
    holds: bool | None
    figures: Mapping[str, int]
    detail: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ItemFigures:
    """One item of one segment. The gate's three figures are None where the gate is not loaded."""

    no: int
    segment: int
    allocated: int
    sold: int
    free: int | None = None
    held: int | None = None
    confirmed: int | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """All invariants of one sale as of a moment. `quiet`: nothing was under way, so gate and ledger had to be equal."""

    sale_id: str
    title: str
    state: str
    at_ms: int
    quiet: bool
    items: tuple[ItemFigures, ...]
    invariants: tuple[Invariant, ...]

    @property
    def breaches(self) -> tuple[Invariant, ...]:
        """What does not hold."""
        return tuple(invariant for invariant in self.invariants if invariant.holds is False)

    @property
    def skipped(self) -> tuple[Invariant, ...]:
        """What did not apply."""
        return tuple(invariant for invariant in self.invariants if invariant.holds is None)

    def document(self) -> dict[str, Any]:
        """The report as JSON data."""
        return {
            "sale_id": self.sale_id,
            "title": self.title,
            "state": self.state,
            "at": rfc3339(self.at_ms),
            "quiet": self.quiet,
            "holds": not self.breaches,
            "items": [asdict(item) for item in self.items],
            "invariants": [asdict(invariant) for invariant in self.invariants],
        }


def judged(
    name: str, promise: str, offenders: list[str], figures: Mapping[str, int], *, broken: int | None = None
) -> Invariant:
    """An invariant that applies: it holds where there are no offenders. `broken` where only the first are named."""
    count = len(offenders) if broken is None else broken
    return Invariant(name, promise, count == 0, {**figures, "broken": count}, tuple(offenders[:DETAIL_MAX]))


def skipped(name: str, promise: str, reason: str, figures: Mapping[str, int] | None = None) -> Invariant:
    """An invariant that does not apply."""
    return Invariant(name, promise, None, figures or {}, (reason,))
