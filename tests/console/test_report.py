"""A report as people read it, and as JSON."""

from console.model import Invariant, ItemFigures, Report, judged, skipped
from console.report import lines_of

HELD = judged("a", "Nothing is lost", [], {"orders": 1_200})
BROKEN = judged("b", "Nothing is doubled", ["order 1", "order 2"], {"orders": 1_200}, broken=7)
SKIPPED = skipped("c", "The gate is loaded", "the sale is a draft")


def report(*invariants: Invariant) -> Report:
    items = (ItemFigures(1, 0, 10, 3), ItemFigures(2, 0, 5, 5, free=0, held=0, confirmed=5))
    return Report("some-id", "Brushes", "open", 1_800_000_000_000, True, items, invariants)


def text(*invariants: Invariant) -> str:
    return "\n".join(line.plain for line in lines_of(report(*invariants)))


def test_what_holds_is_one_line_with_its_figures():
    assert "holds   Nothing is lost  (orders 1,200)\n" in text(HELD)
    assert text(HELD).endswith("All 1 promises that apply hold.")


def test_what_is_broken_names_its_first_offenders_and_how_many_there_are():
    shown = text(HELD, BROKEN, SKIPPED)
    assert "BROKEN  Nothing is doubled  (orders 1,200, broken 7)" in shown
    assert "           order 1\n           order 2\n" in shown
    assert shown.endswith("1 of 3 promises are broken: b")


def test_what_does_not_apply_says_why():
    assert "–       The gate is loaded  (the sale is a draft)" in text(SKIPPED)


def test_items_are_shown_with_the_gates_figures_where_there_are_any():
    shown = text(HELD)
    assert "item 1, segment 0: 3 sold of 10\n" in shown
    assert "item 2, segment 0: 5 sold of 5; at the gate 0 free, 0 held, 5 confirmed" in shown


def test_the_document_has_everything():
    document = report(HELD, BROKEN, SKIPPED).document()
    assert document["holds"] is False
    assert document["at"] == "2027-01-15T08:00:00.000Z"
    assert [each["holds"] for each in document["invariants"]] == [True, False, None]
    assert document["items"][1]["confirmed"] == 5
