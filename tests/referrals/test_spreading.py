"""How a tree grew, in figures: sums, the K-factor as it is defined, and names for others."""

import pytest

from referrals.spreading import Figures, Money, followed_by, growth_of, masked, sum_of

GENERATIONS = [
    Figures(shares=2, visitors=10),
    Figures(shares=6, visitors=20),
    Figures(shares=2, visitors=0),
]


def test_k_is_visitors_per_share_times_the_part_of_them_who_shared_on():
    growth = growth_of(GENERATIONS)
    assert growth.visitors_per_share == 3.0  # 30 visitors of 10 shares
    assert growth.shared_on == pytest.approx(8 / 30, abs=1e-4)  # of whom 8 shared on
    assert growth.k == 0.8
    assert growth.k == pytest.approx(3.0 * 8 / 30)


def test_depth_and_breadth_are_of_shares():
    assert (growth_of(GENERATIONS).depth, growth_of(GENERATIONS).breadth) == (2, 6)
    assert (growth_of([]).depth, growth_of([]).breadth, growth_of([]).k) == (0, 0, None)


def test_a_generations_k_is_the_next_ones_shares_for_each_of_its_own():
    assert followed_by(GENERATIONS) == [3.0, 0.3333, None]
    assert followed_by([]) == []


def test_money_is_summed_by_currency_and_never_across():
    money = [Money("USD", placed=1), Money("CNY", placed=2, paid=1), Money("CNY", placed=3, lapsed=4)]
    assert sum_of(money) == [Money("CNY", placed=5, paid=1, lapsed=4), Money("USD", placed=1)]


@pytest.mark.parametrize(
    ("name", "shown"),
    [("Hua of the mill", "H＊"), ("华", "华＊"), (None, "＊"), ("  ", "＊"), ("\u202egnp", "＊"), ("<b>", "<＊")],
)
def test_others_see_the_first_sign_of_a_name(name, shown):
    assert masked(name) == shown
