"""What is missing, and how a recipient looks to who need not know him."""

import pytest

from orders.filters import OrderFilter
from orders.recipients import Whom, missing_of
from orders.shown import lines_of_row, whom_of
from orders.store_staff import filter_values

HUA = Whom(name="华小明", phone="+86 13800001234", address="北京市朝阳区一号")


@pytest.mark.parametrize(
    ("state", "whom", "to_be_sent", "missing"),
    [
        ("awaiting_payment", None, True, ["recipient"]),
        ("paid", None, True, ["recipient"]),
        ("paid", HUA, True, []),
        ("paid", None, False, []),
        ("expired", None, True, []),
        ("cancelled", None, True, []),
    ],
)
def test_a_recipient_is_missing_where_something_is_still_to_be_sent(state, whom, to_be_sent, missing):
    assert missing_of(state, whom, to_be_sent=to_be_sent) == missing


def test_a_masked_recipient_can_be_told_from_another_and_not_be_found():
    assert HUA.masked() == Whom(name="华**", phone="***1234", address="***")
    assert Whom(name="x", phone="1234", address="y").masked().phone == "***", "four of four would be all of it"
    assert str(HUA) == repr(HUA) == "Whom(***)", "whatever logs it"


def test_a_row_without_recipient_or_lines_is_no_fault():
    assert whom_of({"name": None, "phone": None, "address": None}) is None
    assert lines_of_row({"lines": None}) == []


def test_a_filter_is_kept_without_what_is_not_given():
    assert filter_values(OrderFilter(total_min=5)) == {"total_min": 5, "rehearsals": "excluded"}
