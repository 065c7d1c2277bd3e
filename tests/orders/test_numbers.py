"""Whoever reads out a number finds the order, also when he mistakes a sign that looks like another."""

from hypothesis import given
from hypothesis import strategies as st

from keel.clock import FakeClock
from keel.ids import Ids
from orders.model import order_number
from orders.numbers import canonical_number, id_of_number, ids_of_number

MOMENTS_MS = st.integers(1_577_836_800_000, 3_700_000_000_000)


@given(ms=MOMENTS_MS)
def test_a_number_leads_back_to_its_id(ms: int):
    ids = Ids(FakeClock(ms))
    order_id, next_id = ids.new(), ids.new()
    number = order_number(order_id)
    found = ids_of_number(number)
    assert found.least <= order_id <= found.greatest < next_id, "one tick, and no other order's"
    assert id_of_number(number, [order_id]) == order_id


def test_ids_of_one_tick_are_told_apart_by_their_end():
    one, other = ("01a3185c-5000-7000-8000-000000000001", "01a3185c-5000-7000-8000-000000000002")
    assert id_of_number(order_number(other), [one, other]) == other
    assert id_of_number(order_number(other), [one]) is None


def test_a_number_may_be_typed_as_people_do():
    assert canonical_number("37ef-nd00-003y") == canonical_number("37EF ND00 003Y") == "37EF-ND00-003Y"
    assert canonical_number("37EFNDOO003Y") == "37EF-ND00-003Y", "the letter O is a zero"
    assert canonical_number("iLab-0000-0000") == "11AB-0000-0000"
    for wrong in (
        "",
        "37EF-ND00",
        "37EF-ND00-003U",
        "01a3185c-5000-7000-8000-000000000001",
        "37EF-ND00-003#",
    ):
        assert canonical_number(wrong) is None, wrong
