"""Parts always come to the whole."""

from hypothesis import given
from hypothesis import strategies as st

from referrals.crediting import split


def test_who_comes_first_gets_what_is_left():
    assert split(100, [1, 1, 1]) == [34, 33, 33]
    assert split(2, [1, 1, 1]) == [1, 1, 0]


@given(st.integers(0, 10**12), st.lists(st.integers(1, 1_000), min_size=1, max_size=30))
def test_the_parts_come_to_the_whole_and_nobody_is_off_by_one(whole, weights):
    parts = split(whole, weights)
    assert sum(parts) == whole
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part - whole * weight / sum(weights)) <= 1
