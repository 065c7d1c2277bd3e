"""Use cases of those who share: a share of something, where it grows, and what one has shared."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from accounts.tokens import Claims
from inventory.ledger import Ledger
from keel.clock import Clock
from keel.errors import NotFound, Unavailable
from keel.ids import Ids
from referrals import store_shares
from referrals.model import Node, Target, TargetKind, new_code, path_under, place_under
from referrals.store_shares import Share

CODES_TRIED_MAX: Final = 3


@dataclass(frozen=True, slots=True)
class Sharing:
    """What the use cases need."""

    ledger: Ledger
    ids: Ids
    clock: Clock


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be shared, and for which of the merchant's campaigns, by its name."""

    kind: TargetKind
    target_id: str
    campaign: str | None = None


async def share(here: Sharing, who: Claims, wish: Wish) -> Share:
    """A share of something, or the one that says the same already. Raises NotFound, Unavailable and LedgerFault.

    It grows under the share through which this person came last to the same thing: a room and its sessions are one.
    """
    target = await _target(here, who.mid, wish)
    campaign = await _campaign(here, who.mid, wish, target)
    line = await store_shares.line_of(here.ledger, who.mid, who.people, target.family_id, until=here.clock.now())
    parent = place_under(who.people, line)
    for _ in range(CODES_TRIED_MAX):
        written = await store_shares.add(here.ledger, _node_under(here, parent, who, target, campaign), who.people)
        if written is not None:
            return written
    raise Unavailable(detail="no code is free right now")


async def page(here: Sharing, who: Claims, *, below: str | None, count: int) -> Sequence[Share]:
    """What somebody shared, newest first. Raises LedgerFault."""
    return await store_shares.of_sharer(here.ledger, who.mid, who.people, below=below, count=count)


async def _target(here: Sharing, merchant_id: str, wish: Wish) -> Target:
    now = here.clock.now()
    target = await store_shares.target(here.ledger, merchant_id, wish.kind, wish.target_id, now=now)
    if target is None:
        raise NotFound(what=wish.kind)
    return target


async def _campaign(here: Sharing, merchant_id: str, wish: Wish, target: Target) -> str | None:
    """A campaign that is shared itself is what it is shared for."""
    if wish.campaign is None or wish.campaign == target.campaign:
        return target.campaign
    found = await store_shares.campaign(here.ledger, merchant_id, wish.campaign, now=here.clock.now())
    if found is None or target.kind is TargetKind.CAMPAIGN:
        raise NotFound(what="campaign")
    return found.campaign


def _node_under(here: Sharing, parent: Node | None, who: Claims, target: Target, campaign: str | None) -> Share:
    share_id = here.ids.new(above=None if parent is None else parent.id)
    root_id = share_id if parent is None else parent.root_id
    return Share(
        node=Node(share_id, who.sub, root_id, path_under(parent)),
        merchant_id=who.mid,
        code=new_code(),
        kind=target.kind,
        target_id=target.id,
        family_id=target.family_id,
        campaign=campaign,
        created_at=here.clock.now(),
    )
