"""A file reads back as it was written, runs nothing in a spreadsheet, and wrong encodings are named."""

import pytest
from hypothesis import given
from hypothesis.strategies import characters, lists, text

from keel.errors import WrongEncoding
from keel.spreadsheets import BOM, BrokenCsv, decoded, guarded, line_of, rows_of, unguarded

CELLS = text(characters(codec="utf-8", exclude_characters="\x00\r"))


@given(lists(CELLS, min_size=1, max_size=5).filter(lambda cells: cells != [""]))
def test_what_was_written_reads_back_as_it_was(cells):
    ((line, read),) = rows_of(line_of(cells))
    assert (line, read) == (1, cells)


@given(CELLS)
def test_no_cell_begins_a_formula(cell):
    out = guarded(cell)
    assert not out.lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"))
    assert unguarded(out) == cell


def test_a_formula_is_shown_and_not_run():
    assert line_of(['=HYPERLINK("http://x")', "-1+1", "@SUM(A1)", -1, None, "o'clock"]) == (
        '"\'=HYPERLINK(""http://x"")",\'-1+1,\'@SUM(A1),-1,,o\'clock\r\n'
    )


def test_a_byte_order_mark_is_no_part_of_the_text():
    assert decoded(f"{BOM}兔毛\n".encode()) == decoded("兔毛\n".encode()) == "兔毛\n"


def refused(body: bytes) -> WrongEncoding:
    with pytest.raises(WrongEncoding) as refusal:
        decoded(body)
    return refusal.value


def test_a_wrong_encoding_is_named_with_the_line_where_it_shows():
    gbk = refused("code,title\nB-1,兔毛刷\n".encode("gbk"))
    assert (gbk.looks_like, gbk.line) == ("GBK", 2)
    assert refused("code,title\nB-1,兔毛刷\n".encode("utf-16")).looks_like == "UTF-16"
    assert refused("code,title\nB-1,x\n".encode("utf-16-le")).looks_like == "UTF-16"
    assert refused("code,title\nB-1,café crème\n".encode("latin-1")).looks_like is None
    assert refused("联通".encode("gbk")).looks_like == "GBK", "two signs that some take for UTF-8"
    assert refused("code\n\n兔\ufffd\n".encode()).line == 3
    assert refused(b"code,title\nB-1,a\x00b\n").line == 2
    assert refused(b"\xed\xa0\x80").looks_like is None, "half of a pair"


def test_lines_are_counted_as_an_editor_counts_them():
    records = list(rows_of('a,b\r\n"one\ntwo",x\r\n\r\nc,d'))
    assert records == [(1, ["a", "b"]), (2, ["one\ntwo", "x"]), (5, ["c", "d"])]


@pytest.mark.parametrize("broken", ['a\nb\n"c\nd\ne\n', 'a\nb\n"c" d\n', "a\nb\n" + '"' + "x" * 200_000])
def test_a_quote_that_is_not_closed_is_found_where_it_was_opened(broken):
    with pytest.raises(BrokenCsv) as found:
        list(rows_of(broken))
    assert found.value.line == 3
