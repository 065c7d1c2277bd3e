"""What a text must be, whoever sends it."""

import unicodedata
from typing import Final

_NOT_PRINTABLE: Final = {"Cc", "Cs"}  # control characters and halves of pairs


def printable(value: str) -> str:
    """The text. Raises ValueError for a character that nobody can read, a line break too."""
    if any(unicodedata.category(sign) in _NOT_PRINTABLE for sign in value):
        raise ValueError("holds control characters")
    return value


def printable_lines(value: str) -> str:
    """The same for a text of several lines."""
    printable(value.replace("\n", ""))
    return value
