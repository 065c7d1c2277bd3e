"""Pure values of rules: who is to be credited, and how long what counts."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

DAY_S: Final = 86_400
VALID_FOR_S_MIN: Final = 60
VALID_FOR_S_MAX: Final = 5 * 365 * DAY_S
NEVER: Final = datetime.min.replace(tzinfo=UTC)
FOR_EVER: Final = datetime.max.replace(tzinfo=UTC)


class Model(StrEnum):
    """Which of the visits that count win the buyer."""

    LAST_TOUCH = "last_touch"
    FIRST_TOUCH = "first_touch"
    LINEAR = "linear"
    PERMANENT_BIND = "permanent_bind"


class SelfPurchase(StrEnum):
    """What a buyer's own link is worth to him."""

    ALLOW = "allow"
    REFUSE = "refuse"
    HOLD = "hold"


@dataclass(frozen=True, slots=True)
class Rule:
    """What counts. Without `campaign` it is the shop's; version 0 is the house's, where nobody wrote one.

    `valid_for_s`: how long a visit counts. `protected_for_s`: for how long a sharer who won a buyer keeps him, counted
    from his latest visit through that sharer's links; it is not longer than a visit counts. Both are None, for ever,
    where a buyer is bound, and only there.
    """

    model: Model
    valid_for_s: int | None
    protected_for_s: int | None
    self_purchase: SelfPurchase
    campaign: str | None = None
    version: int = 0
    id: str | None = None

    def counts(self, at: datetime, placed_at: datetime) -> bool:
        """Whether a visit at a time still counts for an order."""
        return self.valid_for_s is None or placed_at - at <= timedelta(seconds=self.valid_for_s)

    def keeps_until(self, won_at: datetime) -> datetime:
        """Until when a buyer who was won at a time is kept from everybody else."""
        return FOR_EVER if self.protected_for_s is None else won_at + timedelta(seconds=self.protected_for_s)


HOUSE_RULE: Final = Rule(Model.LAST_TOUCH, 7 * DAY_S, 0, SelfPurchase.REFUSE)


@dataclass(frozen=True, slots=True)
class Rulebook:
    """The rules of one moment: the shop's, and those of campaigns that have their own, by name."""

    shop: Rule = HOUSE_RULE
    campaigns: Mapping[str, Rule] = field(default_factory=dict)

    def of(self, campaign: str | None) -> Rule:
        """The rule for what was shared for a campaign, or for none."""
        return self.shop if campaign is None else self.campaigns.get(campaign, self.shop)

    def with_(self, rule: Rule) -> "Rulebook":
        """The same with one rule in place of the shop's, or of its campaign's."""
        if rule.campaign is None:
            return Rulebook(rule, self.campaigns)
        return Rulebook(self.shop, {**self.campaigns, rule.campaign: rule})


@dataclass(frozen=True, slots=True)
class Version:
    """A rule as it was written, and from when on it counts."""

    rule: Rule
    in_force_at: datetime


def rulebook_at(versions: Iterable[Version], at: datetime) -> Rulebook:
    """The rules in force at a time: of each the newest version that had come into force."""
    newest: dict[str | None, Rule] = {}
    for version in versions:
        rule = version.rule
        known = newest.get(rule.campaign)
        if version.in_force_at <= at and (known is None or rule.version > known.version):
            newest[rule.campaign] = rule
    shop = newest.pop(None, HOUSE_RULE)
    return Rulebook(shop, {name: rule for name, rule in newest.items() if name is not None})


def shops_in_turn(versions: Iterable[Version]) -> list[tuple[Rule, datetime | None]]:
    """The shop's rules as they followed each other, each with the time from which on it was in force: as `rulebook_at`
    gives them one by one. The first is the house's, which always was."""
    turns: list[tuple[Rule, datetime | None]] = [(HOUSE_RULE, None)]
    mine = [version for version in versions if version.rule.campaign is None]
    for version in sorted(mine, key=lambda each: (each.in_force_at, each.rule.version)):
        if version.rule.version > turns[-1][0].version:
            turns.append((version.rule, version.in_force_at))
    return turns
