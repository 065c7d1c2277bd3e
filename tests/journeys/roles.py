"""The table of docs/roles.md, read."""

import re
from dataclasses import dataclass
from typing import Final

from tests.house.tree import ROOT
from tests.journeys.worlds import CALLERS

PAGE: Final = ROOT / "docs" / "roles.md"
OTHER: Final = "other merchant"
YES, OWN = "yes", "own"
CELLS: Final = {YES, "401", "403", "404"}
_ROW: Final = re.compile(r"^\| `(?P<route>[A-Z]+ /[^`]*)` \|(?P<cells>.*)\|$", re.MULTILINE)
_HEAD: Final = re.compile(r"^\| request \|(?P<cells>.*)\|$", re.MULTILINE)


@dataclass(frozen=True)
class Row:
    """What a route says to each caller of its merchant, and to one of another merchant who may ask such things."""

    route: str
    cells: dict[str, str]
    other: str

    @property
    def method(self) -> str:
        return self.route.split(" ")[0]

    @property
    def path(self) -> str:
        return self.route.split(" ")[1]

    @property
    def welcome(self) -> str:
        """A caller who may: the one whom the column of the other merchant is about."""
        return next(caller for caller in CALLERS if self.cells[caller] == YES)


def rows() -> list[Row]:
    """Every row of every table on the page; other columns, or a cell that says nothing known, are refused."""
    page = PAGE.read_text()
    for head in _HEAD.finditer(page):
        assert _split(head["cells"]) == [*CALLERS, OTHER], head[0]
    return [_row(match["route"], _split(match["cells"])) for match in _ROW.finditer(page)]


def _row(route: str, cells: list[str]) -> Row:
    *own, other = cells
    assert len(own) == len(CALLERS), route
    assert set(own) <= CELLS, route
    assert other in {*CELLS, OWN}, route
    return Row(route, dict(zip(CALLERS, own, strict=True)), other)


def _split(cells: str) -> list[str]:
    return [cell.strip() for cell in cells.split("|")]
