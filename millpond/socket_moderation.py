"""Commands of moderators over the socket: the use cases that HTTP has, for who does not leave the room."""

from typing import Annotated, Any, Final

from msgspec import UNSET, Meta, UnsetType

from keel.clock import rfc3339, to_ms
from keel.identity import EVERYBODY
from live import moderation
from live.messages import Id, Request
from live.registry import Registry
from live.schemas_talk import ANNOUNCEMENT_CHARS_MAX
from live.studio import Studio
from live.talk_rules import SILENCE_S_MAX, SLOW_MODE_S_MAX, Silence
from live.viewers import Caller

REASON_CHARS_MAX: Final = 500
_LINE: Final = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*\Z"  # printable, and not empty


class RoomRequest(Request, frozen=True, kw_only=True):
    """A command on the talk of one room."""

    room_id: Id


class Announce(Request, tag="announce", frozen=True, kw_only=True):
    """Tell everybody who watches a session something."""

    session_id: Id
    text: Annotated[str, Meta(max_length=ANNOUNCEMENT_CHARS_MAX, pattern=_LINE)]


class TalkRule(RoomRequest, tag="talk.rule", frozen=True, kw_only=True):
    """Change how a room talks: the pause between two comments, whether moderators read first or alone may speak."""

    slow_mode_s: Annotated[int, Meta(ge=0, le=SLOW_MODE_S_MAX)] | UnsetType = UNSET
    review: bool | UnsetType = UNSET
    muted_all: bool | UnsetType = UNSET


class SilenceViewer(RoomRequest, tag="silence", frozen=True, kw_only=True):
    """Mute (reads, says nothing), ban (may not be here) or shadow (says what only he reads), for so many seconds."""

    viewer_id: Id
    kind: Silence
    for_s: Annotated[int, Meta(ge=1, le=SILENCE_S_MAX)]
    reason: Annotated[str, Meta(max_length=REASON_CHARS_MAX, pattern=_LINE)] | None = None


class SilenceLift(RoomRequest, tag="silence.lift", frozen=True, kw_only=True):
    """End a silence before its time."""

    silence_id: Id


class CommentRemove(RoomRequest, tag="comment.remove", frozen=True, kw_only=True):
    """Take a comment off every screen; it stays on record. Safe to repeat."""

    comment_id: Id


class CommentApprove(RoomRequest, tag="comment.approve", frozen=True, kw_only=True):
    """Publish a comment that waits. Of two moderators one decides."""

    comment_id: Id


class CommentReject(RoomRequest, tag="comment.reject", frozen=True, kw_only=True):
    """Leave a comment that waits unpublished."""

    comment_id: Id


class SocketModeration:
    """What the commands do."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio

    def register(self, registry: Registry) -> None:
        """Make them known. Every member of staff may be of a room's crew: the use case looks that up."""
        registry.staff(Announce, EVERYBODY, self.announce)
        registry.staff(TalkRule, EVERYBODY, self.rule)
        registry.staff(SilenceViewer, EVERYBODY, self.silence)
        registry.staff(SilenceLift, EVERYBODY, self.lift)
        registry.staff(CommentApprove, EVERYBODY, self.approve)
        registry.staff(CommentReject, EVERYBODY, self.reject)
        registry.staff(CommentRemove, EVERYBODY, self.remove)

    async def announce(self, caller: Caller, message: Announce) -> dict[str, Any]:
        """The announcement's id."""
        row = await moderation.announce(self._studio, caller.principal, message.session_id, message.text.strip())
        return {"id": row.id}

    async def rule(self, caller: Caller, message: TalkRule) -> dict[str, Any]:
        """The rules as they are now."""
        given = {"slow_mode_s": message.slow_mode_s, "review": message.review, "muted_all": message.muted_all}
        changes = {name: value for name, value in given.items() if value is not UNSET}
        return (await moderation.rule(self._studio, caller.principal, message.room_id, changes)).body()

    async def silence(self, caller: Caller, message: SilenceViewer) -> dict[str, Any]:
        """The silence's id and its end."""
        row = await moderation.silence(
            self._studio,
            caller.principal,
            message.room_id,
            message.viewer_id,
            message.kind,
            for_s=message.for_s,
            reason=None if message.reason is None else message.reason.strip(),
        )
        return {"id": row.id, "until": rfc3339(to_ms(row.until))}

    async def lift(self, caller: Caller, message: SilenceLift) -> None:
        """Nothing is left to say."""
        await moderation.lift(self._studio, caller.principal, message.room_id, message.silence_id)

    async def approve(self, caller: Caller, message: CommentApprove) -> None:
        """Nothing is left to say."""
        await moderation.approve(self._studio, caller.principal, message.room_id, message.comment_id)

    async def reject(self, caller: Caller, message: CommentReject) -> None:
        """Nothing is left to say."""
        await moderation.reject(self._studio, caller.principal, message.room_id, message.comment_id)

    async def remove(self, caller: Caller, message: CommentRemove) -> None:
        """Nothing is left to say."""
        await moderation.remove_comment(self._studio, caller.principal, message.room_id, message.comment_id)
