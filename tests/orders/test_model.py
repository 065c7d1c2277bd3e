"""The order's states, and the number that people read: derived, unique within a process, in the order of time."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keel.clock import FakeClock
from keel.ids import Ids, tick_of
from orders.model import NEXT, OrderState, order_number

SIGNS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
MS_2020, MS_2089 = 1_577_836_800_000, 3_776_859_555_551
MS = st.integers(min_value=MS_2020, max_value=MS_2089)


@given(MS)
def test_a_number_is_three_groups_that_nobody_misreads(ms):
    number = order_number(Ids(FakeClock(ms)).new())
    groups = number.split("-")
    assert [len(group) for group in groups] == [4, 4, 4]
    assert set(number) - {"-"} <= set(SIGNS)


@given(MS)
def test_a_number_is_always_the_same_for_an_order(ms):
    order_id = Ids(FakeClock(ms)).new()
    assert order_number(order_id) == order_number(order_id)


@given(MS, MS)
def test_numbers_sort_by_time(one_ms, other_ms):
    one, other = Ids(FakeClock(one_ms)).new(), Ids(FakeClock(other_ms)).new()
    if one_ms != other_ms:
        assert (order_number(one) < order_number(other)) is (one_ms < other_ms)


@given(MS, st.integers(min_value=0, max_value=4_095))
def test_a_number_holds_the_whole_tick_of_its_id_so_that_a_process_never_gives_one_twice(ms, count):
    order_id = Ids(FakeClock(ms)).new(
        above=f"{ms:012x}"[:8] + "-" + f"{ms:012x}"[8:] + f"-7{count:03x}-8000-" + "0" * 12
    )
    value = 0
    for sign in order_number(order_id).replace("-", ""):
        value = value * 32 + SIGNS.index(sign)
    assert value >> 7 == tick_of(order_id) - MS_2020 * 4_096


def test_many_orders_of_a_process_have_as_many_numbers_in_their_order():
    clock = FakeClock()
    ids = Ids(clock)
    numbers = []
    for _ in range(100):
        numbers += [order_number(ids.new()) for _ in range(1_000)]
        clock.advance(ms=1)
    assert all(earlier < later for earlier, later in pairwise(numbers))


def test_two_processes_in_the_same_tick_differ_nearly_always():
    clock = FakeClock()
    numbers = {order_number(Ids(clock).new()) for _ in range(64)}
    assert len(numbers) > 32, "seven random bits of the id are in it"


def test_a_number_by_example():
    assert order_number("01a3185c-5000-7000-8000-000000000000") == "37EF-ND00-0000"
    assert order_number("01a3185c-5000-7fff-8000-00000000007f") == "37EF-ND00-FZZZ"


@pytest.mark.parametrize("state", OrderState)
def test_nothing_comes_back_from_where_it_ended(state):
    assert (NEXT[state] == set()) is (state is not OrderState.AWAITING_PAYMENT)
    assert state not in NEXT[state]
