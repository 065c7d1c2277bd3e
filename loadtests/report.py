"""The benchmark's document: every round, the medians, what they are held against."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from loadtests.budgets import budgets_of
from loadtests.noise import Noise

SIDES = "millpond", "baseline", "socket"
FAULTS = "oversold", "lost", "doubled", "leaked"


def document_of(about: Mapping[str, Any], rounds: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """From the figures of all rounds, each with its `round` and `side`; those that do not count are promises too."""
    counted = [r for r in rounds if r["counted"]]
    sides = {side: medians([r["figures"] for r in counted if r["side"] == side]) for side in SIDES}
    budgets, loud = budgets_of(**sides), {r["side"] for r in loud_rounds(rounds)}
    return {
        "about": dict(about),
        "ratio": budgets["ratio"].figure,
        "socket_ratio": budgets["socket_ratio"].figure,
        **{fault: _total(rounds, fault) for fault in FAULTS},
        "audit_breaches": _total(rounds, "audit"),
        "budgets": {name: budget.document(loud) for name, budget in budgets.items()},
        "sides": sides,
        "rounds": list(rounds),
    }


def counted(tries: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The tries at one round, each with whether it counts: the one in which the machine was quietest does."""
    quietest = min(tries, key=lambda one: noise_of(one).share)
    return [{**one, "counted": one is quietest} for one in tries]


def loud_rounds(rounds: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Of those that count the ones in which too much of the machine went elsewhere."""
    return [one for one in rounds if one["counted"] and noise_of(one).loud]


def noise_of(one: Mapping[str, Any]) -> Noise:
    """The noise of a round."""
    return Noise.of(one["figures"]["noise"])


def closing_words(document: Mapping[str, Any]) -> list[str]:
    """What a reader of the document must not overlook: its price with what is judged later, its noise, its budgets."""
    return [
        *(_price(side, document["sides"][side]["cpu_us_per_order"]) for side in SIDES),
        *(
            f"round {r['round']}, {r['side']}: the machine was busy elsewhere, {noise_of(r)}"
            for r in loud_rounds(document["rounds"])
        ),
        *missed_or_loud(document["budgets"]),
    ]


def missed_or_loud(budgets: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The budgets that were missed, and those whose figures nobody should trust."""
    missed = [f"budget missed: {name}: {budget}" for name, budget in budgets.items() if not budget["met"]]
    loud = [name for name, budget in budgets.items() if budget.get("loud")]
    return missed + [f"do not trust: {name} rests on rounds of a busy machine" for name in loud]


def _price(side: str, cpu_us: Mapping[str, float]) -> str:
    return f"{side}: {cpu_us['total']} µs an order, {cpu_us['with_judging']} with the judging of who brought the buyer"


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
