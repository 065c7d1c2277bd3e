"""Words nobody wants to read are found however they are spelled, and other words are left alone."""

import time
from typing import Any

import ahocorasick
import pytest
from hypothesis import given
from hypothesis import strategies as st

from live.word_filter import PART_CHARS_MAX, WORD_CHARS_MAX, WORDS_MAX, Action, Word, WordFilter, fold

DIGITS = str.maketrans("0123456789", "abcdefghij")
REAL = ahocorasick.Automaton

WORDS = WordFilter(
    [
        Word(fold("scam").text, Action.REFUSE),
        Word(fold("加微信").text, Action.REFUSE),
        Word(fold("vx").text, Action.REVIEW),
        Word(fold("Größe").text, Action.REVIEW),
    ]
)


@pytest.mark.parametrize(
    "text",
    [
        "scam",
        "SCAM!",
        "a ｓｃａｍ for sure",
        "s c a m",
        "s.c-a_m",
        "s\u200bc\u200da\ufeffm",
        "s*c*a*m",
        "ⓢⓒⓐⓜ",
        "𝐬𝐜𝐚𝐦",
        "sćäm",
        "s🙂c🙂a🙂m",
        "假的scam啊",
        "scam123",
        "加微信",
        "快加 微 信",
        "加.微。信吧",
        "加\u200b微信",
    ],
)
def test_a_word_is_found_in_spite_of_how_it_is_spelled(text):
    assert WORDS.judge(text) is Action.REFUSE


@pytest.mark.parametrize("text", ["scamper", "a scampi", "is came", "微信", "加 微 性", "", "🙂", "mac s"])
def test_other_words_are_left_alone(text):
    assert WORDS.judge(text) is None


def test_the_sterner_of_two_words_decides():
    assert WORDS.judge("vx 123") is Action.REVIEW
    assert WORDS.judge("GROSSE") is Action.REVIEW
    assert WORDS.judge("große") is Action.REVIEW
    assert WORDS.judge("a scam, vx 123") is Action.REFUSE


def test_no_words_refuse_nothing():
    assert WordFilter().judge("scam") is None


@given(st.text(max_size=300))
def test_any_text_is_judged_and_folds_to_what_it_folds_to(text):
    WORDS.judge(text)
    folded = fold(text)
    assert len(folded.begins) == len(folded.text) + 1
    assert fold(folded.text).text == folded.text


@given(st.text(alphabet="scam 加微信.\u200b-", max_size=40))
def test_hiding_a_word_with_gaps_never_helps(text):
    plain = "".join(sign for sign in text if sign not in " .\u200b-")
    if "加微信" in plain:
        assert WORDS.judge(text) is Action.REFUSE


def test_the_longest_list_is_built_in_parts_that_hold_nobody_up(monkeypatch):
    built: list[int] = []

    class Counted:
        """An automaton that tells how many signs were made one."""

        def __init__(self) -> None:
            self.real, self.chars = REAL(), 0

        def add_word(self, folded: str, word: Word) -> None:
            self.chars += len(folded)
            self.real.add_word(folded, word)

        def make_automaton(self) -> None:
            built.append(self.chars)
            self.real.make_automaton()

        def iter(self, text: str) -> Any:
            return self.real.iter(text)

    monkeypatch.setattr("live.word_filter.ahocorasick.Automaton", Counted)
    longest = [f"{n:04}".translate(DIGITS) * (WORD_CHARS_MAX // 4) for n in range(WORDS_MAX)]
    words = WordFilter(Word(folded, Action.REFUSE) for folded in longest)
    words.build()
    assert sum(built) == WORDS_MAX * WORD_CHARS_MAX
    assert max(built) <= PART_CHARS_MAX + WORD_CHARS_MAX
    assert {words.judge(f"so, {folded}!") for folded in (longest[0], longest[2_345], longest[-1])} == {Action.REFUSE}
    assert words.judge("just a nice brush") is None


def test_a_full_list_is_looked_through_in_one_pass():
    many = WordFilter(Word(f"word{n}x", Action.REFUSE) for n in range(WORDS_MAX))
    began_s = time.perf_counter()
    for _ in range(100):
        many.judge("just a nice brush, how much is the long one? " * 4)
    assert time.perf_counter() - began_s < 1.0, "10 ms each would hold the loop"
