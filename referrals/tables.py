"""Mapped classes of referrals. The migrations define the schema; a test holds these columns against it."""

from sqlalchemy import ARRAY, SmallInteger, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from keel.database import Table
from keel.tables_columns import Id, Key, Moment, Word


class CampaignRow(Table):
    """A merchant's word for an occasion."""

    __tablename__ = "campaign"

    id: Mapped[Key]
    merchant_id: Mapped[Id]
    name: Mapped[Word]
    title: Mapped[Word]
    ends_at: Mapped[Moment | None]
    created_at: Mapped[Moment]
    archived_at: Mapped[Moment | None]


class ShareRow(Table):
    """Somebody shared something: a node, written once. A root's `root_id` is its own id, its `path` is empty."""

    __tablename__ = "share"

    id: Mapped[Key]
    merchant_id: Mapped[Id]
    code: Mapped[Word]
    sharer_id: Mapped[Id]
    target_kind: Mapped[Word]
    target_id: Mapped[Id]
    family_id: Mapped[Id]
    campaign: Mapped[Word | None]
    parent_id: Mapped[Id | None]
    root_id: Mapped[Id]
    depth: Mapped[int] = mapped_column(SmallInteger)
    path: Mapped[list[str]] = mapped_column(ARRAY(Uuid(as_uuid=False)))
    created_at: Mapped[Moment]


class TouchRow(Table):
    """Somebody came through a share; under the id that he had then. Visits of a minute are one."""

    __tablename__ = "touch"

    id: Mapped[Key]
    merchant_id: Mapped[Id]
    share_id: Mapped[Id]
    visitor_id: Mapped[Id]
    channel: Mapped[Word]
    community: Mapped[Word | None]
    session_id: Mapped[Id | None]
    at: Mapped[Moment]


class TouchPersonRow(Table):
    """A visitor of the socket, who had a pass and no row, signed in as this customer first.

    `shared_at`: when somebody else did so from the same pass.
    """

    __tablename__ = "touch_person"

    merchant_id: Mapped[Key]
    visitor_id: Mapped[Key]
    customer_id: Mapped[Id]
    at: Mapped[Moment]
    shared_at: Mapped[Moment | None]


class TouchWriterRow(Table):
    """A process that gathers touches: all of its own up to `flushed_until` are stored."""

    __tablename__ = "touch_writer"

    id: Mapped[Key]
    flushed_until: Mapped[Moment]
    seen_at: Mapped[Moment]
