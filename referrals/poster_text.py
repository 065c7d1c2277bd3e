"""Texts on posters: whatever people call themselves, made fit for a line on paper, clipped and wrapped.

Pure: how wide a text is, the caller's font says.
"""

import unicodedata
from collections.abc import Callable, Iterator
from typing import Final

CHARS_MAX: Final = 200  # what is behind them is not looked at
MARKS_MAX: Final = 2  # accents on one letter; piles of them would climb out of the line
ELLIPSIS: Final = "…"
_GAPS: Final = {"Zs", "Zl", "Zp"}
_LINE_ENDS: Final = "\n\r\t\v\f\x85"
_GONE: Final = {
    "Cc",
    "Cf",
    "Cs",
    "Co",
    "Cn",
}  # control, direction and zero-width signs, halves of pairs, no signs at all
_MARKS: Final = {"Mn", "Me"}
_WIDE: Final = {"W", "F"}

Measure = Callable[[str], float]


def tidy(text: str, known: Callable[[str], bool] = lambda _: True) -> str:
    """One line without surprises: of the signs that are `known`, none that reorders, hides or piles up.

    Line breaks and tabs are gaps, gaps are one blank, and there is none at either end. What is left may be empty.
    """
    normal = unicodedata.normalize("NFC", text[:CHARS_MAX])
    return " ".join("".join(_kept(normal, known)).split(" ")).strip()


def _kept(text: str, known: Callable[[str], bool]) -> Iterator[str]:
    marks, before = 0, " "
    for sign in filter(None, (_shown(sign, known) for sign in text)):
        marks = marks + 1 if unicodedata.category(sign) in _MARKS else 0
        if marks > MARKS_MAX or (marks and before == " ") or (sign == before == " "):
            continue
        before = sign
        yield sign


def _shown(sign: str, known: Callable[[str], bool]) -> str | None:
    """What stands for a sign; of a letter with an accent that is not known, the letter."""
    kind = unicodedata.category(sign)
    if kind in _GAPS or sign in _LINE_ENDS:
        return " "
    if kind in _GONE:
        return None
    return next((shown for shown in (sign, unicodedata.normalize("NFD", sign)[0]) if known(shown)), None)


def wrap(text: str, width_px: float, lines_max: int, measure: Measure) -> list[str]:
    """A tidied text in lines that are at most so wide; the last one ends with an ellipsis where there is more."""
    lines: list[str] = []
    rest = text
    while rest and len(lines) < lines_max:
        line, rest = _first_line(rest, width_px, measure)
        lines.append(line)
    if rest:
        lines[-1] = clip(f"{lines[-1]}{ELLIPSIS}", width_px, measure)
    return lines


def clip(text: str, width_px: float, measure: Measure) -> str:
    """As much of a text as fits, with an ellipsis where that is not all."""
    if measure(text) <= width_px:
        return text
    kept = text.removesuffix(ELLIPSIS)
    while kept and measure(kept.rstrip() + ELLIPSIS) > width_px:
        kept = kept[:-1]
    return kept.rstrip() + ELLIPSIS


def _first_line(text: str, width_px: float, measure: Measure) -> tuple[str, str]:
    """What fits, and the rest: cut where lines may be cut, or, in a word that is longer than a line, anywhere."""
    fits = _fitting(text, width_px, measure)
    if fits == len(text):
        return text, ""
    cut = next((at for at in range(fits, 0, -1) if _may_break(text, at)), fits)
    return text[:cut].rstrip(), text[cut:].lstrip()


def _fitting(text: str, width_px: float, measure: Measure) -> int:
    """How many signs fit; one always does, or nothing would ever be written."""
    low, high = 1, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if measure(text[:middle]) <= width_px else (low, middle - 1)
    return low


def _may_break(text: str, at: int) -> bool:
    """Whether a line may end before a place: at a blank, and beside a wide sign as Chinese has them."""
    before, after = text[at - 1], text[at]
    if after == " " or before == " ":
        return True
    return unicodedata.category(after)[0] not in "MP" and any(
        unicodedata.east_asian_width(sign) in _WIDE for sign in (before, after)
    )
