"""What staff send and are shown of posters."""

from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from inventory.schemas import Url
from keel.texts import printable
from referrals.model import TargetKind
from referrals.poster_template import COLOUR_SHAPE, FOOTER_CHARS_MAX, HEADLINE_CHARS_MAX, Template
from referrals.schemas import Id, Sent, Told

Colour = Annotated[str, StringConstraints(pattern=COLOUR_SHAPE)]
Line = Annotated[str, StringConstraints(max_length=HEADLINE_CHARS_MAX), AfterValidator(printable)]
Footer = Annotated[str, StringConstraints(max_length=FOOTER_CHARS_MAX), AfterValidator(printable)]
_HOUSE = Template()


class TemplateWish(Sent):
    """How posters are to look; what is left out is as the house has it. In `sharer_line` `{name}` is the sharer's."""

    background: Colour = _HOUSE.background
    panel: Colour = _HOUSE.panel
    ink: Colour = _HOUSE.ink
    accent: Colour = _HOUSE.accent
    headline: Line = _HOUSE.headline
    sharer_line: Line = _HOUSE.sharer_line
    footer: Footer = _HOUSE.footer
    picture_url: Url | None = None
    show_picture: bool = True
    show_price: bool = True
    show_sharer: bool = True

    def template(self) -> Template:
        """The same as a value."""
        return Template(**self.model_dump(include=set(TemplateWish.model_fields)))


class TemplatePut(TemplateWish):
    """The same over the version that was read, 0 where there was none yet."""

    version: Annotated[int, Field(ge=0, le=2**63 - 1)]


class TemplateOut(Told):
    """How posters look; `version` 0: as the house has it."""

    background: str
    panel: str
    ink: str
    accent: str
    headline: str
    sharer_line: str
    footer: str
    picture_url: str | None
    show_picture: bool
    show_price: bool
    show_sharer: bool
    version: int


class PreviewWish(Sent):
    """What to show: a template, or the one that is stored; something that can be shared, or a sample."""

    template: TemplateWish | None = None
    kind: TargetKind | None = None
    id: Id | None = None

    @model_validator(mode="after")
    def _both_or_none(self) -> "PreviewWish":
        if (self.kind is None) != (self.id is None):
            raise ValueError("kind and id go together")
        return self

    def target(self) -> tuple[TargetKind, str] | None:
        """What is to be shown; None for a sample."""
        return None if self.kind is None or self.id is None else (self.kind, self.id)
