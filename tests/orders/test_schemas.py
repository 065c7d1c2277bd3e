"""What a buyer sends is read strictly, and the same wish has the same fingerprint however it is written."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.model import LINES_MAX, UNITS_PER_LINE_MAX
from keel.clock import FakeClock
from keel.errors import Malformed
from keel.ids import Ids
from orders.schemas import (
    BODY_BYTES_MAX,
    LineRequest,
    OrderRequest,
    Recipient,
    _remembered,
    fingerprint_of,
    known,
    read_order,
)

IDS = Ids(FakeClock())
BUYER = IDS.new()
ITEMS = [IDS.new() for _ in range(6)]
LINES = st.lists(
    st.fixed_dictionaries({"item_id": st.sampled_from(ITEMS), "quantity": st.integers(1, 400)}),
    min_size=1,
    max_size=LINES_MAX,
)
PRINTABLE = st.text(alphabet="".join(map(chr, range(0x20, 0x7F))), max_size=64)
WISHES = st.fixed_dictionaries(
    {"lines": LINES},
    optional={
        "expected_total": st.integers(0, 2**63 - 1) | st.none(),
        "share_code": PRINTABLE | st.none(),
        "recipient": st.fixed_dictionaries(
            {"name": st.just("华"), "phone": st.just("+86 1"), "address": st.sampled_from(["Lane 1", "一号 🏠"])}
        ),
        "ticket": PRINTABLE,
    },
)


def read(wish: Any) -> OrderRequest:
    return read_order(json.dumps(wish).encode())


def fingerprint(wish: Any) -> str:
    return fingerprint_of(read(wish), salt=BUYER)


@given(WISHES)
def test_a_good_wish_is_read_as_it_was_sent(wish):
    request = read(wish)
    assert [(line.item_id, line.quantity) for line in request.lines] == [
        (line["item_id"], line["quantity"]) for line in wish["lines"]
    ]
    assert (request.expected_total, request.share_code) == (wish.get("expected_total"), wish.get("share_code"))
    assert request.recipient == (Recipient(**wish["recipient"]) if "recipient" in wish else None)


@given(WISHES, st.randoms())
def test_the_same_wish_has_the_same_fingerprint_whatever_its_order_and_spacing(wish, random):
    lines = random.sample(wish["lines"], len(wish["lines"]))
    members = random.sample(sorted((wish | {"lines": lines}).items()), len(wish))
    loose = json.dumps(dict(members), indent=random.randint(0, 4), ensure_ascii=random.random() < 0.5)
    request = read_order(loose.encode())
    assert fingerprint_of(request, salt=BUYER) == fingerprint(wish)


@given(WISHES, WISHES)
def test_another_wish_has_another_fingerprint(one, other):
    same = meaning(one) == meaning(other)
    assert (fingerprint(one) == fingerprint(other)) is same


def meaning(wish: Any) -> Any:
    request = read(wish)
    return request.units, request.expected_total, request.share_code, request.recipient


def test_lines_of_one_item_are_one_line_of_as_many():
    twice = [{"item_id": ITEMS[0], "quantity": 2}, {"item_id": ITEMS[0], "quantity": 3}]
    assert fingerprint({"lines": twice}) == fingerprint({"lines": [{"item_id": ITEMS[0], "quantity": 5}]})


def test_a_newer_ticket_is_the_same_wish():
    lines = [{"item_id": ITEMS[0], "quantity": 1}]
    assert fingerprint({"lines": lines, "ticket": "old"}) == fingerprint({"lines": lines, "ticket": "new"})


def test_a_member_that_is_null_is_one_that_is_not_there():
    lines = [{"item_id": ITEMS[0], "quantity": 1}]
    nulls = dict.fromkeys(["expected_total", "share_code", "recipient", "ticket"])
    assert fingerprint({"lines": lines} | nulls) == fingerprint({"lines": lines})


def test_a_fingerprint_is_short_and_hexadecimal():
    text = fingerprint({"lines": [{"item_id": ITEMS[0], "quantity": 1}]})
    assert len(text) == 32
    assert int(text, 16) >= 0


@given(LINES)
def test_units_add_up_by_item(lines):
    units = read({"lines": lines}).units
    assert sum(units.values()) == sum(line["quantity"] for line in lines)
    assert units.keys() == {line["item_id"] for line in lines}


def test_lines_of_one_item_may_not_add_up_to_too_many():
    lines = [{"item_id": ITEMS[0], "quantity": UNITS_PER_LINE_MAX}, {"item_id": ITEMS[0], "quantity": 1}]
    with pytest.raises(Malformed):
        assert read({"lines": lines}).units


@given(st.binary(max_size=BODY_BYTES_MAX))
def test_whatever_comes_is_an_order_or_malformed(body):
    try:
        request = read_order(body)
    except Malformed as refusal:
        document = refusal.document()
    else:
        document = {"detail": str(len(request.lines))}
    assert 0 < len(document["detail"]) <= 300


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["", "\x00", "华", "\ud800"])
    | st.sampled_from(ITEMS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["item_id", "quantity"]), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["lines", "expected_total", "recipient", "ticket", "x"]), JSON))
def test_whatever_json_comes_is_an_order_or_malformed(wish):
    try:
        request = read(wish)
    except Malformed:
        return
    assert 1 <= len(request.lines) <= LINES_MAX
    assert all(1 <= line.quantity <= UNITS_PER_LINE_MAX for line in request.lines)


PERSON = {"name": "华", "phone": "1", "address": "一号"}


@pytest.mark.parametrize("key", ["recipient", "\\u0072ecipient"])
def test_what_tells_of_a_person_is_not_remembered(key):
    before = _remembered.cache_info().currsize
    body = json.dumps({"lines": [{"item_id": ITEMS[0], "quantity": 7}], "recipient": PERSON}).replace("recipient", key)
    assert read_order(body.encode()).recipient == Recipient(**PERSON)
    assert _remembered.cache_info().currsize == before


def test_a_body_is_worked_out_once_and_equal_bodies_share_it():
    body = json.dumps({"lines": [{"item_id": ITEMS[0], "quantity": 8}]}).encode()
    assert read_order(body) is read_order(bytes(bytearray(body)))


def test_a_request_that_came_another_way_shares_what_was_worked_out():
    one, other = (OrderRequest([LineRequest(ITEMS[0], 9)], share_code="pond") for _ in range(2))
    assert known(one) is known(other)
    assert (known(one).lines, known(one).share_code) == (one.lines, "pond")


@pytest.mark.parametrize(
    "more", [{"recipient": Recipient(**PERSON)}, {"ticket": "a ticket"}, {"lines": [LineRequest(ITEMS[0], 1)] * 5}]
)
def test_a_request_that_is_long_or_tells_of_a_person_is_not_remembered(more):
    before = _remembered.cache_info().currsize
    request = OrderRequest(**{"lines": [LineRequest(ITEMS[0], 10)]} | more)
    assert known(request) is request
    assert _remembered.cache_info().currsize == before
