"""The talk of a room over HTTP, for staff: its rules, who is silenced, what was said, and unwanted words."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Path, Query

from keel.identity import EVERYBODY, MANAGERS, Principal, staff_as
from keel.ids import ID_PATTERN
from keel.paging import next_of
from live import moderation, wording
from live.routes_rooms import Member
from live.routes_shelf import studio_of
from live.schemas_talk import (
    AnnouncementOut,
    AnnouncementWish,
    CommentOut,
    CommentPage,
    RulesChange,
    RulesOut,
    SilenceOut,
    SilencePage,
    SilenceWish,
    WordCount,
    WordOut,
    WordPage,
    WordsPut,
)
from live.studio import Studio
from live.talk_rules import CommentState
from live.wording import WordWish

PAGE_MAX: Final = 100

Here = Annotated[Studio, Depends(studio_of)]
Reader = Annotated[Principal, Depends(staff_as(EVERYBODY))]
Manager = Annotated[Principal, Depends(staff_as(MANAGERS))]
PathId = Annotated[str, Path(pattern=ID_PATTERN)]
QueryId = Annotated[str | None, Query(pattern=ID_PATTERN)]
Count = Annotated[int, Query(ge=1, le=PAGE_MAX)]

rooms = APIRouter(prefix="/v1/staff/rooms", tags=["room"])
sessions = APIRouter(prefix="/v1/staff/sessions", tags=["room"])
words = APIRouter(prefix="/v1/staff/words", tags=["room"])


@rooms.get("/{room_id}/talk")
async def show_rules(here: Here, by: Reader, room_id: PathId) -> RulesOut:
    """How a room talks."""
    return RulesOut.model_validate(await moderation.read_rules(here, by, room_id))


@rooms.patch("/{room_id}/talk")
async def change_rules(here: Here, by: Member, room_id: PathId, change: RulesChange) -> RulesOut:
    """Change how a room talks; every screen is told, and every process keeps to it within two seconds."""
    changes = change.model_dump(exclude_unset=True)
    return RulesOut.model_validate(await moderation.rule(here, by, room_id, changes))


@rooms.get("/{room_id}/silences")
async def show_silences(
    here: Here, by: Reader, room_id: PathId, below: QueryId = None, count: Count = 20
) -> SilencePage:
    """Who is muted, banned or shadowed now."""
    rows = await moderation.list_silences(here, by, room_id, below=below, count=count)
    return SilencePage(silences=[SilenceOut.model_validate(row) for row in rows], next=next_of(rows, count))


@rooms.post("/{room_id}/silences", status_code=201)
async def silence(here: Here, by: Member, room_id: PathId, wish: SilenceWish) -> SilenceOut:
    """Mute, ban or shadow a viewer for a while."""
    row = await moderation.silence(here, by, room_id, wish.viewer_id, wish.kind, for_s=wish.for_s, reason=wish.reason)
    return SilenceOut.model_validate(row)


@rooms.post("/{room_id}/silences/{silence_id}/lift", status_code=204)
async def lift(here: Here, by: Member, room_id: PathId, silence_id: PathId) -> None:
    """End a silence before its time."""
    await moderation.lift(here, by, room_id, silence_id)


@rooms.get("/{room_id}/comments")
async def show_comments(
    here: Here,
    by: Reader,
    room_id: PathId,
    *,
    state: CommentState | None = None,
    author_id: QueryId = None,
    below: QueryId = None,
    count: Count = 20,
) -> CommentPage:
    """The record of what was said, newest first; `state=waiting` is the queue of the moderators."""
    rows = await moderation.list_comments(here, by, room_id, state=state, author_id=author_id, below=below, count=count)
    return CommentPage(comments=[CommentOut.model_validate(row) for row in rows], next=next_of(rows, count))


@rooms.post("/{room_id}/comments/{comment_id}/remove")
async def remove_comment(here: Here, by: Member, room_id: PathId, comment_id: PathId) -> CommentOut:
    """Take a comment off every screen; it stays on record. Safe to repeat."""
    return CommentOut.model_validate(await moderation.remove_comment(here, by, room_id, comment_id))


@rooms.post("/{room_id}/comments/{comment_id}/approve")
async def approve(here: Here, by: Member, room_id: PathId, comment_id: PathId) -> CommentOut:
    """Publish a comment that waits for review."""
    return CommentOut.model_validate(await moderation.approve(here, by, room_id, comment_id))


@rooms.post("/{room_id}/comments/{comment_id}/reject")
async def reject(here: Here, by: Member, room_id: PathId, comment_id: PathId) -> CommentOut:
    """Leave a comment that waits unpublished."""
    return CommentOut.model_validate(await moderation.reject(here, by, room_id, comment_id))


@sessions.post("/{session_id}/announcements", status_code=201)
async def announce(here: Here, by: Member, session_id: PathId, wish: AnnouncementWish) -> AnnouncementOut:
    """Tell everybody who watches a session something."""
    return AnnouncementOut.model_validate(await moderation.announce(here, by, session_id, wish.text))


@words.get("")
async def show_words(here: Here, by: Reader, below: QueryId = None, count: Count = 20) -> WordPage:
    """The words that nobody wants to read, newest first."""
    rows = await wording.list_words(here, by, below=below, count=count)
    return WordPage(words=[WordOut.model_validate(row) for row in rows], next=next_of(rows, count))


@words.post("", status_code=201)
async def add_words(here: Here, by: Manager, wish: WordsPut) -> WordCount:
    """Add words: comments with them are refused, or read by a moderator first."""
    wishes = [WordWish(word.word, word.action) for word in wish.words]
    return WordCount(words=await wording.add_words(here, by, wishes))


@words.post("/{word_id}/remove", status_code=204)
async def remove_word(here: Here, by: Manager, word_id: PathId) -> None:
    """Take a word off the list."""
    await wording.remove_word(here, by, word_id)
