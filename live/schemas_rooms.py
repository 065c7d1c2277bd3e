"""What staff send about rooms and sessions. Times in RFC 3339; nothing unnamed is taken."""

from typing import Annotated

from pydantic import Field, StrictBool

from inventory.schemas import Guarded, Moment, Title, Url, Wish
from live import invitations
from live.model import GRACE_S, GRACE_S_MIN, IDLE_END_S_MIN, PATIENCE_S_MAX, CrewRole
from live.push_keys import TTL_S, TTL_S_MAX, TTL_S_MIN

Grace = Annotated[int, Field(strict=True, ge=GRACE_S_MIN, le=PATIENCE_S_MAX)]
IdleEnd = Annotated[int, Field(strict=True, ge=IDLE_END_S_MIN, le=PATIENCE_S_MAX)]
Ttl = Annotated[int, Field(strict=True, ge=TTL_S_MIN, le=TTL_S_MAX)]
InvitationTtl = Annotated[int, Field(strict=True, ge=invitations.TTL_S_MIN, le=invitations.TTL_S_MAX)]


class RoomWish(Wish):
    """A room. A picture may be gone for `grace_s` before the session ends; with `idle_end_s`, a session that was begun
    by hand ends after so long without a picture."""

    title: Title
    cover_url: Url | None = None
    grace_s: Grace = GRACE_S
    idle_end_s: IdleEnd | None = None


class RoomChange(Guarded):
    """The fields to change; null takes the cover or the end by itself away."""

    title: Title = ""
    cover_url: Url | None = None
    grace_s: Grace = GRACE_S
    idle_end_s: IdleEnd | None = None


class CrewWish(Wish):
    """What somebody is to be in a room."""

    role: CrewRole


class SessionWish(Wish):
    """A broadcast to come. Without a title it has the room's. With `autostart` the picture begins it, not before
    `starts_at`; without, a hand. Only staff see a rehearsal, and whom they invite."""

    title: Title | None = None
    starts_at: Moment | None = None
    autostart: StrictBool = True
    rehearsal: StrictBool = False


class SessionChange(Guarded):
    """The fields to change; null takes the title or the time away. On air only the title changes."""

    title: Title | None = None
    starts_at: Moment | None = None
    autostart: StrictBool = True


class PushKeyWish(Wish):
    """How long a push may be begun with the key; one that is on goes on."""

    ttl_s: Ttl = TTL_S


class InvitationWish(Wish):
    """How long one may come into the rehearsal with the invitation; who is in stays."""

    ttl_s: InvitationTtl = invitations.TTL_S
