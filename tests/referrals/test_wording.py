"""Everything that can be decided can be said."""

import pytest

from referrals.attributing import CodeState, Outcome, Why
from referrals.judgements import shown
from referrals.rule import HOUSE_RULE, Model
from referrals.wording import clocks_in_words, code_in_words, in_words, why_not

REASONS = [*Model, "self_purchase", "own_link", "too_old", "campaign_over", "no_touch"]
BAD = [f"code_{code}" for code in CodeState if code not in {CodeState.NONE, CodeState.GOOD}]


@pytest.mark.parametrize("reason", [*REASONS, *BAD, "rehearsal"])
def test_every_reason_has_its_words(reason: str):
    assert in_words(Outcome.NONE, reason, ["Hua"], ended=False).endswith(".")


def test_names_are_told_and_those_without_one_are_not_made_up():
    assert in_words("credited", "linear", ["Lan", None, "Hua"], ended=False).startswith(
        "The buyer came through links of Hua and Lan and somebody whose name is not shown;"
    )


def test_what_ended_is_said_to_have_ended():
    assert "ended unpaid" in in_words("none", "no_touch", [], ended=True)


@pytest.mark.parametrize("why", Why)
def test_every_why_not_has_its_words(why: Why):
    assert why_not(why).endswith(".")


@pytest.mark.parametrize("code", CodeState)
def test_every_state_of_a_code_has_its_words(code: CodeState):
    assert code_in_words(code).endswith(".")


def test_clocks_are_said_in_the_greatest_unit_that_fits():
    assert clocks_in_words(shown(HOUSE_RULE)) == "A visit counts for 7 days; nobody is protected."
    clocks = {"valid_for_s": 90_000, "protected_for_s": 61}
    assert clocks_in_words(clocks) == "A visit counts for 25 hours; who brought a buyer keeps him for 61 seconds."
