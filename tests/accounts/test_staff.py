"""Staff come in with a fixed token from the settings, each for one merchant."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.staff import StaffDoor, StaffTokens
from accounts.tokens import ACCESS_TTL_S, Claims
from keel.clock import FakeClock
from keel.identity import Principal, Role
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


async def test_an_access_token_of_staff_says_who_as_what_and_where(shop):
    hua = await shop.member(role=Role.OPERATOR)
    assert shop.here.staff(hua.access) == Principal(shop.by.merchant_id, hua.subject_id, Role.OPERATOR)


async def test_a_token_that_we_signed_but_that_says_no_role_is_nobodys(shop):
    claims = {"staff_id": IDS.new(), "merchant_id": POND, "sign_in_id": IDS.new(), "ttl_s": ACCESS_TTL_S}
    for role in ("", "root", "Owner", "owner "):
        assert shop.here.staff(shop.people.tokens.sign_staff(role=role, **claims)) is None
    assert shop.here.staff(shop.people.tokens.sign_staff(role="owner", **claims)) is not None


async def test_a_customers_token_that_claims_a_role_opens_no_staff_door(shop):
    boastful = Claims(IDS.new(), POND, shop.clock.ms() // 1000 + 60, role="owner")
    assert shop.here.staff(shop.people.tokens._signed(boastful)) is None


async def test_a_fixed_token_and_an_access_token_open_the_same_door(shop):
    hua = await shop.member()
    door = StaffDoor(STAFF, shop.people.tokens, shop.here.denials)
    fixed, signed_in = door.authenticate(f"Bearer {OF_POND}"), door.authenticate(f"Bearer {hua.access}")
    assert (fixed and fixed.merchant_id, signed_in and signed_in.subject) == (POND, hua.subject_id)
    for nobody in (None, "", "Bearer", f"Basic {hua.access}", "Bearer \u20ac", f"Bearer {hua.refresh}"):
        assert door.authenticate(nobody) is None
