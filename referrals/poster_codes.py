"""Codes as images: of a link, made here, and of a mini-program, made by its platform and looked at here."""

import io
import struct
from typing import Final

import segno
from PIL import Image

from keel.errors import Conflict
from referrals.poster_drawing import CODE_SIDE_PX

QUIET_MODULES: Final = 4  # ISO/IEC 18004
MODULE_PX_MIN: Final = 3  # smaller ones are not read from a screen that shows the poster at half its size
CODE_BYTES_MAX: Final = 500_000
_SIDE_PX: Final = (64, 1_500)
_UNREADABLE: Final = (
    OSError, SyntaxError, ValueError, struct.error, Image.DecompressionBombError, Image.DecompressionBombWarning,
)  # fmt: skip


class NoCodeImage(Exception):
    """What a platform sent is no image that could be a code."""


def qr_matrix(link: str) -> list[list[int]]:
    """The modules of a link's code, 1 for dark, with the quiet zone around them."""
    code = segno.make_qr(link, error="m")
    return [list(row) for row in code.matrix_iter(border=QUIET_MODULES)]


def qr_of(link: str) -> Image.Image:
    """The code of a link, with modules of whole pixels. Raises Conflict for a link that is too long to be read."""
    matrix = qr_matrix(link)
    module_px = CODE_SIDE_PX // len(matrix)
    if module_px < MODULE_PX_MIN:
        raise Conflict(detail="the link is too long for a code on a poster")
    image = Image.new("L", (len(matrix), len(matrix)))
    image.putdata([0 if dark else 255 for row in matrix for dark in row])
    side_px = module_px * len(matrix)
    return image.resize((side_px, side_px), Image.Resampling.NEAREST).convert("RGB")


def code_image(data: bytes) -> Image.Image:
    """A platform's code. Raises NoCodeImage for anything else than an image of a code's size."""
    try:
        image = Image.open(io.BytesIO(data), formats=("JPEG", "PNG"))
        if not all(_SIDE_PX[0] <= side <= _SIDE_PX[1] for side in image.size):
            raise NoCodeImage("size")
        image.load()
        return image.convert("RGB")
    except _UNREADABLE as error:
        raise NoCodeImage(type(error).__name__) from error
