"""Where a shop and its campaigns go by several rules: who won a buyer keeps him as long as that rule says."""

from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from referrals.attributing import Came, Case, Decision, Why, decide
from referrals.crediting import WHOLE
from referrals.rule import HOUSE_RULE, Model, Rule, Rulebook, SelfPurchase
from tests.referrals.test_attributing import BOOKS, BUYER, PLACED, SHARERS, TOUCHES, came, credited, judge, rule, why

BOUND, LAST = rule(Model.PERMANENT_BIND), rule(campaign="spring")
OTHERS = [sharer for sharer in SHARERS if sharer != BUYER]


def test_who_is_bound_stays_with_whom_he_has_whatever_campaign_he_comes_through():
    decision = judge(came("anna", 900), came("bert", 1, "spring"), by=BOUND, campaign=LAST)
    assert (credited(decision), decision.rule) == ({"anna": WHOLE}, BOUND)
    assert why(decision) == {"bert's spring": Why.BOUND}


def test_a_campaign_that_binds_does_so_against_the_shops_links_too():
    binding = replace(BOUND, campaign="spring")
    decision = judge(came("anna", 900, "spring"), came("bert", 1), campaign=binding)
    assert (credited(decision), decision.rule) == ({"anna": WHOLE}, binding)
    assert why(decision) == {"bert's": Why.BOUND}


@pytest.mark.parametrize(("campaign", "other"), [(None, "spring"), ("spring", None)])
def test_a_buyer_is_protected_under_the_rule_by_which_he_was_won(campaign: str | None, other: str | None):
    protecting, not_protecting = rule(protected_days=4, campaign=campaign), rule(campaign=other)
    shop, spring = (protecting, not_protecting) if campaign is None else (not_protecting, protecting)
    within, after = came("bert", 3, other), came("bert", 1, other)
    decision = judge(came("anna", 6, campaign), within, by=shop, campaign=spring)
    assert (credited(decision), decision.rule) == ({"anna": WHOLE}, protecting)
    assert why(decision) == {within.share_id: Why.PROTECTED}
    decision = judge(came("anna", 6, campaign), after, by=shop, campaign=spring)
    assert (credited(decision), decision.rule) == ({"bert": WHOLE}, not_protecting), "protection has an end"


def test_the_same_sharers_campaign_takes_nothing_from_what_keeps_the_buyer():
    """The order goes by the campaign's rule, and is the same sharer's."""
    history = came("anna", 900), came("anna", 5, "spring"), came("bert", 1, "spring")
    decision = judge(*history, by=BOUND, campaign=LAST)
    assert (credited(decision), decision.rule) == ({"anna": WHOLE}, LAST)
    assert why(decision) == {"anna's": Why.OTHER_CAMPAIGN, "bert's spring": Why.BOUND}


def test_nor_does_the_same_sharers_other_link_give_him_back_to_whoever_came_before():
    """By the shop's rule alone Anna would be credited: she was the first."""
    history = came("anna", 6), came("bert", 5, "spring"), came("bert", 1)
    binding = replace(BOUND, campaign="spring")
    decision = judge(*history, by=rule(Model.FIRST_TOUCH), campaign=binding)
    assert credited(decision) == {"bert": WHOLE}
    assert why(decision) == {"anna's": Why.BOUND, "bert's spring": Why.OTHER_CAMPAIGN}
    assert credited(judge(*history, by=rule(Model.FIRST_TOUCH), campaign=LAST)) == {"anna": WHOLE}


def test_who_is_kept_by_nobody_is_won_by_a_campaign():
    decision = judge(came("anna", 3), came("bert", 1, "spring"), campaign=LAST)
    assert (credited(decision), decision.rule) == ({"bert": WHOLE}, LAST)


def test_who_was_passed_over_is_not_bound_by_that_visit():
    """Bert kept him when Cleo's link would have bound him, and did not any more when she came again."""
    guarding = rule(protected_days=2, campaign="spring")
    history = came("bert", 6, "spring"), came("cleo", 5), came("anna", 3), came("cleo", 2)
    assert credited(judge(*history, by=BOUND, campaign=guarding)) == {"anna": WHOLE}


def stands(each: Came, by: Rule) -> bool:
    own = each.sharer_id == BUYER and by.self_purchase is SelfPurchase.REFUSE
    return not each.over and not own and by.counts(each.at, PLACED)


def expected_of_two(first: Came, second: Came, book: Rulebook) -> Came | None:
    """Who is credited of two visits by rules of the last touch or for good, said in another way."""
    standing = [each for each in (first, second) if stands(each, book.of(each.campaign))]
    if len(standing) < 2:
        return standing[0] if standing else None
    kept_s = book.of(first.campaign).protected_for_s
    kept = kept_s is None or (second.at - first.at).total_seconds() < kept_s
    return first if kept else second


TWO = st.lists(
    st.builds(
        came, st.sampled_from(OTHERS), st.integers(0, 40).map(lambda n: n / 4), st.sampled_from([None, "spring"])
    ),
    min_size=2,
    max_size=2,
    unique_by=(lambda each: each.sharer_id, lambda each: each.at),
)


@given(TWO, BOOKS)
def test_of_two_visits_the_first_keeps_the_buyer_or_loses_him(visits, book):
    first, second = sorted(visits, key=lambda each: each.at)
    assume({book.of(each.campaign).model for each in visits} <= {Model.LAST_TOUCH, Model.PERMANENT_BIND})
    winner = expected_of_two(first, second, book)
    found = decide(Case(PLACED, 100, frozenset({BUYER}), visits), book)
    assert credited(found) == ({} if winner is None else {winner.sharer_id: WHOLE})


BEFORE = st.lists(
    st.builds(
        came, st.sampled_from(SHARERS), st.integers(12, 40).map(lambda n: n / 4), st.sampled_from([None, "spring"])
    ),
    max_size=6,
    unique_by=lambda each: each.touch_id,
)
LATER = st.lists(
    st.builds(
        came, st.sampled_from(SHARERS), st.integers(0, 11).map(lambda n: n / 4), st.sampled_from([None, "spring"])
    ),
    max_size=6,
    unique_by=lambda each: each.touch_id,
)


@given(BEFORE, LATER, BOOKS)
def test_who_is_bound_is_never_credited_to_anybody_else_whatever_comes_later(before, later, book):
    bound = decided(before, book)
    assume(bound.credits and bound.rule.model is Model.PERMANENT_BIND)
    assert credited(decided([*before, *later], book)) == {bound.credits[0].sharer_id: WHOLE}


@given(TOUCHES, BOOKS)
def test_who_tried_to_win_a_protected_buyer_changes_nothing(touches, book):
    """Whether he tried or not, the same are credited under the same rule."""
    decision = decided(touches, book)
    tried = {(passed.share_id, passed.at) for passed in decision.passed if passed.why is Why.PROTECTED}
    again = decided([each for each in touches if (each.share_id, each.at) not in tried], book)
    assert (again.credits, again.rule, again.outcome) == (decision.credits, decision.rule, decision.outcome)


def decided(touches: list[Came], book: Rulebook) -> Decision:
    return decide(Case(PLACED, 100, frozenset({BUYER}), touches), book)


def test_a_book_without_campaigns_goes_by_one_rule():
    assert decided([came("anna", 2, "spring"), came("bert", 1)], Rulebook()).rule == HOUSE_RULE
