"""Pictures of unknown origin: a few kinds are read, by what they are and not by what they are called."""

import io
import struct
import zlib
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis.strategies import binary, integers
from PIL import Image

from referrals.errors import BadPicture
from referrals.picture_reading import KEPT_SIDE_PX, PIXELS_MAX, SCANS_MAX, picture_of, reduced
from tests.referrals.posters import animated, picture


def png_head(width: int, height: int) -> bytes:
    """A PNG that says it is so large, and has next to nothing in it."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(1_000))) + chunk(b"IEND", b"")
    )


def greys(data: bytes) -> tuple[int, int]:
    """The darkest and the lightest of a picture that was read."""
    found: Any = picture_of(reduced(data)).convert("L").getextrema()
    return found[0], found[1]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_pictures_of_three_kinds_are_read(kind):
    assert picture_of(reduced(picture(kind))).size == (300, 200)


def test_a_jpeg_of_many_scans_is_refused_before_any_is_walked():
    data = picture("JPEG")
    at = data.index(b"\xff\xda")
    with pytest.raises(BadPicture):
        reduced(data[:at] + b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00" * (SCANS_MAX + 1) + data[at:])


def test_a_large_picture_is_kept_small():
    small = picture_of(reduced(picture(size=(4_000, 2_000))))
    assert max(small.size) <= KEPT_SIDE_PX


@pytest.mark.parametrize(("mode", "colour", "shown"), [("L", 90, 90), ("I;16", 23_040, 90), ("LA", (90, 255), 90)])
def test_grey_stays_as_grey_as_it_was(mode, colour, shown):
    out = io.BytesIO()
    Image.new(mode, (64, 64), colour).save(out, "PNG")
    low, high = greys(out.getvalue())
    assert shown - 3 < low <= high < shown + 3


@pytest.mark.parametrize("mode", ["1", "P", "CMYK", "YCbCr"])
def test_pictures_in_other_colours_are_read(mode):
    out = io.BytesIO()
    Image.new("RGB", (64, 64), "#ffffff").convert(mode).save(out, "JPEG" if mode in {"CMYK", "YCbCr"} else "PNG")
    assert greys(out.getvalue())[0] > 250


def test_what_shines_through_is_paper():
    out = io.BytesIO()
    Image.new("RGBA", (64, 64), (0, 0, 0, 0)).save(out, "PNG")
    assert greys(out.getvalue())[0] == 255


def test_a_picture_that_was_taken_sideways_stands():
    exif = Image.Exif()
    exif[0x0112] = 6
    assert picture_of(reduced(picture(exif=exif))).size == (200, 300)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not_a_picture"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not_a_picture"),
        (picture("GIF"), "not_a_picture"),
        (picture("BMP"), "not_a_picture"),
        (picture("TIFF"), "not_a_picture"),
        (picture(size=(2, 2)), "not_a_picture"),
        (animated("WEBP"), "animated"),
        (animated("PNG"), "animated"),
        (png_head(8_001, 16), "too_many_pixels"),
        (png_head(5_000, PIXELS_MAX // 5_000 + 1), "too_many_pixels"),
        (png_head(50_000, 50_000), "too_many_pixels"),
        (png_head(300, 300), "damaged"),
        (picture(size=(900, 900))[:-300], "damaged"),
        (picture("PNG", size=(900, 900))[:300], "damaged"),
    ],
)
def test_a_bad_picture_is_refused_with_its_reason(data, reason):
    with pytest.raises(BadPicture) as refused:
        reduced(data)
    assert refused.value.reason == reason


@settings(max_examples=60)
@given(integers(0, 2_000), binary(min_size=1, max_size=8))
def test_a_picture_with_any_bytes_changed_is_read_or_refused(at, other):
    for kind in ("JPEG", "PNG", "WEBP"):
        good = picture(kind)
        place = at % len(good)
        with suppress(BadPicture):
            reduced(good[:place] + other + good[place + len(other) :])
