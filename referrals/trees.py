"""Use cases of whoever looks at how something spread. What each figure counts is in docs/dissemination.md."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from inventory.ledger import Ledger
from keel.clock import from_ms
from keel.errors import NotFound
from referrals import store_ranks, store_trees
from referrals.spreading import (
    MOMENTS_MAX,
    SUBTREES_SHOWN_MAX,
    Figures,
    Growth,
    Money,
    Ranks,
    followed_by,
    growth_of,
    sum_of,
)
from referrals.store_ranks import After, Community, Sharer
from referrals.store_trees import Place, Slice, SliceMoney, Subtree

SESSION_MOMENT_S: Final = 600  # as they are counted: tree_moment and tree_day
ROOM_MOMENT_S: Final = 86_400


@dataclass(frozen=True, slots=True)
class Part:
    """A generation, or a channel of that name. `k`: shares of the next generation for each of this one."""

    name: str
    figures: Figures
    money: list[Money]
    k: float | None = None


@dataclass(frozen=True, slots=True)
class Moment:
    """What came in the time that began then, in one generation."""

    at: datetime
    generation: int
    figures: Figures


@dataclass(frozen=True, slots=True)
class Summary:
    """A tree at a glance."""

    figures: Figures
    growth: Growth
    money: list[Money]
    generations: list[Part]
    channels: list[Part]
    moment_s: int
    moments: list[Moment]
    subtrees: list[Subtree]


async def known(ledger: Ledger, place: Place) -> None:
    """Whether the merchant has such a room or session. Raises NotFound and LedgerFault."""
    if not await store_trees.exists(ledger, place):
        raise NotFound(what="room" if place.is_room else "session")


async def summary(ledger: Ledger, place: Place) -> Summary:
    """How a session, or a room, spread. Raises NotFound and LedgerFault."""
    await known(ledger, place)
    slices = await store_trees.slices(ledger, place, moments_max=MOMENTS_MAX)
    money = await store_trees.slice_money(ledger, place)
    generations = _generations(slices)
    return Summary(
        figures=sum(generations, Figures()),
        growth=growth_of(generations),
        money=sum_of([each.money for each in money if each.by == "generation"]),
        generations=_with_money(generations, money),
        channels=_channels(slices, money),
        moment_s=ROOM_MOMENT_S if place.is_room else SESSION_MOMENT_S,
        moments=_moments(slices),
        subtrees=await store_trees.subtrees(ledger, place, count=SUBTREES_SHOWN_MAX),
    )


async def sharers(ledger: Ledger, place: Place, ranks: Ranks, *, after: After | None, count: int) -> Sequence[Sharer]:
    """A page of those who shared, the best first. Raises NotFound and LedgerFault."""
    await known(ledger, place)
    return await store_ranks.sharers(ledger, place, ranks, after=after, count=count)


async def communities(ledger: Ledger, place: Place, *, after: After | None, count: int) -> Sequence[Community]:
    """A page of the groups that people came from, by visitors. Raises NotFound and LedgerFault."""
    await known(ledger, place)
    return await store_ranks.communities(ledger, place, after=after, count=count)


def _generations(slices: Sequence[Slice]) -> list[Figures]:
    """By number, from the roots on."""
    found = {each.generation: each.figures for each in slices if each.by == "generation"}
    return [found.get(number, Figures()) for number in range(max(found, default=-1) + 1)]


def _with_money(generations: Sequence[Figures], money: Sequence[SliceMoney]) -> list[Part]:
    by_number: dict[int, list[Money]] = {}
    for each in money:
        if each.by == "generation":
            by_number.setdefault(each.generation, []).append(each.money)
    ks = followed_by(generations)
    return [Part(str(n), figures, sum_of(by_number.get(n, [])), ks[n]) for n, figures in enumerate(generations)]


def _channels(slices: Sequence[Slice], money: Sequence[SliceMoney]) -> list[Part]:
    figures: dict[str, Figures] = {}
    for each in slices:
        if each.by == "channel":
            figures[each.key] = figures.get(each.key, Figures()) + each.figures
    paid: Mapping[str, list[Money]] = {
        name: [m.money for m in money if (m.by, m.key) == ("channel", name)] for name in figures
    }
    return [Part(name, figures[name], sum_of(paid[name])) for name in sorted(figures)]


def _moments(slices: Sequence[Slice]) -> list[Moment]:
    moments = [s for s in slices if s.by == "moment"]
    moments.sort(key=lambda each: (int(each.key), each.generation))
    return [Moment(from_ms(int(each.key) * 1000), each.generation, each.figures) for each in moments]
