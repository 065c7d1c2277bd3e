"""Which rule is in force when."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from keel.clock import from_ms
from referrals.rule import HOUSE_RULE, Model, Rule, SelfPurchase, Version, rulebook_at, shops_in_turn

START = from_ms(1_800_000_000_000)


def version(number: int, *, after_s: int, campaign: str | None = None) -> Version:
    rule = Rule(Model.LINEAR, 100, 0, SelfPurchase.ALLOW, campaign, version=number)
    return Version(rule, START + timedelta(seconds=after_s))


def test_before_any_rule_the_houses_counts():
    assert rulebook_at([version(1, after_s=60)], START).shop == HOUSE_RULE


def test_the_newest_version_that_came_into_force_counts():
    versions = [version(1, after_s=1), version(2, after_s=900), version(3, after_s=60)]
    in_force = [rulebook_at(versions, START + timedelta(seconds=s)).shop.version for s in (0, 1, 59, 60, 900)]
    assert in_force == [0, 1, 1, 3, 3]


def test_a_campaign_without_a_rule_goes_by_the_shops():
    book = rulebook_at([version(1, after_s=0), version(1, after_s=0, campaign="spring")], START)
    assert book.of("spring").campaign == "spring"
    assert book.of("winter") == book.of(None) == book.shop


@given(st.permutations([version(n, after_s=n * 7 % 5) for n in range(1, 6)]), st.integers(0, 6))
def test_the_order_of_reading_does_not_matter(versions, second):
    at = START + timedelta(seconds=second)
    assert rulebook_at(versions, at) == rulebook_at(sorted(versions, key=lambda v: v.rule.version), at)


SECONDS = st.integers(0, 9)


@given(st.lists(SECONDS, max_size=6), SECONDS)
def test_the_shops_rules_in_turn_are_those_of_each_moment(in_force, second):
    versions = [version(number, after_s=after_s) for number, after_s in enumerate(in_force, start=1)]
    versions.append(version(9, after_s=3, campaign="spring"))
    at, turns = START + timedelta(seconds=second), shops_in_turn(versions)
    assert [rule for rule, since in turns if since is None or since <= at][-1] == rulebook_at(versions, at).shop
    assert [since for _, since in turns[1:]] == sorted(since for _, since in turns[1:] if since)
