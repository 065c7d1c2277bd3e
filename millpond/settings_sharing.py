"""The settings of sharing: where what people share leads to, and how long visits are kept."""

import re
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from referrals.forgetting import KEPT
from referrals.links import LinkTemplates

_NAMES: Final = {"{code}", "{kind}", "{id}"}


def _with_code(template: str) -> str:
    named = re.findall(r"\{[^{}]*\}", template)
    if "{code}" not in named or not set(named) <= _NAMES:
        raise ValueError("must have {code} in it, and nothing in braces but {code}, {kind} and {id}")
    return template


PagePath = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9_{][\x21-\x7e]*$", max_length=500), AfterValidator(_with_code)
]
# The host is fixed, whatever is put in.
PageUrl = Annotated[
    str,
    StringConstraints(pattern=r"^https?://[A-Za-z0-9.:-]+/[\x21-\x7e]*$", max_length=500),
    AfterValidator(_with_code),
]


class SharingSettings(BaseModel):
    """A part of millpond.settings.Settings."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    share_mini_program_path: PagePath = "pages/{kind}/index?id={id}&scene={code}"
    """The mini-program's page that a card opens; `{code}` is replaced by the share's code, `{kind}` by room, session,
    product or campaign, `{id}` by its id."""

    share_h5_url: PageUrl | None = None
    """The page of the web that a share opens, as `https://shop.example/{kind}/{id}?s={code}`; without it there is
    none."""

    share_short_url: PageUrl | None = None
    """What leads to this server's `/s/{code}` from outside, as `https://shop.example/s/{code}`; without it no short
    links are given out."""

    touches_kept_days: int = Field(default=KEPT.days, ge=1, le=1_826)
    """Days for which visits through shares are kept; longer where a rule of credit, the house's too, counts more."""

    def link_templates(self) -> LinkTemplates:
        """What links are made with."""
        return LinkTemplates(self.share_mini_program_path, self.share_h5_url, self.share_short_url)
