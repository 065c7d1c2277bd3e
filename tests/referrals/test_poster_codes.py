"""Codes as images: links of every length that can be read, and platforms that send something else."""

import pytest

from keel.errors import Conflict
from referrals.poster_codes import MODULE_PX_MIN, NoCodeImage, code_image, qr_matrix, qr_of
from referrals.poster_drawing import CODE_SIDE_PX
from tests.referrals.posters import picture


@pytest.mark.parametrize("chars", [20, 60, 120, 300])
def test_a_code_has_whole_pixels_and_fits_its_place(chars):
    link = "https://shop.example/" + "a" * (chars - 21)
    image, modules = qr_of(link), len(qr_matrix(link))
    assert image.size[0] % modules == 0
    assert MODULE_PX_MIN * modules <= image.size[0] <= CODE_SIDE_PX


def test_a_link_that_no_phone_would_read_is_refused():
    with pytest.raises(Conflict):
        qr_of("https://shop.example/" + "a" * 600)


def test_a_platform_s_code_is_an_image_of_a_code_s_size():
    assert code_image(picture(size=(430, 430))).size == (430, 430)
    assert code_image(picture("PNG", size=(280, 280))).mode == "RGB"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b'{"errcode": 40001}',
        b"<html>busy</html>",
        picture("GIF", size=(430, 430)),
        picture(size=(430, 430))[:-200],
        picture(size=(5_000, 5_000)),
        picture(size=(4, 4)),
    ],
)
def test_anything_else_is_none(data):
    with pytest.raises(NoCodeImage):
        code_image(data)
