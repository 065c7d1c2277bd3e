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
from referrals.rule import FOR_EVER, NEVER, Model, Rule, Rulebook, SelfPurchase

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
    BOUND = "bound"
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

    Each visit goes by the rule of what was shared. Of those that count when the order is placed, oldest first, each
    sharer who wins the buyer keeps him for as long as that rule says, whatever else he comes through. Of those that
    are left the newest says which rule the order goes by; the visits of that rule compete, but where somebody keeps
    the buyer for good, his alone.
    """
    came = sorted(case.touches, key=lambda each: (each.at, each.touch_id or ""))
    if case.through is not None:
        came.append(case.through)
    by = [rules.of(each.campaign) for each in came]
    verdicts: list[Why | None] = [_standing(case, each, rule) for each, rule in zip(came, by, strict=True)]
    owner = _keep(came, by, verdicts)
    rule = next((own for own, why in zip(reversed(by), reversed(verdicts), strict=True) if why is None), rules.shop)
    for number, (each, own) in enumerate(zip(came, by, strict=True)):
        if verdicts[number] is None and own != rule:
            verdicts[number] = Why.OTHER_CAMPAIGN
        elif verdicts[number] is None and owner not in (None, each.sharer_id):
            verdicts[number] = Why.BOUND
    _choose(verdicts, rule.model)
    given = _credits(case, came, [each for each, why in zip(came, verdicts, strict=True) if why is None])
    outcome, reason = _outcome(case, rule, given, verdicts)
    return Decision(outcome, reason, rule, given, _passed(came, verdicts, given))


def _standing(case: Case, each: Came, rule: Rule) -> Why | None:
    """What stands against a visit by itself, by the rule of what was shared."""
    if each.over:
        return Why.CAMPAIGN_OVER
    if each.sharer_id in case.people and rule.self_purchase is SelfPurchase.REFUSE:
        return Why.OWN_LINK
    return None if rule.counts(each.at, case.placed_at) else Why.TOO_OLD


def _keep(came: Sequence[Came], by: Sequence[Rule], verdicts: list[Why | None]) -> str | None:
    """Who comes through somebody else's link while he is kept stays with whom he has. What keeps him is the rule by
    which he was won; another visit through the same sharer may add to that, and takes nothing from it.

    The sharer who keeps him for good, if one does.
    """
    winner, kept_until = "", NEVER
    for number, (each, rule) in enumerate(zip(came, by, strict=True)):
        if verdicts[number] is not None:
            continue
        if winner != each.sharer_id and each.at < kept_until:
            verdicts[number] = Why.BOUND if kept_until == FOR_EVER else Why.PROTECTED
            continue
        until = rule.keeps_until(each.at)
        winner, kept_until = each.sharer_id, until if winner != each.sharer_id else max(kept_until, until)
    return winner if kept_until == FOR_EVER else None


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
