"""Hello is a door like the others: signature, time and deny-list decide."""

from typing import Any

import pytest

from accounts.staff import StaffDoor, StaffTokens
from accounts.tokens import LEEWAY_S, Tokens
from keel.clock import FakeClock
from keel.errors import NotSignedIn
from keel.identity import Role
from keel.ids import Ids
from live.guests import GuestPasses
from live.messages import Hello
from live.reception import Reception
from live.viewers import Viewer

KEYS = {"one": "a secret of thirty-two bytes, or more"}
FIXED = "a fixed staff token, of enough bytes"


class Desk:
    """A reception with everything around it."""

    def __init__(self) -> None:
        self.clock, self.denied = FakeClock(), dict[str, int]()
        self.ids, self.fresh = Ids(self.clock), True
        self.tokens = Tokens(KEYS, self.clock, self.denied)
        self.merchant_id = self.ids.new()
        denials: Any = self
        self.reception = Reception(
            tokens=self.tokens,
            staff=StaffDoor(StaffTokens([(FIXED, self.merchant_id)]), self.tokens, denials),
            guests=GuestPasses(KEYS, self.clock, self.ids),
            denied=self.denied,
            clock=self.clock,
        )

    def customer(self, sub: str, *was: str) -> Viewer:
        token = self.tokens.sign(customer_id=sub, merchant_id=self.merchant_id, ttl_s=60, sign_in_id="s", was=was)
        return self.reception.greet(Hello(token=token))[0]

    def host(self) -> Viewer:
        token = self.tokens.sign_staff(
            staff_id=self.ids.new(), merchant_id=self.merchant_id, role=Role.HOST, sign_in_id="s", ttl_s=60
        )
        return self.reception.greet(Hello(token=token))[0]


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_a_customer_is_good_until_the_token_ends_or_somebody_shuts_him_out(desk):
    viewer = desk.customer(desk.ids.new())
    assert (viewer.merchant_id, viewer.is_guest, viewer.principal) == (desk.merchant_id, False, None)
    assert desk.reception.still_good(viewer)
    desk.clock.advance(s=60 + LEEWAY_S)
    assert not desk.reception.still_good(viewer)
    assert not desk.reception.is_denied(viewer)


def test_the_show_goes_on_without_a_token_but_not_for_staff(desk):
    customer, host = desk.customer(desk.ids.new()), desk.host()
    assert desk.reception.may_stay(customer)
    assert desk.reception.may_stay(host)
    desk.clock.advance(s=100 * 86_400)
    assert desk.reception.may_stay(customer)
    assert desk.reception.may_stay(host) is (host.token is None)
    desk.denied[customer.token.sub] = 1
    assert not desk.reception.may_stay(customer)


@pytest.mark.parametrize("what", ["sid", "sub"])
def test_a_denied_sign_in_or_person_is_out(desk, what):
    for viewer in (desk.customer(desk.ids.new()), desk.host()):
        desk.denied[getattr(viewer.token, what)] = 1
        assert desk.reception.is_denied(viewer)
        assert not desk.reception.still_good(viewer)


def test_staff_are_known_by_both_kinds_of_token(desk):
    host = desk.host()
    assert host.principal.role is Role.HOST
    assert host.claims is None
    desk.clock.advance(s=60 + LEEWAY_S)
    assert not desk.reception.still_good(host)
    fixed, welcome = desk.reception.greet(Hello(token=FIXED))
    assert (fixed.principal.role, welcome.role, welcome.until) == (Role.OWNER, "owner", None)
    desk.clock.advance(s=10**6)
    assert desk.reception.still_good(fixed)


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "é", "x" * 2_048])
def test_nonsense_is_nobody(desk, token):
    with pytest.raises(NotSignedIn):
        desk.reception.greet(Hello(token=token))


def test_who_may_become_whom(desk):
    guest, one, two = desk.reception.greet(Hello())[0], desk.customer(desk.ids.new()), desk.customer(desk.ids.new())
    assert guest.may_become(one)
    assert one.may_become(desk.customer(one.id))
    assert not one.may_become(two)
    assert not one.may_become(guest)
    assert one.may_become(desk.customer(desk.ids.new(), one.id))
