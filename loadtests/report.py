"""The benchmark's document: every round, the medians, what they are held against."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from loadtests.budgets import budgets_of

SIDES = "millpond", "baseline", "socket"
FAULTS = "oversold", "lost", "doubled", "leaked"


def document_of(about: Mapping[str, Any], rounds: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """From the figures of all rounds, each with its `round` and `side`."""
    sides = {side: medians([r["figures"] for r in rounds if r["side"] == side]) for side in SIDES}
    budgets = budgets_of(**sides)
    return {
        "about": dict(about),
        "ratio": budgets["ratio"].figure,
        "socket_ratio": budgets["socket_ratio"].figure,
        **{fault: _total(rounds, fault) for fault in FAULTS},
        "audit_breaches": _total(rounds, "audit"),
        "budgets": {name: budget.document() for name, budget in budgets.items()},
        "sides": sides,
        "rounds": list(rounds),
    }


def broken(document: Mapping[str, Any]) -> list[str]:
    """The promises that did not hold, in words; none is what everybody hopes for."""
    counted = [f"{fault}: {document[fault]}" for fault in (*FAULTS, "audit_breaches") if document[fault]]
    return counted + [
        text for r in document["rounds"] for text in _short(f"round {r['round']}, {r['side']}", r["figures"])
    ]


def _short(where: str, figures: Mapping[str, Any]) -> list[str]:
    """Phases that did not end as they must: everybody accepted, everybody sold out, and in a rush exactly the units."""
    story = figures.get("rush", {"accepted": 0, "units": 0, "refused": {}})
    said = {
        "orders not accepted": figures["not_accepted"],
        "refusals of another kind": {kind: n for kind, n in figures["refused"].items() if kind != "sold_out"},
        "accepted in the rush beside its units": story["accepted"] - story["units"],
    }
    return [f"{where}: {what}: {value}" for what, value in said.items() if value]


def _total(rounds: Sequence[Mapping[str, Any]], fault: str) -> int:
    return sum(int(r["figures"]["faults"][fault]) for r in rounds)


def medians(figures: Sequence[Any]) -> Any:
    """The same shape with the median of every number; a name that some lack is taken where it is."""
    if isinstance(figures[0], Mapping):
        names = dict.fromkeys(name for one in figures for name in one)
        return {name: medians([one[name] for one in figures if name in one]) for name in names}
    return statistics.median(figures)
