"""Refusals of posters, and what is wrong with pictures."""

from dataclasses import dataclass
from typing import ClassVar

from keel.errors import Refusal


class BadPicture(Exception):
    """A picture that posters do not show; `reason` is one of PictureRefused's."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(eq=False)
class PictureRefused(Refusal):
    """A picture cannot be put on a poster. `reason`: address (not https, or a host that pictures are not taken from),
    unreachable, answer (anything but 200, a redirect too), too_large (bytes), not_a_picture (none, or neither PNG, JPEG
    nor WebP), too_many_pixels, animated, damaged."""

    reason: str
    status: ClassVar = 422
    title: ClassVar = "This picture cannot be put on a poster"


@dataclass(eq=False)
class CodeNotMade(Refusal):
    """The platform makes no code of a mini-program for this share. `reason`: no_app (none is set up), page (it knows no
    such page, or it is not published), app (it does not accept the app's secret), other."""

    reason: str
    status: ClassVar = 409
    title: ClassVar = "The platform makes no code for this mini-program"
