"""Who is credited with an order: decided from values alone, so that the same things known give the same credit,
whenever, wherever and however often it is asked.

Nothing here looks at other orders: which of a buyer's orders is judged first makes no difference.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from referrals.crediting import WHOLE, Credit, split
from referrals.rule import Model, Rule, Rulebook, SelfPurchase

CONSIDERED_MAX: Final = 20  # shares that are named beside the credited ones; the newest


class CodeState(StrEnum):
    """What became of the code that an order brought."""

    NONE = "none"
    GOOD = "good"
    UNKNOWN = "unknown"
    FOREIGN = "foreign"
    EXPIRED = "expired"


class Outcome(StrEnum):
    """What was decided. Held: credited, but somebody has to look before it is worth anything."""

    CREDITED = "credited"
    HELD = "held"
    NONE = "none"


class Why(StrEnum):
    """Why a visit brought no credit."""

    CAMPAIGN_OVER = "campaign_over"
    OTHER_CAMPAIGN = "other_campaign"
    OWN_LINK = "own_link"
    TOO_OLD = "too_old"
    PROTECTED = "protected"
    NOT_LAST = "not_last"
    NOT_FIRST = "not_first"


@dataclass(frozen=True, slots=True)
class Came:
    """The buyer came through a share; with the order itself where there is no `touch_id`. `chain` as in Credit.

    `over`: the share was for a campaign that had ended by then.
    """

    share_id: str
    sharer_id: str
    chain: tuple[str, ...]
    campaign: str | None
    at: datetime
    touch_id: str | None = None
    over: bool = False


@dataclass(frozen=True, slots=True)
class Case:
    """All that was known of an order when it was placed. `people`: the ids that the buyer was known under by then.

    `through`: the share whose code the order brought, where that is a good one of this merchant; it counts as a visit
    at the order's time. `total` in minor units.
    """

    placed_at: datetime
    total: int
    people: frozenset[str]
    touches: Sequence[Came] = ()
    code: CodeState = CodeState.NONE
    through: Came | None = None


@dataclass(frozen=True, slots=True)
class Passed:
    """A share through which the buyer came, latest `at`, and that is not credited."""

    share_id: str
    sharer_id: str
    at: datetime
    why: Why


@dataclass(frozen=True, slots=True)
class Decision:
    """Who is credited under which rule, and who is not. `reason`: the model that won, or what stood against it."""

    outcome: Outcome
    reason: str
    rule: Rule
    credits: tuple[Credit, ...]
    passed: tuple[Passed, ...]


def decide(case: Case, rules: Rulebook) -> Decision:
    """Judge one order.

    The rule is that of the newest visit that counts under its own rule; the visits of that rule compete. Of those that
    still count when the order is placed, oldest first, each sharer who wins the buyer keeps him while he is protected.
    """
    came = sorted(case.touches, key=lambda each: (each.at, each.touch_id or ""))
    if case.through is not None:
        came.append(case.through)
    rule = _rule_for(case, came, rules)
    verdicts: list[Why | None] = [_standing(case, each, rule, rules) for each in came]
    _protect(came, verdicts, rule)
    _choose(verdicts, rule.model)
    given = _credits(case, came, [each for each, why in zip(came, verdicts, strict=True) if why is None])
    outcome, reason = _outcome(case, rule, given, verdicts)
    return Decision(outcome, reason, rule, given, _passed(came, verdicts, given))


def _rule_for(case: Case, came: Sequence[Came], rules: Rulebook) -> Rule:
    for each in reversed(came):
        rule = rules.of(each.campaign)
        if _standing(case, each, rule, rules) is None:
            return rule
    return rules.shop


def _standing(case: Case, each: Came, rule: Rule, rules: Rulebook) -> Why | None:
    """What stands against a visit by itself, where an order is judged by this rule."""
    own = rules.of(each.campaign)
    if each.over:
        return Why.CAMPAIGN_OVER
    if each.sharer_id in case.people and own.self_purchase is SelfPurchase.REFUSE:
        return Why.OWN_LINK
    if not own.counts(each.at, case.placed_at):
        return Why.TOO_OLD
    return None if own == rule else Why.OTHER_CAMPAIGN


def _protect(came: Sequence[Came], verdicts: list[Why | None], rule: Rule) -> None:
    """Who comes through somebody else's link while he is protected stays with whom he has."""
    winner: Came | None = None
    for number, each in enumerate(came):
        if verdicts[number] is not None:
            continue
        if winner and winner.sharer_id != each.sharer_id and rule.protects(winner.at, each.at):
            verdicts[number] = Why.PROTECTED
        else:
            winner = each


def _choose(verdicts: list[Why | None], model: Model) -> None:
    """Of the visits that are left, those that the model takes."""
    left = [number for number, why in enumerate(verdicts) if why is None]
    if not left or model is Model.LINEAR:
        return
    taken, why = (left[-1], Why.NOT_LAST) if model is Model.LAST_TOUCH else (left[0], Why.NOT_FIRST)
    for number in left:
        verdicts[number] = None if number == taken else why


def _credits(case: Case, came: Sequence[Came], taken: Sequence[Came]) -> tuple[Credit, ...]:
    """A part for each share, as often as the buyer came through it; in the order in which they first brought him."""
    by_share: dict[str, list[Came]] = {}
    for each in taken:
        by_share.setdefault(each.share_id, []).append(each)
    if not by_share:
        return ()
    visits = {each.share_id: each.touch_id for each in came if each.touch_id is not None}
    weights = [len(each) for each in by_share.values()]
    parts = zip(by_share.values(), split(WHOLE, weights), split(case.total, weights), strict=True)
    return tuple(_credit(each[-1], visits, part, amount) for each, part, amount in parts)


def _credit(last: Came, visits: dict[str, str], part: int, amount: int) -> Credit:
    touch_id = last.touch_id or visits.get(last.share_id)
    return Credit(last.share_id, last.sharer_id, last.chain, part, amount, last.at, touch_id)


def _outcome(case: Case, rule: Rule, given: Sequence[Credit], verdicts: Sequence[Why | None]) -> tuple[Outcome, str]:
    if given:
        is_own = any(credit.sharer_id in case.people for credit in given)
        if is_own and rule.self_purchase is SelfPurchase.HOLD:
            return Outcome.HELD, "self_purchase"
        return Outcome.CREDITED, rule.model.value
    if case.code not in {CodeState.NONE, CodeState.GOOD}:
        return Outcome.NONE, f"code_{case.code}"
    against = next((why for why in (Why.OWN_LINK, Why.TOO_OLD, Why.CAMPAIGN_OVER) if why in verdicts), None)
    return Outcome.NONE, "no_touch" if against is None else against.value


def _passed(came: Sequence[Came], verdicts: Sequence[Why | None], given: Sequence[Credit]) -> tuple[Passed, ...]:
    """The shares without credit, each with what stood against its latest visit, newest first."""
    shown = {credit.share_id for credit in given}
    passed: list[Passed] = []
    for each, why in zip(reversed(came), reversed(verdicts), strict=True):
        if why is not None and each.share_id not in shown and len(passed) < CONSIDERED_MAX:
            shown.add(each.share_id)
            passed.append(Passed(each.share_id, each.sharer_id, each.at, why))
    return tuple(passed)
