"""The catalogue as lines of CSV: what the columns are, and what is wrong with a line that was sent.

One line is one SKU, known by its `code`. `title` is its product's. `variant_of` is the code of another SKU of the same
product, empty for the first one. Amounts are in minor units, in one column for each currency: `price_minor_CNY`. A
column that is left out leaves things as they are; so does an empty price. `receive` is how many units came in;
`on_hand` is shown by an export, and not read.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from inventory.model import ALLOCATION_MAX, PRICE_MAX
from inventory.schemas import Code, Specification, Title, Url
from keel.spreadsheets import BrokenCsv, rows_of

LINES_MAX: Final = 50_000
FAULTS_MAX: Final = LINES_MAX  # a file in which nothing fits would otherwise fill the memory with what is wrong with it
CELL_CHARS_MAX: Final = 5_000
NEEDED: Final = ("code", "title")
OPTIONAL: Final = ("specification", "picture_url", "needs_recipient", "low_stock")
COLUMNS: Final = (*NEEDED, "variant_of", *OPTIONAL, "receive", "on_hand")
PRICE: Final = "price_minor_"
_PRICE_COLUMN: Final = re.compile(PRICE + "([A-Z]{3})")
_NUMBER: Final = re.compile("[0-9]{1,15}")
_YES: Final = {"yes": True, "no": False, "true": True, "false": False, "是": True, "否": False}

_code, _title, _url = TypeAdapter(Code), TypeAdapter(Title), TypeAdapter(Url)
_specification: TypeAdapter[dict[str, str]] = TypeAdapter(Specification)


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong, and where; without a column the whole line is meant."""

    line: int
    column: str | None
    what: str


@dataclass(frozen=True, slots=True)
class Line:
    """A line that can be read. `fields` has the optional columns that were sent, None where empty."""

    no: int
    code: str
    title: str
    variant_of: str | None
    fields: Mapping[str, Any]
    receive: int
    prices: Mapping[str, int]


class LineReader:
    """Reads a file's lines, some at a time. `faults` grows with what is wrong; `at` of `total` is how far it is."""

    def __init__(self, text: str) -> None:
        self.lines: list[Line] = []
        self.faults: list[Fault] = []
        self.at, self.total = 0, text.count("\n") + 1
        self._rows, self._columns = rows_of(text), list[str]()

    def read(self, count: int) -> bool:
        """Read `count` records more; False at the end, or where no more can be read."""
        try:
            for _ in range(count):
                self.at, cells = next(self._rows)
                self._take(cells)
        except StopIteration:
            if not self._columns:
                self.faults.append(Fault(1, None, "the file is empty"))
        except BrokenCsv as broken:
            self.faults.append(Fault(broken.line, None, broken.what))
        except _Hopeless as error:
            self.faults += error.faults
        else:
            return True
        return False

    def _take(self, cells: list[str]) -> None:
        cells = [cell.strip() for cell in cells]
        if not self._columns:
            self._columns = cells
            if faults := list(_head_faults(self.at, cells)):
                raise _Hopeless(faults)
            return
        if len(self.faults) >= FAULTS_MAX:
            raise _Hopeless([Fault(self.at, None, "too much is wrong above: reading stopped here")])
        if len(self.lines) >= LINES_MAX:
            raise _Hopeless([Fault(self.at, None, f"at most {LINES_MAX} lines at once")])
        if len(cells) != len(self._columns):
            what = f"has {len(cells)} cells where the first line has {len(self._columns)}"
            self.faults.append(Fault(self.at, None, what))
            return
        by_column, faults = _values(self.at, zip(self._columns, cells, strict=True))
        self.faults += faults
        if not faults:
            self.lines.append(_line(self.at, by_column))


class _Hopeless(Exception):
    """Reading on would only find more of the same."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__()
        self.faults = faults


def _head_faults(line: int, columns: list[str]) -> Iterator[Fault]:
    for column in NEEDED:
        if column not in columns:
            yield Fault(line, column, "the first line names the columns, separated by commas; this one is missing")
    for place, column in enumerate(columns):
        if column not in COLUMNS and not _PRICE_COLUMN.fullmatch(column):
            what = f"column {place + 1} is not known: {', '.join(COLUMNS)} and {PRICE}CNY (or another currency) are"
            yield Fault(line, column[:100], what)
        elif column in columns[:place]:
            yield Fault(line, column, "stands there twice")


def _values(line: int, cells: Iterator[tuple[str, str]]) -> tuple[dict[str, Any], list[Fault]]:
    values, faults = dict[str, Any](), list[Fault]()
    for column, cell in cells:
        try:
            if len(cell) > CELL_CHARS_MAX:
                raise ValueError(f"has more than {CELL_CHARS_MAX} characters")
            values[column] = _READ.get(column, _price)(cell)
        except ValidationError:
            faults.append(Fault(line, column, _RULES[column]))
        except ValueError as error:
            faults.append(Fault(line, column, str(error)))
    return values, faults


def _line(no: int, values: Mapping[str, Any]) -> Line:
    prices = {column.removeprefix(PRICE): price for column, price in values.items() if column.startswith(PRICE)}
    return Line(
        no=no,
        code=values["code"],
        title=values["title"],
        variant_of=values.get("variant_of"),
        fields={column: values[column] for column in OPTIONAL if column in values},
        receive=values.get("receive") or 0,
        prices={currency: price for currency, price in prices.items() if price is not None},
    )


def _whole(cell: str, units_max: int) -> int | None:
    if not cell:
        return None
    if not _NUMBER.fullmatch(cell):
        raise ValueError("needs a whole number of 0 or more, in digits")
    if int(cell) > units_max:
        raise ValueError(f"is more than {units_max}")
    return int(cell)


def _units(cell: str) -> int | None:
    return _whole(cell, ALLOCATION_MAX)


def _price(cell: str) -> int | None:
    if re.fullmatch(r"[0-9]+[.,][0-9]+", cell, re.ASCII):
        raise ValueError("needs minor units: 9900 for 99.00")
    return _whole(cell, PRICE_MAX)


def _yes_or_no(cell: str) -> bool | None:
    if not cell:
        return None
    if cell.lower() not in _YES:
        raise ValueError("needs yes or no")
    return _YES[cell.lower()]


def specification_text(specification: Mapping[str, str]) -> str:
    """One cell for all of it: `Colour=red; Size=L`; a backslash makes ; = and itself ordinary."""
    return "; ".join(f"{_escaped(name)}={_escaped(value)}" for name, value in specification.items())


def _specification_of(cell: str) -> dict[str, str]:
    pairs = [_parts(pair, "=") for pair in _parts(cell, ";") if pair.strip()]
    if any(len(pair) != 2 for pair in pairs):
        raise ValueError("needs pairs: Colour=red; Size=L")
    found = [(_plain(name.strip()), _plain(value.strip())) for name, value in pairs]
    if len(dict(found)) < len(found):
        raise ValueError("names something twice")
    return _specification.validate_python(dict(found))


def _escaped(text: str) -> str:
    return re.sub(r"([\\;=])", r"\\\1", text)


def _plain(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def _parts(text: str, separator: str) -> list[str]:
    """Split where the separator has no backslash before it; what is escaped stays so."""
    parts, escaped = [""], False
    for sign in text:
        if sign == separator and not escaped:
            parts.append("")
        else:
            parts[-1] += sign
        escaped = sign == "\\" and not escaped
    return parts


_READ: Final[dict[str, Callable[[str], Any]]] = {
    "code": _code.validate_python,
    "title": _title.validate_python,
    "variant_of": lambda cell: _code.validate_python(cell) if cell else None,
    "specification": _specification_of,
    "picture_url": lambda cell: _url.validate_python(cell) if cell else None,
    "needs_recipient": _yes_or_no,
    "low_stock": _units,
    "receive": _units,
    "on_hand": lambda _: None,
}
_RULES: Final = {
    "code": "needs 1 to 64 printable ASCII characters without spaces",
    "title": "needs 1 to 200 characters, none of them control characters",
    "variant_of": "needs the code of a SKU",
    "specification": "needs at most 20 pairs, names and values of 1 to 100 characters",
    "picture_url": "needs an http or https URL of at most 2000 ASCII characters",
}
