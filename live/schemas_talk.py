"""What staff send and see of talk. Times in RFC 3339."""

import unicodedata
from datetime import datetime
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictBool, StringConstraints

from keel.ids import ID_PATTERN
from live.talk_rules import SILENCE_S_MAX, SLOW_MODE_S_MAX, CommentState, Silence
from live.word_filter import WORD_CHARS_MAX, Action

ANNOUNCEMENT_CHARS_MAX: Final = 500
WORDS_AT_ONCE_MAX: Final = 500


def _printable(value: str) -> str:
    if any(unicodedata.category(sign) in {"Cc", "Cs"} for sign in value):
        raise ValueError("holds control characters")
    return value


def _line(chars_max: int) -> StringConstraints:
    return StringConstraints(strip_whitespace=True, min_length=1, max_length=chars_max)


Id = Annotated[str, StringConstraints(pattern=ID_PATTERN)]
Reason = Annotated[str, _line(500), AfterValidator(_printable)]
Announcement = Annotated[str, _line(ANNOUNCEMENT_CHARS_MAX), AfterValidator(_printable)]
WordText = Annotated[str, _line(WORD_CHARS_MAX), AfterValidator(_printable)]
SlowMode = Annotated[int, Field(strict=True, ge=0, le=SLOW_MODE_S_MAX)]
Seconds = Annotated[int, Field(strict=True, ge=1, le=SILENCE_S_MAX)]


class _Wish(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class RulesChange(_Wish):
    """The rules to change. `slow_mode_s`: the pause between two comments of a viewer; 0 for none."""

    slow_mode_s: SlowMode = 0
    review: StrictBool = False
    muted_all: StrictBool = False


class RulesOut(BaseModel):
    """How a room talks: the pause, whether moderators read first, and whether they alone may speak."""

    model_config = ConfigDict(from_attributes=True)

    slow_mode_s: int
    review: bool
    muted_all: bool


class SilenceWish(_Wish):
    """Mute (reads, says nothing), ban (may not be here) or shadow (says what only he reads), for so many seconds."""

    viewer_id: Id
    kind: Silence
    for_s: Seconds
    reason: Reason | None = None


class SilenceOut(BaseModel):
    """A viewer who is silenced until a time."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    viewer_id: str
    kind: Silence
    until: datetime
    reason: str | None
    set_by: str
    at: datetime


class SilencePage(BaseModel):
    """Newest first; `next` is the `below` of the page after this one."""

    silences: list[SilenceOut]
    next: str | None


class CommentOut(BaseModel):
    """A comment on record. `author_name` is null where the person was erased or gave none."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    session_id: str | None
    author_id: str
    author_name: str | None
    text: str
    state: CommentState
    at: datetime
    moderated_by: str | None
    moderated_at: datetime | None


class CommentPage(BaseModel):
    """Newest first; `next` is the `below` of the page after this one."""

    comments: list[CommentOut]
    next: str | None


class WordPut(_Wish):
    """A word, and what becomes of comments that have it."""

    word: WordText
    action: Action = Action.REFUSE


class WordsPut(_Wish):
    """Words to add; one that is there already gets the new action."""

    words: Annotated[list[WordPut], Field(min_length=1, max_length=WORDS_AT_ONCE_MAX)]


class WordCount(BaseModel):
    """How many words there are now."""

    words: int


class WordOut(BaseModel):
    """A word that nobody wants to read."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    word: str
    action: Action


class WordPage(BaseModel):
    """Newest first; `next` is the `below` of the page after this one."""

    words: list[WordOut]
    next: str | None


class AnnouncementWish(_Wish):
    """What everybody who watches is told."""

    text: Announcement


class AnnouncementOut(BaseModel):
    """What everybody was told."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    text: str
    at: datetime
