"""Sharing over HTTP: sharers, visitors, and staff who have campaigns."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from accounts.tokens import Claims
from keel.errors import NotFound
from keel.identity import EVERYBODY, MANAGERS, Principal, staff_as
from keel.ids import ID_PATTERN
from keel.paging import next_of
from orders.routes import customer
from referrals import campaigns as plans
from referrals import sharing, showing
from referrals.campaigns import Campaigns
from referrals.links import LinkTemplates, links_of
from referrals.model import CODE_SHAPE, PAGE_MAX
from referrals.schemas import (
    CampaignOut,
    CampaignPage,
    CampaignWish,
    LinksOut,
    SharedOut,
    ShareOut,
    SharePage,
    ShareWish,
    TouchWish,
)
from referrals.sharing import Sharing, Wish
from referrals.showing import Doors, Found
from referrals.store_shares import Share

Below = Annotated[str | None, Query(pattern=ID_PATTERN)]
Count = Annotated[int, Query(ge=1, le=PAGE_MAX)]
PathId = Annotated[str, Path(pattern=ID_PATTERN)]
# The pattern is told and not enforced: what cannot be a code is not found, like any other that nobody gave out.
PathCode = Annotated[str, Path(description="The code of a share.", json_schema_extra={"pattern": CODE_SHAPE})]


async def sharing_of(request: Request) -> Sharing:
    """What the use cases need, as wired by millpond."""
    here: Sharing = request.app.state.sharing
    return here


async def doors_of(request: Request) -> Doors:
    """The same for visitors."""
    here: Doors = request.app.state.share_doors
    return here


async def campaigns_of(request: Request) -> Campaigns:
    """The same for campaigns."""
    here: Campaigns = request.app.state.campaigns
    return here


async def templates_of(request: Request) -> LinkTemplates:
    """Where links lead."""
    templates: LinkTemplates = request.app.state.share_links
    return templates


Who = Annotated[Claims, Depends(customer)]
Here = Annotated[Sharing, Depends(sharing_of)]
Open = Annotated[Doors, Depends(doors_of)]
Plans = Annotated[Campaigns, Depends(campaigns_of)]
Templates = Annotated[LinkTemplates, Depends(templates_of)]
Reader = Annotated[Principal, Depends(staff_as(EVERYBODY))]
Manager = Annotated[Principal, Depends(staff_as(MANAGERS))]

router = APIRouter(prefix="/v1/shares", tags=["sharing"])
short = APIRouter(prefix="/s")
staff = APIRouter(prefix="/v1/staff/campaigns", tags=["staff"])


@router.post("")
async def share(here: Here, doors: Open, templates: Templates, who: Who, wish: ShareWish) -> ShareOut:
    """Share something. Safe to repeat: the same thing gives the same share."""
    doors.limits.person(who.sub)
    made = await sharing.share(here, who, Wish(wish.kind, wish.id, wish.campaign))
    return _shown(made, templates)


@router.get("")
async def list_own(here: Here, templates: Templates, who: Who, below: Below = None, count: Count = 20) -> SharePage:
    """What you shared, newest first."""
    shares = await sharing.page(here, who, below=below, count=count)
    page = [_shown(each, templates) for each in shares]
    return SharePage(shares=page, next=next_of([each.node for each in shares], count))


@router.get("/{share_code}")
async def show(request: Request, doors: Open, share_code: PathCode) -> SharedOut:
    """What a share leads to, for whoever has its code."""
    shown = await showing.show(doors, share_code, _address(request))
    return SharedOut(
        kind=shown.share.kind,
        id=shown.share.target_id,
        campaign=shown.share.campaign,
        title=shown.title,
        sharer_name=shown.sharer_name,
    )


@router.post("/{share_code}/touches", status_code=204)
async def come_through(
    request: Request, doors: Open, who: Who, share_code: PathCode, wish: TouchWish | None = None
) -> None:
    """Say that you came through a share, once it is opened. Browsers that fetch ahead and programs do not count."""
    if showing.counts(request.headers):
        found = wish or TouchWish()
        await showing.visit(doors, who, share_code, Found(found.channel, found.community), _address(request))


@short.api_route("/{share_code}", methods=["GET", "HEAD"], include_in_schema=False)
async def follow(request: Request, doors: Open, templates: Templates, share_code: PathCode) -> Response:
    """A short link, for people and not for programs: on to the page of the web that the share leads to."""
    shown = await showing.show(doors, share_code, _address(request))
    page = links_of(templates, shown.share.code, shown.share.kind, shown.share.target_id).h5
    if page is None:
        raise NotFound(what="share")
    return Response(status_code=302, headers={"location": page, "cache-control": "no-store"})


@staff.post("", status_code=201)
async def add_campaign(here: Plans, by: Manager, wish: CampaignWish) -> CampaignOut:
    """A new campaign, by whose name people may share for it."""
    made = await plans.add_campaign(here, by, name=wish.name, title=wish.title, ends_at=wish.ends_at)
    return CampaignOut.model_validate(made)


@staff.get("")
async def list_campaigns(here: Plans, by: Reader, below: Below = None, count: Count = 20) -> CampaignPage:
    """Campaigns, newest first."""
    rows = await plans.page(here, by, below=below, count=count)
    return CampaignPage(campaigns=[CampaignOut.model_validate(row) for row in rows], next=next_of(rows, count))


@staff.post("/{campaign_id}/archive", status_code=204)
async def archive_campaign(here: Plans, by: Manager, campaign_id: PathId) -> None:
    """Let nobody share for a campaign any more."""
    await plans.archive_campaign(here, by, campaign_id)


def _shown(made: Share, templates: LinkTemplates) -> ShareOut:
    links = links_of(templates, made.code, made.kind, made.target_id)
    return ShareOut(
        code=made.code,
        kind=made.kind,
        id=made.target_id,
        campaign=made.campaign,
        created_at=made.created_at,
        links=LinksOut.model_validate(links),
    )


def _address(request: Request) -> str:
    return request.client.host if request.client else ""
