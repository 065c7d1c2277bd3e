"""Mapped classes of posters. The migrations define the schema; a test holds these columns against it."""

from sqlalchemy import LargeBinary, Text
from sqlalchemy.orm import Mapped, mapped_column

from keel.database import Table
from keel.tables_columns import Big, Flag, Id, Key, Moment, Word


class PosterTemplateRow(Table):
    """How a merchant's posters look; `version` counts the changes."""

    __tablename__ = "poster_template"

    merchant_id: Mapped[Key]
    version: Mapped[Big]
    background: Mapped[Word]
    panel: Mapped[Word]
    ink: Mapped[Word]
    accent: Mapped[Word]
    headline: Mapped[Word]
    sharer_line: Mapped[Word]
    footer: Mapped[Word]
    picture_url: Mapped[Word | None]
    show_picture: Mapped[Flag]
    show_price: Mapped[Flag]
    show_sharer: Mapped[Flag]
    updated_at: Mapped[Moment]


class MiniCodeRow(Table):
    """A platform's code for a share and an app; without an image as long as somebody asks for it."""

    __tablename__ = "mini_code"

    share_id: Mapped[Key]
    app_id: Mapped[str] = mapped_column(Text, primary_key=True)
    merchant_id: Mapped[Id]
    leads_to: Mapped[Word]
    image: Mapped[bytes | None] = mapped_column(LargeBinary)
    holder: Mapped[Id]
    lease_until: Mapped[Moment]
