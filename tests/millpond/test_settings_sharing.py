"""The settings of links: the host is fixed, and what is put in is known."""

import pytest
from pydantic import ValidationError

from millpond.settings import Settings


def test_what_is_set_becomes_the_templates():
    settings = Settings(
        share_h5_url="https://shop.example/{kind}/{id}?s={code}", share_short_url="http://s.cn/s/{code}"
    )
    templates = settings.link_templates()
    assert (templates.h5, templates.short) == (settings.share_h5_url, settings.share_short_url)
    assert (Settings().link_templates().h5, Settings().link_templates().short) == (None, None)


@pytest.mark.parametrize(
    "wrong",
    [
        {"share_h5_url": "https://shop.example/{id}"},
        {"share_h5_url": "https://{code}.example/"},
        {"share_h5_url": "https://shop.example/{code}/{sharer}"},
        {"share_h5_url": "javascript:alert('{code}')"},
        {"share_h5_url": "https://shop.example/{code} x"},
        {"share_short_url": "/s/{code}"},
        {"share_short_url": "https://user@shop.example/{code}"},
        {"share_mini_program_path": "pages/index"},
        {"share_mini_program_path": "//evil/{code}"},
    ],
)
def test_what_does_not_fit_is_refused(wrong: dict[str, str]):
    with pytest.raises(ValidationError):
        Settings(**wrong)  # type: ignore[arg-type]
