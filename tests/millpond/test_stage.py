"""Where a drill and a demo find the API."""

import pytest

from millpond.drill_plan import DrillRefused
from millpond.settings import Settings
from millpond.stage import target_of


def test_the_api_is_where_the_settings_say():
    assert target_of(Settings(api_host="0.0.0.0", api_port=81), None)[:2] == ("127.0.0.1", 81)
    assert target_of(Settings(), "https://shop.example")[:2] == ("shop.example", 443)


@pytest.mark.parametrize(("port", "api"), [(0, None), (8000, "shop.example"), (8000, "ftp://shop.example")])
def test_an_api_that_may_be_anywhere_is_asked_for(port, api):
    with pytest.raises(DrillRefused, match="--api"):
        target_of(Settings(api_port=port), api)
