"""What sharers, visitors and staff send and are shown. Nothing unnamed is taken."""

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints

from inventory.schemas import Moment
from keel.ids import ID_PATTERN
from keel.texts import printable
from referrals.model import COMMUNITY_CHARS_MAX, NAME_CHARS_MAX, Channel, TargetKind

Id = Annotated[str, StringConstraints(pattern=ID_PATTERN)]
CampaignName = Annotated[str, StringConstraints(pattern=rf"^[a-z0-9][a-z0-9-]{{0,{NAME_CHARS_MAX - 1}}}$")]
Community = Annotated[str, StringConstraints(pattern=rf"^[\x21-\x7e]{{1,{COMMUNITY_CHARS_MAX}}}$")]
Title = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), AfterValidator(printable)
]


class Sent(BaseModel):
    """What is sent: nothing but the fields named."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Told(BaseModel):
    """What is shown, read from rows or values."""

    model_config = ConfigDict(from_attributes=True)


class ShareWish(Sent):
    """What to share, and for which campaign, by its name."""

    kind: TargetKind
    id: Id
    campaign: CampaignName | None = None


class TouchWish(Sent):
    """Where the card was found, as far as the client knows; `community` is the group's own opaque id."""

    channel: Channel = Channel.UNKNOWN
    community: Community | None = None


class CampaignWish(Sent):
    """A new campaign."""

    name: CampaignName
    title: Title
    ends_at: Moment | None = None


class LinksOut(Told):
    """Where a share leads. `scene` is for a mini-program's code; `h5` and `short` where this server has them."""

    scene: str
    mini_program: str
    h5: str | None
    short: str | None


class ShareOut(Told):
    """A share of one's own."""

    code: str
    kind: TargetKind
    id: str
    campaign: str | None
    created_at: datetime
    links: LinksOut


class SharePage(Told):
    """Newest first; `next` is the `below` of the page after this one."""

    shares: list[ShareOut]
    next: str | None


class SharedOut(Told):
    """What a code leads to. `title` is null where it was put away; of the sharer a name and nothing else."""

    kind: TargetKind
    id: str
    campaign: str | None
    title: str | None
    sharer_name: str | None


class CampaignOut(Told):
    """A campaign."""

    id: str
    name: str
    title: str
    ends_at: datetime | None
    created_at: datetime
    archived_at: datetime | None


class CampaignPage(Told):
    """Newest first; `next` is the `below` of the page after this one."""

    campaigns: list[CampaignOut]
    next: str | None
