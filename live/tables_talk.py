"""Mapped classes of talk. The migrations define the schema; a test holds these columns against it."""

from sqlalchemy import Integer
from sqlalchemy.orm import Mapped, mapped_column

from keel.database import Table
from keel.tables_columns import Big, Flag, Id, Key, Moment, Word


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
    kind: Mapped[Word]
    merchant_id: Mapped[Id]
    until: Mapped[Moment]
    reason: Mapped[Word | None]
    set_by: Mapped[Word]
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
    word: Mapped[Word]
    folded: Mapped[Word]
    action: Mapped[Word]


class CommentRow(Table):
    """A comment on record. `author_name` is personal data; `place` is where it is shown."""

    __tablename__ = "comment"

    merchant_id: Mapped[Key]
    id: Mapped[Key]
    room_id: Mapped[Id]
    session_id: Mapped[Id | None]
    place: Mapped[Id]
    author_id: Mapped[Id]
    author_name: Mapped[Word | None]
    text: Mapped[Word]
    state: Mapped[Word]
    at: Mapped[Moment]
    moderated_by: Mapped[Word | None]
    moderated_at: Mapped[Moment | None]


class AnnouncementRow(Table):
    """What staff told everybody in a place."""

    __tablename__ = "announcement"

    merchant_id: Mapped[Key]
    id: Mapped[Key]
    place: Mapped[Id]
    session_id: Mapped[Id]
    text: Mapped[Word]
    said_by: Mapped[Word]
    at: Mapped[Moment]
