"""Mapped classes of talk. The migrations define the schema; a test holds these columns against it."""

from datetime import datetime
from typing import Annotated

from sqlalchemy import BigInteger, Boolean, DateTime, Integer, Text, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from keel.database import Table

Id = Annotated[str, mapped_column(Uuid(as_uuid=False))]
Key = Annotated[str, mapped_column(Uuid(as_uuid=False), primary_key=True)]
Phrase = Annotated[str, mapped_column(Text)]
Flag = Annotated[bool, mapped_column(Boolean)]
Big = Annotated[int, mapped_column(BigInteger)]
Moment = Annotated[datetime, mapped_column(DateTime(timezone=True))]


class TalkRow(Table):
    """The rules of a room; `version` goes up with them and with each of its silences."""

    __tablename__ = "talk"

    room_id: Mapped[Key]
    merchant_id: Mapped[Id]
    slow_mode_s: Mapped[int] = mapped_column(Integer)
    review: Mapped[Flag]
    muted_all: Mapped[Flag]
    version: Mapped[Big]


class SilenceRow(Table):
    """A viewer who is muted, banned or shadowed in a room until a time."""

    __tablename__ = "talk_silence"

    id: Mapped[Key]
    room_id: Mapped[Id]
    viewer_id: Mapped[Id]
    kind: Mapped[Phrase]
    merchant_id: Mapped[Id]
    until: Mapped[Moment]
    reason: Mapped[Phrase | None]
    set_by: Mapped[Phrase]
    at: Mapped[Moment]


class WordListRow(Table):
    """How often a merchant's words have changed."""

    __tablename__ = "talk_word_list"

    merchant_id: Mapped[Key]
    version: Mapped[Big]


class WordRow(Table):
    """A word that a merchant does not want to read; `folded` is how it is compared."""

    __tablename__ = "talk_word"

    merchant_id: Mapped[Key]
    id: Mapped[Key]
    word: Mapped[Phrase]
    folded: Mapped[Phrase]
    action: Mapped[Phrase]


class CommentRow(Table):
    """A comment on record. `author_name` is personal data; `place` is where it is shown."""

    __tablename__ = "comment"

    merchant_id: Mapped[Key]
    id: Mapped[Key]
    room_id: Mapped[Id]
    session_id: Mapped[Id | None]
    place: Mapped[Id]
    author_id: Mapped[Id]
    author_name: Mapped[Phrase | None]
    text: Mapped[Phrase]
    state: Mapped[Phrase]
    at: Mapped[Moment]
    moderated_by: Mapped[Phrase | None]
    moderated_at: Mapped[Moment | None]


class AnnouncementRow(Table):
    """What staff told everybody in a place."""

    __tablename__ = "announcement"

    merchant_id: Mapped[Key]
    id: Mapped[Key]
    place: Mapped[Id]
    session_id: Mapped[Id]
    text: Mapped[Phrase]
    said_by: Mapped[Phrase]
    at: Mapped[Moment]
