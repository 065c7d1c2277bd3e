"""Whatever people call themselves: one line, of a length that is known, that neither reorders nor climbs out."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis.strategies import integers, text

from referrals.poster_text import CHARS_MAX, MARKS_MAX, clip, tidy, wrap


def width(line: str) -> float:
    return float(len(line))


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("  小花  ", "小花"),
        ("Hua\nLan\r\nMei\tx", "Hua Lan Mei x"),
        ("abc\u202edef\u2066ghi", "abcdefghi"),
        ("zero\u200bwidth\ufeff\u2060", "zerowidth"),
        ("a\u3000 \u00a0b", "a b"),
        ("cafe\u0301", "café"),
        ("x" + "\u0335" * 500, "x" + "\u0335" * MARKS_MAX),
        ("\u0301\u0301 lost accents", "lost accents"),
        ("\x00\x1b[31mred", "[31mred"),
        ("\ud83d", ""),
        ("\u202e\u200b\n", ""),
        ("x" * 10_000, "x" * CHARS_MAX),
    ],
)
def test_a_name_becomes_one_plain_line(given, shown):
    assert tidy(given) == shown


def test_signs_that_the_font_has_not_are_left_out_and_letters_lose_only_their_accent():
    assert tidy("Hua😀 żółw", lambda sign: sign.isascii()) == "Hua zow"


@given(text(max_size=300))
def test_nothing_that_is_not_printed_is_left_of_any_text(name):
    line = tidy(name)
    assert len(line) <= 3 * CHARS_MAX
    assert "  " not in line
    assert line == line.strip()
    assert not {unicodedata.category(sign) for sign in line} & {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


@given(text(max_size=200), integers(2, 30), integers(1, 4))
def test_lines_are_never_wider_or_more_than_there_is_room_for(name, width_px, lines_max):
    tidied = tidy(name)
    lines = wrap(tidied, width_px, lines_max, width)
    assert len(lines) <= lines_max
    assert all(len(line) <= width_px for line in lines)
    whole = "".join(lines).replace(" ", "") == tidied.replace(" ", "")
    assert whole or lines[-1].endswith("…")


def test_words_stay_whole_and_chinese_breaks_between_any_two_signs():
    assert wrap("by the pond", 7, 3, width) == ["by the", "pond"]
    assert wrap("竹编手工茶具", 4, 3, width) == ["竹编手工", "茶具"]
    assert wrap("池塘边，好物", 3, 3, width) == ["池塘", "边，好", "物"]
    assert wrap("unbreakable", 4, 2, width) == ["unbr", "eak…"]


def test_what_does_not_fit_says_that_there_is_more():
    assert clip("by the pond", 6, width) == "by th…"
    assert clip("by the pond", 11, width) == "by the pond"
    assert clip("pond", 0, width) == "…"
