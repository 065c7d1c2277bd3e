"""A report as text for people: one line for each invariant, with its figures."""

from collections.abc import Iterable, Iterator

from rich.text import Text

from console.model import Invariant, ItemFigures, Report
from keel.clock import rfc3339

_WORDS = {True: ("holds ", "green"), False: ("BROKEN", "bold red"), None: ("–     ", "dim")}


def lines_of(report: Report) -> Iterator[Text]:
    """The report, line by line."""
    yield Text(f"{report.title}, {report.state}, sale {report.sale_id}, as of {rfc3339(report.at_ms)}")
    for item in report.items:
        yield Text(_item(item))
    for invariant in report.invariants:
        yield _line(invariant)
        yield from (Text(f"           {text}") for text in invariant.detail if invariant.holds is False)
    yield _verdict(report)


def _item(item: ItemFigures) -> str:
    if item.free is None:
        return f"   item {item.no}, segment {item.segment}: {item.sold:,} sold of {item.allocated:,}"
    gate = f"{item.free:,} free, {item.held:,} held, {item.confirmed:,} confirmed"
    return f"   item {item.no}, segment {item.segment}: {item.sold:,} sold of {item.allocated:,}; at the gate {gate}"


def _line(invariant: Invariant) -> Text:
    word, style = _WORDS[invariant.holds]
    said = invariant.detail[0] if invariant.holds is None else _figures(invariant.figures.items())
    return Text.assemble((f"   {word}  ", style), invariant.promise, (f"  ({said})" if said else "", "dim"))


def _figures(figures: Iterable[tuple[str, int]]) -> str:
    shown = [(name.replace("_", " "), value) for name, value in figures if value or name != "broken"]
    return ", ".join(f"{name} {value:,}" for name, value in shown)


def _verdict(report: Report) -> Text:
    holding = sum(invariant.holds is True for invariant in report.invariants)
    if report.breaches:
        names = ", ".join(invariant.name for invariant in report.breaches)
        return Text(
            f"{len(report.breaches)} of {len(report.invariants)} promises are broken: {names}", style="bold red"
        )
    rest = f"; {len(report.skipped)} do not apply now" if report.skipped else ""
    return Text(f"All {holding} promises that apply hold{rest}.", style="bold green")
