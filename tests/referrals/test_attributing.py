"""Who is credited, for all histories: the same whenever it is asked, and always the whole."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keel.clock import from_ms
from referrals.attributing import Came, Case, CodeState, Decision, Outcome, Why, decide
from referrals.crediting import WHOLE
from referrals.rule import DAY_S, HOUSE_RULE, Model, Rule, Rulebook, SelfPurchase

PLACED: Final = from_ms(1_800_000_000_000)
BUYER: Final = "buyer"
SHARERS: Final = ("anna", "bert", "cleo", BUYER)
MODELS_WITH_CLOCKS: Final = [model for model in Model if model is not Model.PERMANENT_BIND]


def ago(days: float) -> datetime:
    return PLACED - timedelta(days=days)


def came(sharer: str, days: float, campaign: str | None = None, *, over: bool = False) -> Came:
    share_id = f"{sharer}'s" if campaign is None else f"{sharer}'s {campaign}"
    return Came(share_id, sharer, ("root", share_id), campaign, ago(days), f"{share_id} {days}", over)


def rule(
    model: Model = Model.LAST_TOUCH,
    *,
    valid_days: float = 7,
    protected_days: float = 0,
    own: SelfPurchase = SelfPurchase.REFUSE,
    campaign: str | None = None,
) -> Rule:
    if model is Model.PERMANENT_BIND:
        return Rule(model, None, None, own, campaign, version=1)
    return Rule(model, round(valid_days * DAY_S), round(protected_days * DAY_S), own, campaign, version=1)


def judge(*touches: Came, by: Rule = HOUSE_RULE, total: int = 100, campaign: Rule | None = None) -> Decision:
    campaigns = {} if campaign is None or campaign.campaign is None else {campaign.campaign: campaign}
    return decide(Case(PLACED, total, frozenset({BUYER}), touches), Rulebook(by, campaigns))


def credited(decision: Decision) -> dict[str, int]:
    return {credit.sharer_id: credit.part for credit in decision.credits}


def why(decision: Decision) -> dict[str, Why]:
    return {passed.share_id: passed.why for passed in decision.passed}


def test_the_last_who_brought_the_buyer_is_credited():
    decision = judge(came("anna", 3), came("bert", 1))
    assert credited(decision) == {"bert": WHOLE}
    assert (decision.outcome, decision.reason) == (Outcome.CREDITED, "last_touch")
    assert why(decision) == {"anna's": Why.NOT_LAST}


def test_or_the_first_where_the_rule_says_so():
    decision = judge(came("anna", 3), came("bert", 1), by=rule(Model.FIRST_TOUCH))
    assert credited(decision) == {"anna": WHOLE}
    assert why(decision) == {"bert's": Why.NOT_FIRST}


def test_a_visit_counts_up_to_its_last_second():
    at_the_end, after = came("anna", 7), came("anna", 7 + 1 / DAY_S)
    assert credited(judge(at_the_end)) == {"anna": WHOLE}
    assert why(judge(after)) == {"anna's": Why.TOO_OLD}
    assert (judge(after).outcome, judge(after).reason) == (Outcome.NONE, "too_old")


def test_linear_credit_goes_by_visits():
    decision = judge(came("anna", 3), came("bert", 2), came("anna", 1), by=rule(Model.LINEAR))
    assert credited(decision) == {"anna": 666_667, "bert": 333_333}
    assert [credit.amount for credit in decision.credits] == [67, 33]


def test_who_is_protected_stays_with_whom_he_has():
    won, tried = came("anna", 3), came("bert", 1)
    decision = judge(won, tried, by=rule(protected_days=2.5))
    assert credited(decision) == {"anna": WHOLE}
    assert why(decision) == {"bert's": Why.PROTECTED}
    assert credited(judge(won, tried, by=rule(protected_days=2))) == {"bert": WHOLE}, "protection has an end"


def test_each_visit_through_the_same_sharer_protects_anew():
    history = came("anna", 6), came("anna", 4), came("bert", 2)
    assert credited(judge(*history, by=rule(protected_days=3))) == {"anna": WHOLE}


def test_who_does_not_count_any_more_protects_nobody():
    """Anna kept Bert away, but came too long ago to be credited herself."""
    assert credited(judge(came("anna", 9), came("bert", 5), by=rule(protected_days=7))) == {"bert": WHOLE}


def test_a_buyer_is_bound_to_whoever_brought_him_first_for_good():
    decision = judge(came("anna", 900), came("bert", 1), by=rule(Model.PERMANENT_BIND))
    assert credited(decision) == {"anna": WHOLE}
    assert why(decision) == {"bert's": Why.BOUND}


@pytest.mark.parametrize(
    ("own", "outcome", "reason"),
    [
        (SelfPurchase.ALLOW, Outcome.CREDITED, "last_touch"),
        (SelfPurchase.HOLD, Outcome.HELD, "self_purchase"),
        (SelfPurchase.REFUSE, Outcome.NONE, "own_link"),
    ],
)
def test_the_buyers_own_link(own: SelfPurchase, outcome: Outcome, reason: str):
    decision = judge(came(BUYER, 1), by=rule(own=own))
    assert (decision.outcome, decision.reason) == (outcome, reason)
    assert credited(decision) == ({} if outcome is Outcome.NONE else {BUYER: WHOLE})


def test_a_refused_link_of_the_buyers_takes_nothing_from_who_brought_him():
    assert credited(judge(came("anna", 2), came(BUYER, 1))) == {"anna": WHOLE}


def test_a_campaigns_rule_is_for_what_was_shared_for_it():
    spring = rule(Model.FIRST_TOUCH, campaign="spring")
    history = came("anna", 4), came("bert", 3, "spring"), came("cleo", 2, "spring")
    decision = judge(*history, campaign=spring)
    assert decision.rule == spring
    assert credited(decision) == {"bert": WHOLE}
    assert why(decision) == {"cleo's spring": Why.NOT_FIRST, "anna's": Why.OTHER_CAMPAIGN}


def test_the_newest_visit_that_counts_chooses_the_rule():
    spring = rule(valid_days=1, campaign="spring")
    decision = judge(came("anna", 4), came("bert", 3, "spring"), campaign=spring)
    assert decision.rule == HOUSE_RULE
    assert credited(decision) == {"anna": WHOLE}
    assert why(decision) == {"bert's spring": Why.TOO_OLD}


def test_a_campaign_that_is_over_brings_nobody_anything():
    decision = judge(came("anna", 4, "winter", over=True))
    assert (decision.outcome, decision.reason) == (Outcome.NONE, "campaign_over")


def test_the_orders_own_code_is_the_newest_visit():
    through = Came("cleo's", "cleo", ("cleo's",), None, PLACED)
    case = Case(PLACED, 100, frozenset({BUYER}), (came("anna", 0),), CodeState.GOOD, through)
    assert credited(decide(case, Rulebook())) == {"cleo": WHOLE}


def test_the_visit_that_speaks_for_an_orders_code_is_named():
    through = replace(came("anna", 0), touch_id=None)
    decision = decide(Case(PLACED, 1, frozenset({BUYER}), (came("anna", 2),), CodeState.GOOD, through), Rulebook())
    assert [(credit.touch_id, credit.touched_at) for credit in decision.credits] == [("anna's 2", PLACED)]


@pytest.mark.parametrize("code", [CodeState.UNKNOWN, CodeState.FOREIGN, CodeState.EXPIRED])
def test_a_code_that_is_none_is_the_reason_where_there_is_no_other_credit(code: CodeState):
    alone = decide(Case(PLACED, 100, frozenset({BUYER}), (), code), Rulebook())
    assert (alone.outcome, alone.reason) == (Outcome.NONE, f"code_{code}")
    beside = decide(Case(PLACED, 100, frozenset({BUYER}), (came("anna", 1),), code), Rulebook())
    assert credited(beside) == {"anna": WHOLE}


TOUCHES = st.lists(
    st.builds(
        came,
        st.sampled_from(SHARERS),
        st.integers(0, 40).map(lambda quarters: quarters / 4),
        st.sampled_from([None, None, "spring"]),
        over=st.booleans(),
    ),
    max_size=12,
    unique_by=lambda each: each.touch_id,
)
CLOCKS = st.tuples(st.integers(0, 8), st.integers(0, 8)).map(sorted)
RULES = st.one_of(
    st.builds(
        lambda model, clocks, own: rule(model, protected_days=clocks[0], valid_days=clocks[1], own=own),
        st.sampled_from(MODELS_WITH_CLOCKS),
        CLOCKS,
        st.sampled_from(SelfPurchase),
    ),
    st.just(rule(Model.PERMANENT_BIND)),
)
BOOKS = st.builds(
    lambda shop, spring: Rulebook(shop, {} if spring is None else {"spring": replace(spring, campaign="spring")}),
    RULES,
    st.none() | RULES,
)


@given(TOUCHES, BOOKS, st.integers(0, 10**9), st.randoms())
def test_credit_is_the_whole_or_nothing_and_does_not_mind_the_order_of_reading(touches, book, total, chance):
    decision = decide(Case(PLACED, total, frozenset({BUYER}), touches), book)
    parts, amounts = sum(c.part for c in decision.credits), sum(c.amount for c in decision.credits)
    assert (parts, amounts) == ((0, 0) if decision.outcome is Outcome.NONE else (WHOLE, total))
    assert all(credit.part > 0 for credit in decision.credits)
    shuffled = chance.sample(touches, len(touches))
    assert decide(Case(PLACED, total, frozenset({BUYER}), shuffled), book) == decision


@given(TOUCHES, BOOKS)
def test_every_share_that_the_buyer_came_through_is_credited_or_told_why_not(touches, book):
    decision = decide(Case(PLACED, 100, frozenset({BUYER}), touches), book)
    told = [credit.share_id for credit in decision.credits] + [passed.share_id for passed in decision.passed]
    assert sorted(told) == sorted({each.share_id for each in touches})


@given(TOUCHES, BOOKS)
def test_nobody_is_credited_for_what_does_not_count_under_the_rule(touches, book):
    decision = decide(Case(PLACED, 100, frozenset({BUYER}), touches), book)
    for credit in decision.credits:
        assert decision.rule.counts(credit.touched_at, PLACED)
        assert credit.sharer_id != BUYER or decision.rule.self_purchase is not SelfPurchase.REFUSE
