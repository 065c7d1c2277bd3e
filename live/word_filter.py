"""Words that a merchant does not want to read, found in spite of the usual ways around it. Pure.

Texts are compared as readers see them: full-width and other forms are made plain (NFKC), capitals and accents go, signs
that nobody sees go, and so do spaces and punctuation between letters. A word of an alphabet counts where it stands by
itself ("class" holds no other word), or is spelled out with anything in between; a word of a script that writes
without spaces counts wherever it stands.
"""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final

import ahocorasick

WORDS_MAX: Final = 5_000  # of one merchant
WORD_CHARS_MAX: Final = 64
# Built in a few milliseconds, in which nothing else happens: the library holds the interpreter's lock meanwhile, so a
# thread would not help. Many small parts are built ten times faster than one large one, which no cache holds.
PART_CHARS_MAX: Final = 16_000
_SPACELESS_FROM: Final = "\u0e00"  # Thai and what comes after it in Unicode, Chinese, Japanese and Korean among them
_ACCENTS: Final = (
    ("\u0300", "\u036f"),
    ("\u1ab0", "\u1aff"),
    ("\u1dc0", "\u1dff"),
    ("\u20d0", "\u20ff"),
    ("\ufe00", "\ufe0f"),
)


class Action(StrEnum):
    """What becomes of a comment with such a word: nobody reads it, or a moderator reads it first."""

    REFUSE = "refuse"
    REVIEW = "review"


@dataclass(frozen=True, slots=True)
class Word:
    """A word as it is compared, and what it does."""

    folded: str
    action: Action


class _Kind(StrEnum):
    LETTER = "letter"
    DIGIT = "digit"
    IDEOGRAPH = "ideograph"
    UNSEEN = "unseen"
    GAP = "gap"


@lru_cache(maxsize=16_384)
def _kind(sign: str) -> _Kind:
    category = unicodedata.category(sign)
    if category == "Cf" or any(first <= sign <= last for first, last in _ACCENTS):
        return _Kind.UNSEEN
    if category[0] not in "LNM":
        return _Kind.GAP
    if category[0] == "N":
        return _Kind.DIGIT
    return _Kind.IDEOGRAPH if sign >= _SPACELESS_FROM else _Kind.LETTER


@dataclass(frozen=True, slots=True)
class Folded:
    """A text as it is compared, and at which of its signs a word of an alphabet may begin; one past its end too."""

    text: str
    begins: tuple[bool, ...]


@lru_cache(maxsize=512)  # a comment is looked at more than once on its way
def fold(text: str) -> Folded:
    """What is left of a text when all that hides a word is taken away."""
    signs: list[str] = []
    begins: list[bool] = []
    before = _Kind.GAP
    for sign in unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).casefold()):
        kind = _kind(sign)
        if kind is _Kind.UNSEEN:
            continue
        if kind is not _Kind.GAP:
            signs.append(sign)
            begins.append(kind is not before or kind is _Kind.IDEOGRAPH)
        before = kind
    return Folded("".join(signs), (*begins, True))


class WordFilter:
    """A merchant's words, looked for in a pass over a text for each part of them. Built while words are added."""

    def __init__(self, words: Iterable[Word] = ()) -> None:
        self._parts: list[Any] = []
        self._waiting = ahocorasick.Automaton()  # the last part, which may grow
        self._waiting_chars = 0
        for word in words:
            self.add(word)

    def add(self, word: Word) -> None:
        """One more word: now and then this builds a part, so others should have their turn between two."""
        self._waiting.add_word(word.folded, word)
        self._waiting_chars += len(word.folded)
        if self._waiting_chars > PART_CHARS_MAX:
            self.build()

    def build(self) -> None:
        """From here on the words that were added are looked for."""
        if self._waiting_chars:
            self._waiting.make_automaton()
            self._parts.append(self._waiting)
            self._waiting, self._waiting_chars = ahocorasick.Automaton(), 0

    def judge(self, text: str) -> Action | None:
        """What is to be done with a text; None where nothing speaks against it."""
        self.build()
        if not self._parts:
            return None
        folded = fold(text)
        met = (hit for part in self._parts for hit in part.iter(folded.text))
        found = {word.action for end, word in met if _stands(folded, end, word)}
        return next((action for action in Action if action in found), None)


def _stands(folded: Folded, end: int, word: Word) -> bool:
    if any(sign >= _SPACELESS_FROM for sign in word.folded):
        return True
    return folded.begins[end - len(word.folded) + 1] and folded.begins[end + 1]
