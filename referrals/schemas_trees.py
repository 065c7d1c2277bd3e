"""What staff are shown of how something spread, and sharers of what they brought."""

from datetime import datetime

from referrals.model import TargetKind
from referrals.schemas import Told


class FiguresOut(Told):
    """What a part of a tree brought; `buyers` and `orders` of orders that stand."""

    shares: int
    visitors: int
    viewers: int
    buyers: int
    orders: int


class MoneyOut(Told):
    """Credited orders of one currency, in minor units; `paid` is part of `placed`, the others are not."""

    currency: str
    placed: int
    paid: int
    lapsed: int
    cancelled: int


class GrowthOut(Told):
    """`k` is `visitors_per_share` times `shared_on`: the shares that grew out of each share."""

    depth: int
    breadth: int
    visitors_per_share: float | None
    shared_on: float | None
    k: float | None


class PartOut(Told):
    """A generation by its number, or a channel by its name."""

    name: str
    figures: FiguresOut
    money: list[MoneyOut]


class GenerationOut(PartOut):
    """`k`: shares of the next generation for each of this one."""

    k: float | None


class MomentOut(Told):
    """What came in the `moment_s` seconds from `at` on, in one generation."""

    at: datetime
    generation: int
    figures: FiguresOut


class SubtreeOut(Told):
    """A root with all that grew out of it."""

    share_id: str
    code: str
    sharer_id: str
    sharer_name: str | None
    own: FiguresOut
    within: FiguresOut
    levels: int
    money: list[MoneyOut]


class TreeOut(Told):
    """How a session or a room spread."""

    figures: FiguresOut
    growth: GrowthOut
    money: list[MoneyOut]
    generations: list[GenerationOut]
    channels: list[PartOut]
    moment_s: int
    moments: list[MomentOut]
    subtrees: list[SubtreeOut]


class SharerOut(Told):
    """Somebody who shared: what he brought himself, and with all that grew below, `levels` generations."""

    id: str
    name: str | None
    own: FiguresOut
    within: FiguresOut
    levels: int
    money: list[MoneyOut]
    money_within: list[MoneyOut]


class SharerPage(Told):
    """The best first; `next` is the `after` of the page after this one."""

    sharers: list[SharerOut]
    next: str | None


class CommunityOut(Told):
    """A group, by its own opaque id."""

    id: str
    figures: FiguresOut
    money: list[MoneyOut]


class CommunityPage(Told):
    """By visitors; `next` is the `after` of the page after this one."""

    communities: list[CommunityOut]
    next: str | None


class BroughtOut(Told):
    """A share of one's own, and who came through it."""

    code: str
    kind: TargetKind
    id: str
    campaign: str | None
    created_at: datetime
    own: FiguresOut
    within: FiguresOut
    levels: int
    money: list[MoneyOut]


class BroughtPage(Told):
    """Newest first; `next` is the `below` of the page after this one."""

    shares: list[BroughtOut]
    next: str | None


class NodeOut(Told):
    """A share of a tree. `own` is what came through it, `within` the same with all that grew under it."""

    id: str
    code: str
    parent_id: str | None
    root_id: str
    generation: int
    sharer_id: str
    kind: TargetKind
    target_id: str
    campaign: str | None
    created_at: datetime
    own: FiguresOut
    within: FiguresOut
    money: list[MoneyOut]


class EdgeOut(Told):
    """From a share to one that grew under it."""

    source: str
    target: str


class GraphOut(Told):
    """A whole tree."""

    nodes: list[NodeOut]
    edges: list[EdgeOut]
