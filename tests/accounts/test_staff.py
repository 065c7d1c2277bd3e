"""Staff come in with a fixed token from the settings, each for one merchant."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.staff import StaffTokens
from keel.clock import FakeClock
from keel.ids import Ids

IDS = Ids(FakeClock())
POND, LAKE = IDS.new(), IDS.new()
OF_POND, OF_LAKE = "the token of the pond, long enough", "the token of the lake, long enough"
STAFF = StaffTokens([(OF_POND, POND), (OF_LAKE, LAKE)])


def test_a_token_stands_for_its_own_merchant():
    pond, lake = STAFF.authenticate(f"Bearer {OF_POND}"), STAFF.authenticate(f"bearer {OF_LAKE}")
    assert pond is not None
    assert lake is not None
    assert (pond.merchant_id, pond.role) == (POND, "owner")
    assert (lake.merchant_id, lake.role) == (LAKE, "owner")


def test_the_audit_learns_which_token_and_never_the_token():
    subjects = []
    for token in (OF_POND, OF_LAKE):
        principal = STAFF.authenticate(f"Bearer {token}")
        assert principal is not None
        subjects.append(principal.subject)
    assert subjects == ["staff-token-1", "staff-token-2"]


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        OF_POND,
        f"Basic {OF_POND}",
        f"Bearer  {OF_POND}",
        f"Bearer {OF_POND} ",
        f"Bearer {OF_POND[:-1]}",
        f"Bearer {OF_POND.upper()}",
        f"Bearer {OF_POND},Bearer {OF_LAKE}",
        "Bearer " + "x" * 100_000,
        "Bearer \xff\xfe",
    ],
)
def test_anything_else_is_nobody(header):
    assert STAFF.authenticate(header) is None


@given(st.text(alphabet="".join(map(chr, range(256)))))
def test_whatever_a_header_can_hold_is_nobody_and_nothing_breaks(sent):
    assert STAFF.authenticate(sent) is None
    assert STAFF.authenticate(f"Bearer {sent}") is None


def test_without_tokens_nobody_is_staff():
    assert StaffTokens([]).authenticate("Bearer ") is None
