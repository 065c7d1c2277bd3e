"""A poster drawn with Pillow: every part has its own place, and nothing of it ever shows outside.

Runs in a thread (see `referrals.drawing_room`); nothing here is shared between threads but what is never changed.
"""

import io
import threading
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import noto_cjk_sans_otc
from PIL import Image, ImageDraw, ImageFont, ImageOps

from referrals.poster_template import NAME, Subject, Template
from referrals.poster_text import clip, tidy, wrap

WIDTH_PX: Final = 750  # of the design that mini-programs are laid out by
HEIGHT_PX: Final = 1_200
JPEG_QUALITY: Final = 88
CODE_SIDE_PX: Final = 260
FACE: Final = 2  # of the collection: simplified Chinese
REVISION: Final = 1  # counted up when the same things come to look different, so that nobody keeps the old ones
LARGE_LINES: Final = 5
_NO_SIGN: Final = "\U0010ffff"  # never assigned: what the font shows for signs that it does not have

Box = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a text goes: its box, the size of the type, and how many lines there is room for."""

    box: Box
    size_px: int
    lines_max: int = 1


PICTURE_BOX: Final[Box] = (40, 130, 710, 800)
CODE_BOX: Final[Box] = (450, 850, 450 + CODE_SIDE_PX, 850 + CODE_SIDE_PX)
HEADLINE: Final = Place((40, 36, 710, 110), 46)
TITLE: Final = Place((40, 824, 430, 930), 36, 2)
ITEM: Final = Place((40, 934, 430, 980), 26)
PRICE: Final = Place((40, 984, 430, 1050), 42)
SHARER: Final = Place((40, 1060, 430, 1110), 28)
FOOTER: Final = Place((40, 1136, 710, 1180), 24)
LARGE: Final = Place((100, 240, 650, 700), 64, LARGE_LINES)  # in place of a picture

_own = threading.local()


def font(size_px: int) -> ImageFont.FreeTypeFont:
    """The font at a size, of this thread: FreeType's faces are not for two at a time."""
    fonts: dict[int, ImageFont.FreeTypeFont] = _own.__dict__.setdefault("fonts", {})
    if size_px not in fonts:
        path, plain = str(noto_cjk_sans_otc.FONT_PATH), ImageFont.Layout.BASIC
        fonts[size_px] = ImageFont.truetype(path, size_px, index=FACE, layout_engine=plain)
    return fonts[size_px]


@lru_cache(maxsize=16_384)
def is_drawn(sign: str) -> bool:
    """Whether the font has a sign. Those that it has not would be boxes, and are left out."""
    if sign == " ":
        return True
    face = font(24)
    return bytes(face.getmask(sign)) != bytes(face.getmask(_NO_SIGN))


def draw(template: Template, subject: Subject, picture: Image.Image | None, code: Image.Image) -> bytes:
    """The poster as a JPEG. `picture` None: without one; `code` is made to fit its place."""
    canvas = Image.new("RGB", (WIDTH_PX, HEIGHT_PX), template.background)
    ImageDraw.Draw(canvas).rectangle(_inner(PICTURE_BOX), fill=template.panel)
    if picture is not None and template.show_picture:
        canvas.paste(ImageOps.fit(picture, _size(PICTURE_BOX), Image.Resampling.LANCZOS), PICTURE_BOX[:2])
    else:
        _write(canvas, LARGE, subject.item or subject.title, template.ink)
    for place, text, colour in _texts(template, subject):
        _write(canvas, place, text, colour)
    _paste_code(canvas, code)
    out = io.BytesIO()
    canvas.save(out, "JPEG", quality=JPEG_QUALITY, subsampling=0)  # the edges of the code stay sharp
    return out.getvalue()


def _texts(template: Template, subject: Subject) -> list[tuple[Place, str, str]]:
    texts = [
        (HEADLINE, template.headline, template.accent),
        (TITLE, subject.title, template.ink),
        (ITEM, subject.item or "", template.ink),
        (FOOTER, template.footer, template.ink),
    ]
    if template.show_price and subject.prices is not None:
        texts.append((PRICE, subject.prices.text(), template.accent))
    if template.show_sharer and (line := _sharer_line(template, subject)):
        texts.append((SHARER, line, template.ink))
    return texts


def _sharer_line(template: Template, subject: Subject) -> str:
    """The name is clipped, and what the merchant says of it stays whole; nothing where there is no name to show."""
    name = tidy(subject.sharer_name or "", is_drawn)
    if not name:
        return ""
    measure = font(SHARER.size_px).getlength
    room_px = _size(SHARER.box)[0] - measure(tidy(template.sharer_line.replace(NAME, ""), is_drawn)) - SHARER.size_px
    return template.sharer_line.replace(NAME, clip(name, max(room_px, 2 * SHARER.size_px), measure))


def _write(canvas: Image.Image, place: Place, text: str, colour: str) -> None:
    """Write on a sheet of the place's own size, so that no sign, however tall, shows anywhere else."""
    width_px, height_px = _size(place.box)
    face = font(place.size_px)
    sheet = Image.new("L", (width_px, height_px), 0)
    pen = ImageDraw.Draw(sheet)
    lines = wrap(tidy(text, is_drawn), width_px, place.lines_max, face.getlength)
    for number, line in enumerate(lines):
        pen.text((0, number * height_px // place.lines_max), line, fill=255, font=face)
    canvas.paste(Image.new("RGB", sheet.size, colour), place.box[:2], sheet)


def _paste_code(canvas: Image.Image, code: Image.Image) -> None:
    """In the middle of its place, on white; one that is larger is made smaller."""
    sheet = Image.new("RGB", _size(CODE_BOX), "#ffffff")
    if max(code.size) > CODE_SIDE_PX:
        code = ImageOps.contain(code, sheet.size, Image.Resampling.LANCZOS)
    left, top = ((whole - part) // 2 for whole, part in zip(sheet.size, code.size, strict=True))
    sheet.paste(code, (left, top))
    canvas.paste(sheet, CODE_BOX[:2])


def _size(box: Box) -> tuple[int, int]:
    return box[2] - box[0], box[3] - box[1]


def _inner(box: Box) -> Box:
    """The same as Pillow's rectangles have it: with the last row and column in it."""
    return box[0], box[1], box[2] - 1, box[3] - 1
