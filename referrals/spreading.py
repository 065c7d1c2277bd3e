"""Pure values of how something spread: a tree's figures, and how its generations follow each other."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Final

LEADERS_MAX: Final = 20
SUBTREES_SHOWN_MAX: Final = 20
MOMENTS_MAX: Final = 5_000
NOBODY: Final = "＊"


class Ranking(StrEnum):
    """By what sharers are ranked: what they brought themselves; with all that grew below; how deep that went."""

    BUYERS = "buyers"
    VIEWERS = "viewers"
    VISITORS = "visitors"
    PLACED = "placed"
    WITHIN_BUYERS = "within_buyers"
    WITHIN_VIEWERS = "within_viewers"
    WITHIN_VISITORS = "within_visitors"
    WITHIN_PLACED = "within_placed"
    LEVELS = "levels"


@dataclass(frozen=True, slots=True)
class Ranks:
    """A ranking; by money, that of one currency counts."""

    by: Ranking
    currency: str


@dataclass(frozen=True, slots=True)
class Figures:
    """What a part of a tree brought. `buyers` and `orders` are of orders that stand."""

    shares: int = 0
    visitors: int = 0
    viewers: int = 0
    buyers: int = 0
    orders: int = 0

    def __add__(self, other: "Figures") -> "Figures":
        return Figures(
            self.shares + other.shares,
            self.visitors + other.visitors,
            self.viewers + other.viewers,
            self.buyers + other.buyers,
            self.orders + other.orders,
        )


@dataclass(frozen=True, slots=True)
class Money:
    """What credited orders come to, in minor units. `placed`: those that stand, `paid` ones among them; the others
    apart."""

    currency: str
    placed: int = 0
    paid: int = 0
    lapsed: int = 0
    cancelled: int = 0

    def __add__(self, other: "Money") -> "Money":
        return Money(
            self.currency,
            self.placed + other.placed,
            self.paid + other.paid,
            self.lapsed + other.lapsed,
            self.cancelled + other.cancelled,
        )


@dataclass(frozen=True, slots=True)
class Leader:
    """One of those who brought most to a broadcast, themselves."""

    sharer_id: str
    name: str | None
    buyers: int
    viewers: int
    visitors: int


@dataclass(frozen=True, slots=True)
class Selling:
    """A broadcast in which something can be bought now."""

    merchant_id: str
    room_id: str
    session_id: str


@dataclass(frozen=True, slots=True)
class Growth:
    """How a tree grew.

    The K-factor is the invitations that each user sends (i) times the part of them that makes a new user (c): Jurvetson
    and Draper, "Viral Marketing" (1997); https://en.wikipedia.org/wiki/K-factor_(marketing). A user here is a sharer.
    Nobody learns how many people a card was shown to, so both are measured by those who came: i are the visitors for
    each share, c is the part of the visitors who shared on, and k = i * c are the shares that grew out of each share.
    Above 1 every generation of sharers is greater than the last one. A tree that has stopped growing has less, whatever
    it had while it grew; the `k` of a generation, shares of the next one for each of its own, tells when it did.
    """

    depth: int  # generations below the roots
    breadth: int  # shares of the greatest generation
    visitors_per_share: float | None
    shared_on: float | None
    k: float | None


def growth_of(generations: Sequence[Figures]) -> Growth:
    """How a tree grew, from its generations in order. None where there is nothing to divide by."""
    whole = sum(generations, Figures())
    grown = whole.shares - (generations[0].shares if generations else 0)
    per_share, shared_on = _ratio(whole.visitors, whole.shares), _ratio(grown, whole.visitors)
    return Growth(
        depth=max((number for number, each in enumerate(generations) if each.shares), default=0),
        breadth=max((each.shares for each in generations), default=0),
        visitors_per_share=per_share,
        shared_on=shared_on,
        k=_ratio(grown, whole.shares),
    )


def followed_by(generations: Sequence[Figures]) -> list[float | None]:
    """The k of each generation; of the last one None, for nobody knows whether another follows."""
    after = pairwise(generations)
    return [*(_ratio(below.shares, above.shares) for above, below in after), *([None] if generations else [])]


def sum_of(money: Sequence[Money]) -> list[Money]:
    """One for each currency, in the order of their names."""
    sums: dict[str, Money] = {}
    for each in money:
        sums[each.currency] = sums.get(each.currency, Money(each.currency)) + each
    return [sums[currency] for currency in sorted(sums)]


def masked(name: str | None) -> str:
    """A name for others: its first sign. Who has none is shown as nobody."""
    shown = (name or "").strip()[:1]
    return f"{shown}{NOBODY}" if shown.isprintable() and shown else NOBODY


def _ratio(some: int, of: int) -> float | None:
    return round(some / of, 4) if of else None
