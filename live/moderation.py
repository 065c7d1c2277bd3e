"""Use cases of moderators: how a room talks, who is silenced, and what becomes of comments."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from keel.clock import rfc3339, to_ms
from keel.errors import Conflict
from keel.identity import Principal
from live import store_ingest, store_rooms, store_shelf, store_talk
from live.model import Power
from live.sale_news import WATCHED_DAYS
from live.sampling import COMMENTS, Comment, body_of
from live.staging import may_in_room, may_in_session
from live.store_shelf import Broadcast
from live.studio import Command, Studio
from live.tables_talk import AnnouncementRow, CommentRow, SilenceRow
from live.talk_rules import CommentState, Rules, Silence
from live.telling import show

SILENCES_PER_ROOM_MAX: Final = 10_000


async def read_rules(studio: Studio, by: Principal, room_id: str) -> Rules:
    """How a room talks. Raises NotFound."""
    async with studio.command() as command:
        await store_talk.require_room(command.session, by.merchant_id, room_id)
        row = await store_talk.find_rules(command.session, by.merchant_id, room_id)
    return Rules() if row is None else Rules(row.slow_mode_s, row.review, row.muted_all)


async def rule(studio: Studio, by: Principal, room_id: str, changes: Mapping[str, Any]) -> Rules:
    """Change how a room talks, by the names of the rules. Raises NotFound."""
    async with studio.command() as command:
        await may_in_room(command.session, by, room_id, Power.MODERATE)
        await store_rooms.lock_room(command.session, by.merchant_id, room_id)
        row = await store_talk.put_rules(command.session, by.merchant_id, room_id, changes)
        rules = Rules(row.slow_mode_s, row.review, row.muted_all)
        since = studio.now - timedelta(days=WATCHED_DAYS)
        for place in await store_talk.places(command.session, by.merchant_id, room_id, since):
            command.announce(place, "talk.ruled", rules.body())
        command.audit(by, "talk.rule", room_id, **changes)
    return rules


async def silence(
    studio: Studio, by: Principal, room_id: str, viewer_id: str, kind: Silence, *, for_s: int, reason: str | None
) -> SilenceRow:
    """Mute, ban or shadow a viewer for a while; what stood before gives way. Raises NotFound and Conflict."""
    now = studio.now
    async with studio.command() as command:
        await may_in_room(command.session, by, room_id, Power.MODERATE)
        await store_talk.require_room(command.session, by.merchant_id, room_id)
        await store_talk.put_rules(command.session, by.merchant_id, room_id, {})  # first: it makes others wait
        running = await store_talk.count_silences(command.session, by.merchant_id, room_id, now)
        if running >= SILENCES_PER_ROOM_MAX:
            raise Conflict(detail=f"{SILENCES_PER_ROOM_MAX} viewers are silenced in this room")
        row = await store_talk.put_silence(
            command.session,
            id=studio.new_id(),
            merchant_id=by.merchant_id,
            room_id=room_id,
            viewer_id=viewer_id,
            kind=kind.value,
            until=now + timedelta(seconds=for_s),
            reason=reason,
            set_by=by.subject,
            at=now,
        )
        command.audit(by, f"talk.{kind}", room_id, viewer_id=viewer_id, for_s=for_s, reason=reason)
    return row


async def lift(studio: Studio, by: Principal, room_id: str, silence_id: str) -> None:
    """End a silence before its time. Raises NotFound."""
    async with studio.command() as command:
        await may_in_room(command.session, by, room_id, Power.MODERATE)
        await store_talk.require_room(command.session, by.merchant_id, room_id)
        await store_talk.put_rules(command.session, by.merchant_id, room_id, {})  # first, as with `silence`
        row = await store_talk.lift_silence(command.session, by.merchant_id, room_id, silence_id)
        command.audit(by, "talk.lift", room_id, viewer_id=row.viewer_id, kind=row.kind)


async def list_silences(
    studio: Studio, by: Principal, room_id: str, *, below: str | None, count: int
) -> Sequence[SilenceRow]:
    """A page of the silences that run, newest first. Raises NotFound."""
    async with studio.command() as command:
        await store_talk.require_room(command.session, by.merchant_id, room_id)
        return await store_talk.list_silences(
            command.session, by.merchant_id, room_id, studio.now, below=below, count=count
        )


async def list_comments(
    studio: Studio,
    by: Principal,
    room_id: str,
    *,
    state: CommentState | None,
    author_id: str | None,
    below: str | None,
    count: int,
) -> Sequence[CommentRow]:
    """A page of the record of a room, newest first; those that wait are the moderators' queue. Raises NotFound."""
    wanted: dict[str, Any] = {"state": state.value if state else None, "author_id": author_id}
    async with studio.command() as command:
        await store_talk.require_room(command.session, by.merchant_id, room_id)
        return await store_talk.list_comments(
            command.session, by.merchant_id, room_id, **wanted, below=below, count=count
        )


async def remove_comment(studio: Studio, by: Principal, room_id: str, comment_id: str) -> CommentRow:
    """Take a comment off every screen; it stays on record. Safe to repeat. Raises NotFound."""
    sources = [CommentState.SHOWN, CommentState.WAITING, CommentState.SHADOWED, CommentState.REJECTED]
    async with studio.command() as command:
        await may_in_room(command.session, by, room_id, Power.MODERATE)
        row, moved = await store_talk.move_comment(
            command.session, by.merchant_id, room_id, comment_id, sources=sources, **_to(studio, by, "removed")
        )
        if moved:
            command.announce(row.place, "comment.removed", {"comment_id": row.id})
            command.audit(by, "comment.remove", comment_id)
    return row


async def approve(studio: Studio, by: Principal, room_id: str, comment_id: str) -> CommentRow:
    """Publish a comment that waits. Of two moderators one decides. Raises NotFound and Conflict."""
    row = await _decide(studio, by, room_id, comment_id, CommentState.SHOWN)
    if studio.log is not None:
        comment = Comment(row.id, row.author_id, row.author_name, row.text, to_ms(row.at), first=True)
        await show(studio.log, row.place, COMMENTS, body_of([comment]))
    return row


async def reject(studio: Studio, by: Principal, room_id: str, comment_id: str) -> CommentRow:
    """Leave a comment that waits unpublished. Raises NotFound and Conflict."""
    return await _decide(studio, by, room_id, comment_id, CommentState.REJECTED)


async def announce(studio: Studio, by: Principal, session_id: str, text: str) -> AnnouncementRow:
    """Tell everybody who watches a session something. Raises NotFound, and Conflict where it is over."""
    async with studio.command() as command:
        await may_in_session(command.session, by, session_id, Power.SELL)
        at = await _speaking(command, by, session_id)
        row = await store_talk.add_announcement(
            command.session,
            id=studio.new_id(),
            merchant_id=by.merchant_id,
            place=at.place,
            session_id=session_id,
            text=text,
            said_by=by.subject,
            at=studio.now,
        )
        command.announce(at.place, "announced", {"id": row.id, "text": text, "at": rfc3339(to_ms(row.at))})
        command.audit(by, "announce", session_id, announcement_id=row.id)
    return row


async def _speaking(command: Command, by: Principal, session_id: str) -> Broadcast:
    """A session that is not over; it and all others of its place keep still until the commit: the last word counts."""
    at = await store_shelf.find_session(command.session, by.merchant_id, session_id)
    await store_ingest.lock(command.session, merchant_id=by.merchant_id, room_id=at.room_id, place=at.place)
    at = await store_shelf.find_session(command.session, by.merchant_id, session_id, lock=True)
    if at.ended_at is not None:
        raise Conflict(detail="the session is over")
    return at


async def _decide(studio: Studio, by: Principal, room_id: str, comment_id: str, state: CommentState) -> CommentRow:
    async with studio.command() as command:
        await may_in_room(command.session, by, room_id, Power.MODERATE)
        row, moved = await store_talk.move_comment(
            command.session,
            by.merchant_id,
            room_id,
            comment_id,
            sources=[CommentState.WAITING],
            **_to(studio, by, state.value),
        )
        store_talk.require_moved(row, moved=moved)
        command.audit(by, f"comment.{state}", comment_id)
    return row


def _to(studio: Studio, by: Principal, state: str) -> dict[str, Any]:
    return {"state": state, "moderated_by": by.subject, "moderated_at": studio.now}
