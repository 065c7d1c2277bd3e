"""Posters as they come out: every part in its place, and no name that shows anywhere else."""

import io
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis.strategies import text
from PIL import Image, ImageChops

from referrals.poster_codes import QUIET_MODULES, qr_matrix, qr_of
from referrals.poster_drawing import (
    CODE_BOX,
    HEIGHT_PX,
    LARGE,
    PICTURE_BOX,
    PRICE,
    SHARER,
    WIDTH_PX,
    Box,
    draw,
    is_drawn,
)
from referrals.poster_template import Prices, Subject, Template

LINK = "https://shop.example/s/AbCdEfGhJ"
SUBJECT = Subject("By the pond 池塘边", "刷子", Prices("CNY", 14_900, 14_900), None, "小花")
BLUE = "#3a6ea5"
HOSTILE = [
    "\u202eeman ym si siht",
    "Z" + "\u0334\u0335\u0336\u0337\u0338" * 2_000,
    "😀" * 50,
    "\u200b\u200c\u200d\ufeff",
    "line\nline\r\nline\u2028line",
    "x" * 10_240,
    "\ufdfd\ufdfd\ufdfd",
    "𒐫𒐫𒐫",
    "{name}{name}",
    "\x00\ud800\U0010ffff",
    "",
]


def drawn(subject: Subject = SUBJECT, template: Template | None = None, picture: Image.Image | None = None):
    poster = Image.open(io.BytesIO(draw(template or Template(), subject, picture, qr_of(LINK))))
    poster.load()
    assert (poster.format, poster.size, poster.mode) == ("JPEG", (WIDTH_PX, HEIGHT_PX), "RGB")
    return poster


def differ(one: Image.Image, other: Image.Image) -> Box | None:
    """Where two posters differ, but for what JPEG makes of neighbours."""
    found: Box | None = ImageChops.difference(one, other).convert("L").point(lambda d: 255 * (d > 24)).getbbox()
    return found


def within(inner: Box | None, outer: Box, slack_px: int = 8) -> bool:
    """Whether a difference is inside of a box, give or take a block of JPEG."""
    if inner is None:
        return True
    return (
        inner[0] >= outer[0] - slack_px
        and inner[1] >= outer[1] - slack_px
        and inner[2] <= outer[2] + slack_px
        and inner[3] <= outer[3] + slack_px
    )


def test_the_code_on_the_poster_is_that_of_the_link():
    poster, matrix = drawn().convert("L"), qr_matrix(LINK)
    module_px = (CODE_BOX[2] - CODE_BOX[0]) // len(matrix)
    margin_px = (CODE_BOX[2] - CODE_BOX[0] - module_px * len(matrix)) // 2
    assert all(not any(row) for row in matrix[:QUIET_MODULES]), "a quiet zone around it"
    for y, row in enumerate(matrix):
        for x, dark in enumerate(row):
            place = (CODE_BOX[0] + margin_px + x * module_px, CODE_BOX[1] + margin_px + y * module_px)
            light = poster.getpixel((place[0] + module_px // 2, place[1] + module_px // 2))
            assert (light < 96) if dark else (light > 160), (x, y, light)


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_shows_outside_of_its_place(name):
    assert within(differ(drawn(), drawn(replace(SUBJECT, sharer_name=name))), SHARER.box)


@settings(max_examples=15)
@given(text(max_size=80))
def test_nor_does_any_other_text(name):
    assert within(differ(drawn(), drawn(replace(SUBJECT, sharer_name=name))), SHARER.box)


def test_a_long_name_is_clipped_and_what_the_merchant_says_of_it_stays():
    ends = [drawn(replace(SUBJECT, sharer_name=letter * 300)) for letter in "xX"]
    right = (SHARER.box[2] - 110, *SHARER.box[1:])
    same = drawn(replace(SUBJECT, sharer_name="x" * 301)).crop(right)
    assert differ(ends[0].crop(right), same) is None
    assert differ(ends[0].crop(right), Image.new("RGB", same.size, "#ffffff")) is not None, "the words are there"


def test_a_picture_fills_its_place_and_no_more():
    blue = drawn(picture=Image.new("RGB", (300, 900), BLUE))
    assert within(differ(drawn(), blue), PICTURE_BOX)
    middle = blue.getpixel(((PICTURE_BOX[0] + PICTURE_BOX[2]) // 2, (PICTURE_BOX[1] + PICTURE_BOX[3]) // 2))
    assert all(abs(here - there) < 6 for here, there in zip(middle, (0x3A, 0x6E, 0xA5), strict=True))


def test_without_a_picture_the_title_is_written_large():
    titles = drawn(replace(SUBJECT, item=None)), drawn(replace(SUBJECT, item=None, title="Elsewhere"))
    large = [poster.crop(LARGE.box) for poster in titles]
    assert differ(*large) is not None


def test_a_merchant_leaves_out_what_he_does_not_want():
    plain = Template(show_picture=False, show_price=False, show_sharer=False, headline="", footer="")
    bare = drawn(template=plain, picture=Image.new("RGB", (300, 900), BLUE))
    for box in (PRICE.box, SHARER.box):
        assert differ(bare.crop(box), Image.new("RGB", bare.crop(box).size, plain.background)) is None
    assert differ(bare, drawn(template=plain)) is None, "nor is there the picture"


def test_the_font_has_what_sellers_write_and_says_what_it_has_not():
    assert all(map(is_drawn, "池塘边的好物刷子¥€ぁ한Aé–…，。 "))
    assert not any(map(is_drawn, "😀\ufdfd\U0010ffff"))
