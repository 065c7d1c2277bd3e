"""Pictures of unknown origin, read with suspicion: by their content, a few kinds only, nothing larger than it may be.

Runs in a thread (see `referrals.drawing_room`).
"""

import io
import struct
from typing import Final

from PIL import Image, ImageOps

from referrals.errors import BadPicture

PIXELS_MAX: Final = 16_000_000
SIDE_PX_MAX: Final = 8_000
SIDE_PX_MIN: Final = 16
KEPT_SIDE_PX: Final = 1_000  # more of it than a poster shows, and no more memory than that
FORMATS: Final = ("JPEG", "PNG", "WEBP")
_PHONE: Final = "MPO"  # a JPEG with further pictures behind it, as phones make them: the first one is the picture
_JPEG: Final = b"\xff\xd8"
_JPEG_SCAN: Final = b"\xff\xda"
SCANS_MAX: Final = 100  # a progressive JPEG has about ten; each is a walk over all blocks, however empty it is
_PALETTES: Final = {"1", "P", "PA"}
_QUALITY: Final = 92
# What Pillow's readers raise over bytes that somebody chose.
_HOSTILE: Final = (
    OSError, SyntaxError, ValueError, TypeError, KeyError, IndexError, OverflowError, EOFError, struct.error,
    ZeroDivisionError, MemoryError,
)  # fmt: skip
_BOMBS: Final = (Image.DecompressionBombError, Image.DecompressionBombWarning)


def reduced(data: bytes) -> bytes:
    """The picture as a JPEG that is no larger than posters need. Raises BadPicture."""
    if data.startswith(_JPEG) and data.count(_JPEG_SCAN) > SCANS_MAX:
        raise BadPicture("damaged")
    picture = _opened(data)
    _check(picture)
    try:
        picture.draft("RGB", (KEPT_SIDE_PX, KEPT_SIDE_PX))  # of a large JPEG no more is decoded than is kept
        picture.load()
        small = _on_white(ImageOps.exif_transpose(_shrunk(picture)))
    except _BOMBS as error:
        raise BadPicture("too_many_pixels") from error
    except _HOSTILE as error:
        raise BadPicture("damaged") from error
    out = io.BytesIO()
    small.save(out, "JPEG", quality=_QUALITY)
    return out.getvalue()


def picture_of(reduced_bytes: bytes) -> Image.Image:
    """What `reduced` made."""
    picture = Image.open(io.BytesIO(reduced_bytes), formats=("JPEG",))
    picture.load()
    return picture


def _opened(data: bytes) -> Image.Image:
    """The head of the picture: no pixel is decoded yet."""
    try:
        return Image.open(io.BytesIO(data), formats=FORMATS)
    except _BOMBS as error:
        raise BadPicture("too_many_pixels") from error
    except _HOSTILE as error:
        raise BadPicture("not_a_picture") from error


def _check(picture: Image.Image) -> None:
    """What the head says is allowed."""
    width_px, height_px = picture.size
    if width_px * height_px > PIXELS_MAX or max(picture.size) > SIDE_PX_MAX:
        raise BadPicture("too_many_pixels")
    if min(picture.size) < SIDE_PX_MIN:
        raise BadPicture("not_a_picture")
    if picture.format != _PHONE and getattr(picture, "is_animated", False):
        raise BadPicture("animated")


def _shrunk(picture: Image.Image) -> Image.Image:
    """Small enough to be kept, in colours that can be mixed."""
    if picture.mode in _PALETTES:
        picture = picture.convert("RGBA")
    elif picture.mode.startswith("I;16"):  # grey in 65,536 steps
        picture = picture.convert("I").point(lambda grey: grey * (1 / 256)).convert("L")
    picture.thumbnail((KEPT_SIDE_PX, KEPT_SIDE_PX))
    return picture


def _on_white(picture: Image.Image) -> Image.Image:
    """Without transparency: what shines through is paper."""
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    sheet = Image.new("RGBA", picture.size, "#ffffff")
    sheet.alpha_composite(picture.convert("RGBA"))
    return sheet.convert("RGB")
