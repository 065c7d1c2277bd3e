"""What a poster says of prices, and what the house's own template is like."""

import re

import pytest

from referrals.poster_template import COLOUR_SHAPE, FOOTER_CHARS_MAX, HEADLINE_CHARS_MAX, NAME, Prices, Template


@pytest.mark.parametrize(
    ("prices", "text"),
    [
        (Prices("CNY", 14_900, 14_900), "¥149.00"),
        (Prices("CNY", 14_900, 19_905), "¥149.00–199.05"),
        (Prices("CNY", 0, 0), "¥0.00"),
        (Prices("USD", 5, 5), "$0.05"),
        (Prices("JPY", 1_490_000, 1_490_000), "¥1,490,000"),
        (Prices("KWD", 1_005, 1_005), "KWD 1.005"),
        (Prices("CHF", 1_200, 1_200), "CHF 12.00"),
    ],
)
def test_prices_are_as_people_read_them(prices, text):
    assert prices.text() == text


def test_the_house_s_own_template_is_one_that_a_merchant_could_have_put():
    house = Template()
    assert all(re.match(COLOUR_SHAPE, each) for each in (house.background, house.panel, house.ink, house.accent))
    assert len(house.headline) <= HEADLINE_CHARS_MAX
    assert len(house.footer) <= FOOTER_CHARS_MAX
    assert NAME in house.sharer_line
