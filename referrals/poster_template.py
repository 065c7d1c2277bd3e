"""Pure values of posters: what a merchant decides about them, and what one of them shows."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

COLOUR_SHAPE: Final = r"^#[0-9a-f]{6}$"
HEADLINE_CHARS_MAX: Final = 40
FOOTER_CHARS_MAX: Final = 60
PICTURE_URL_CHARS_MAX: Final = 2_000
NAME: Final = "{name}"
# Of currencies whose minor unit is not a hundredth (ISO 4217).
_EXPONENTS: Final = {
    "BHD": 3, "CLP": 0, "IQD": 3, "ISK": 0, "JOD": 3, "JPY": 0, "KRW": 0, "KWD": 3, "LYD": 3, "OMR": 3, "PYG": 0,
    "TND": 3, "UGX": 0, "VND": 0, "XAF": 0, "XOF": 0, "XPF": 0,
}  # fmt: skip
_SIGNS: Final = {"CNY": "¥", "EUR": "€", "GBP": "£", "HKD": "HK$", "JPY": "¥", "TWD": "NT$", "USD": "$"}


class CodeKind(StrEnum):
    """What the code on a poster opens: a page of the web, or the mini-program itself."""

    H5 = "h5"
    MINI_PROGRAM = "mini_program"


@dataclass(frozen=True, slots=True)
class Template:
    """How a merchant's posters look. Colours as `#rrggbb`; in `sharer_line` `{name}` is the sharer's.

    `picture_url`: shown where what is shared has no picture of its own.
    """

    background: str = "#ffffff"
    panel: str = "#f4efe6"
    ink: str = "#222222"
    accent: str = "#c8341f"
    headline: str = "一起来看"
    sharer_line: str = "{name} 邀请你"
    footer: str = "长按识别"
    picture_url: str | None = None
    show_picture: bool = True
    show_price: bool = True
    show_sharer: bool = True


@dataclass(frozen=True, slots=True)
class Prices:
    """From the lowest to the highest of what is shown, in minor units."""

    currency: str
    low: int
    high: int

    def text(self) -> str:
        """As people read it: ¥149.00, or ¥149.00–199.00."""
        sign = _SIGNS.get(self.currency, f"{self.currency} ")
        low, high = (_major(price, self.currency) for price in (self.low, self.high))
        return f"{sign}{low}" if low == high else f"{sign}{low}–{high}"


@dataclass(frozen=True, slots=True)
class Subject:
    """What a poster is about. `item`: the title of what is shown in it now, where that is another one."""

    title: str
    item: str | None = None
    prices: Prices | None = None
    picture_url: str | None = None
    sharer_name: str | None = None


def _major(price: int, currency: str) -> str:
    digits = _EXPONENTS.get(currency, 2)
    whole, part = divmod(price, 10**digits)
    return f"{whole:,}.{part:0{digits}d}" if digits else f"{whole:,}"
