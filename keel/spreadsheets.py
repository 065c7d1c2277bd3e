"""CSV as spreadsheets read and write it: UTF-8 with a byte order mark, and cells that no spreadsheet runs as a formula.

What was written here reads back as it was: a cell that could begin a formula goes out behind an apostrophe, and one
apostrophe in front of such a cell is taken off again.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator
from typing import Final

from keel.errors import WrongEncoding

BOM: Final = "\ufeff"  # without it Excel takes a file for the system's old code page, and 华 for three other signs
MEDIA_TYPE: Final = "text/csv"
# What a spreadsheet runs when a cell begins with it; full-width forms too, which some turn into the plain ones.
_FORMULA: Final = re.compile("[ ']*[=+\\-@\t\r\n＝＋－＠]")
_CJK: Final = re.compile("[\u4e00-\u9fff]")
_UTF_16_MARKS: Final = (b"\xff\xfe", b"\xfe\xff")


class BrokenCsv(Exception):
    """The text stops being CSV at `line`."""

    def __init__(self, line: int, what: str) -> None:
        super().__init__(what)
        self.line, self.what = line, what


def decoded(body: bytes) -> str:
    """The text of UTF-8, without its byte order mark. Raises WrongEncoding, which names what it is instead."""
    if body.startswith(_UTF_16_MARKS):
        raise WrongEncoding(detail="the file begins with the mark of UTF-16", line=1, looks_like="UTF-16")
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line, guess = body.count(b"\n", 0, error.start) + 1, _guess(body)
        raise WrongEncoding(detail=f"byte {error.start + 1} is no UTF-8", line=line, looks_like=guess) from error
    for sign, what in (
        ("\x00", "a NUL character"),
        ("\ufffd", "a sign that an earlier conversion left for a lost one"),
    ):
        if (place := text.find(sign)) >= 0:
            guess = "UTF-16" if text.count("\x00") > len(text) // 4 else None
            raise WrongEncoding(detail=f"it holds {what}", line=text.count("\n", 0, place) + 1, looks_like=guess)
    return text


def _guess(body: bytes) -> str | None:
    try:
        return "GBK" if _CJK.search(body.decode("gb18030")) else None
    except UnicodeDecodeError:
        return None


def rows_of(text: str) -> Iterator[tuple[int, list[str]]]:
    """(line, cells) of every record that is not empty, cells as they were meant. Lines count from 1; a record that
    spans several stands at its first. Raises BrokenCsv, say for a quote that is never closed."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    line = 1
    try:
        for cells in reader:
            if cells:
                yield line, [unguarded(cell) for cell in cells]
            line = reader.line_num + 1
    except csv.Error as error:
        raise BrokenCsv(line, f"cannot be read as CSV from here: {error}") from error


def line_of(cells: Iterable[object]) -> str:
    """One record, with its line end. None is an empty cell; texts are guarded, numbers need no guard."""
    line = io.StringIO()
    csv.writer(line).writerow([guarded(cell) if isinstance(cell, str) else cell for cell in cells])
    return line.getvalue()


def guarded(cell: str) -> str:
    """A text that a spreadsheet shows and does not run."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def unguarded(cell: str) -> str:
    """The reverse of `guarded`."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell
