"""Each line of a file is held against the rules of its columns, and whatever is wrong is said with line and column."""

import pytest
from hypothesis import given
from hypothesis.strategies import dictionaries, text

from inventory.csv_lines import CELL_CHARS_MAX, FAULTS_MAX, LINES_MAX, Fault, Line, LineReader, specification_text
from keel.spreadsheets import line_of

HEAD = "code,title,specification,picture_url,needs_recipient,low_stock,receive,price_minor_CNY\n"
WORDS = text("ab;=\\ 色'\"", min_size=1, max_size=8).map(str.strip).filter(bool)


def read(file: str) -> LineReader:
    reader = LineReader(file)
    while reader.read(100):
        pass
    return reader


def lines(file: str) -> list[Line]:
    reader = read(file)
    assert reader.faults == []
    return reader.lines


def faults(file: str) -> list[tuple[int, str | None]]:
    return [(fault.line, fault.column) for fault in read(file).faults]


def test_a_line_is_read_with_all_its_columns():
    (line,) = lines(HEAD + "B-1, 兔毛刷 ,颜色=红; Size=L,https://pic.example/1.jpg,no,5,7,9900\n")
    assert line == Line(
        no=2,
        code="B-1",
        title="兔毛刷",
        variant_of=None,
        fields={
            "specification": {"颜色": "红", "Size": "L"},
            "picture_url": "https://pic.example/1.jpg",
            "needs_recipient": False,
            "low_stock": 5,
        },
        receive=7,
        prices={"CNY": 9_900},
    )


def test_a_column_that_is_left_out_is_not_a_column_that_is_empty():
    (line,) = lines("title,code\nBrush,B-1\n")
    assert (line.fields, line.prices, line.receive) == ({}, {}, 0)
    (line,) = lines(HEAD + "B-1,Brush,,,,,,\n")
    assert line.fields == {"specification": {}, "picture_url": None, "needs_recipient": None, "low_stock": None}
    assert line.prices == {}


@given(dictionaries(WORDS, WORDS, max_size=4))
def test_any_specification_fits_one_cell_and_comes_back(specification):
    row = line_of(["B-1", "Brush", specification_text(specification)])
    (line,) = lines("code,title,specification\n" + row)
    assert line.fields["specification"] == specification


@pytest.mark.parametrize(
    ("head", "columns"),
    [
        ("", [None]),
        ("\n\n", [None]),
        ("title\n", ["code"]),
        ("code;title\n", ["code", "title", "code;title"]),
        ("code,title,code\n", ["code"]),
        ("code,title,colour\n", ["colour"]),
        ("code,title,price_minor_cny\n", ["price_minor_cny"]),
        ("code,title,price_minor_CNY,price_minor_CNY\n", ["price_minor_CNY"]),
        ("Code,title\n", ["code", "Code"]),
        ("code,title," + "x" * 500 + "\n", ["x" * 100]),
    ],
)
def test_a_head_that_names_other_columns_is_the_only_fault_that_is_told(head, columns):
    assert faults(head + "§,§,§\n" * 3 * bool(head.strip())) == [(1, column) for column in columns]


@pytest.mark.parametrize(
    ("column", "cells"),
    {
        "code": ["", "B 1", "B-1\u200b", "Ｂ-1", "x" * 65, "\ufeffB-1", "B-１"],
        "title": ["", "   ", "a\u0007b", "x" * 201],
        "specification": ["red", "a=b=c", "a=1; a=2", "=b", "a=", "; ".join(f"{n}=x" for n in range(21))],
        "picture_url": ["javascript:alert(1)", "pic.jpg", "https://例.example/"],
        "needs_recipient": ["maybe", "2"],
        "low_stock": ["-1", "1.5", "１２", "1e3", "1 000", "²", str(10**9 + 1), "9" * 400, "0x10"],
        "receive": ["-5", "five"],
        "price_minor_CNY": ["-1", "99.00", "99,00", "¥99", str(10**11 + 1), "NaN"],
    }.items(),
)
def test_a_wrong_cell_is_told_with_its_line_and_column(column, cells):
    columns = HEAD.strip().split(",")
    good = dict(zip(columns, ["B-1", "Brush", "", "", "", "", "", "1"], strict=True))
    for cell in cells:
        row = line_of((good | {column: cell}).values())
        assert faults(HEAD + row) == [(2, column)], cell


def test_all_that_is_wrong_is_told_at_once():
    told = read(HEAD + "B 1,,,,,,,x\nB-2,Brush,,,,,,1\nB-3,Brush\nB-4,Brush,,,,,,,9\n").faults
    assert [(fault.line, fault.column) for fault in told] == [
        (2, "code"),
        (2, "title"),
        (2, "price_minor_CNY"),
        (4, None),
        (5, None),
    ]
    assert told[3].what == "has 2 cells where the first line has 8"


def test_hostile_files_end_soon_and_with_a_word():
    assert faults("code,title\nB-1,Brush\nB-2," + "x" * (CELL_CHARS_MAX + 1) + "\n") == [(3, "title")]
    assert faults('code,title\nB-1,Brush\nB-2,"never closed\n' + "B-3,Brush\n" * 100) == [(3, None)]
    assert faults("code,title" + "\n" * 100_000) == []
    many = read("code,title\n" + "".join(f"B-{n},Brush\n" for n in range(LINES_MAX + 10)))
    assert many.faults == [Fault(LINES_MAX + 2, None, f"at most {LINES_MAX} lines at once")]


def test_a_file_in_which_nothing_fits_is_given_up_before_it_fills_the_memory():
    reader = read("code,title\n" + "x\n" * 2 * FAULTS_MAX)
    assert len(reader.faults) == FAULTS_MAX + 1
    assert "stopped here" in reader.faults[-1].what


def test_a_price_with_a_point_is_told_how_to_write_it():
    (fault,) = read(HEAD + "B-1,Brush,,,,,,99.00\n").faults
    assert fault.what == "needs minor units: 9900 for 99.00"
