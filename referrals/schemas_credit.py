"""What is sent and shown of rules, credit and why. Nothing unnamed is taken."""

from datetime import datetime, timedelta
from typing import Annotated, Self

from pydantic import Field, model_validator

from inventory.schemas import VERSION_MAX, Moment
from referrals.rule import HOUSE_RULE, VALID_FOR_S_MAX, VALID_FOR_S_MIN, Model, Rule, SelfPurchase
from referrals.schemas import CampaignName, Id, Sent, Told

SPAN_MAX = timedelta(days=400)


class Counting(Sent):
    """What counts; without `campaign` for the shop. A visit counts for `valid_for_s`; a sharer who won a buyer keeps
    him for `protected_for_s`. With `permanent_bind` there are no clocks."""

    model: Model
    valid_for_s: Annotated[int, Field(strict=True, ge=VALID_FOR_S_MIN, le=VALID_FOR_S_MAX)] | None = None
    protected_for_s: Annotated[int, Field(strict=True, ge=0, le=VALID_FOR_S_MAX)] | None = None
    self_purchase: SelfPurchase = SelfPurchase.REFUSE
    campaign: CampaignName | None = None

    @model_validator(mode="after")
    def clocks_fit(self) -> Self:
        """Who is bound is bound for good; and nobody is protected by a visit that counts no more."""
        if self.model is Model.PERMANENT_BIND:
            if (self.valid_for_s, self.protected_for_s) != (None, None):
                raise ValueError("a buyer who is bound is bound for good: leave the clocks out")
        elif (self.protected_for_s or 0) > self.valid_s:
            raise ValueError("protected_for_s must not be longer than valid_for_s")
        return self

    @property
    def valid_s(self) -> int:
        """How long a visit counts, where it does not for ever."""
        return self.valid_for_s or HOUSE_RULE.valid_for_s or 0

    def rule(self) -> Rule:
        """As a value."""
        if self.model is Model.PERMANENT_BIND:
            return Rule(self.model, None, None, self.self_purchase, self.campaign)
        return Rule(self.model, self.valid_s, self.protected_for_s or 0, self.self_purchase, self.campaign)


class RuleWish(Counting):
    """The next version of a rule. `version`: the one that it is to follow, 0 for none; `in_force_at`: in a minute,
    where it is left out or sooner than that."""

    version: Annotated[int, Field(strict=True, ge=0, le=VERSION_MAX)] | None = None
    in_force_at: Moment | None = None


class SimulationWish(Sent):
    """A rule to be tried on orders of one session, or placed in a time, or both."""

    rule: Counting
    session_id: Id | None = None
    placed_from: Moment | None = None
    placed_to: Moment | None = None

    @model_validator(mode="after")
    def span_fits(self) -> Self:
        """Something bounds it."""
        if self.session_id is None and self.placed_from is None:
            raise ValueError("name a session_id, or a placed_from")
        if self.placed_from and self.placed_to and not timedelta(0) < self.placed_to - self.placed_from <= SPAN_MAX:
            raise ValueError(f"placed_to must be after placed_from, by {SPAN_MAX.days} days at most")
        return self


class RuleOut(Told):
    """A version of a rule. Clocks that never end are null."""

    id: str
    campaign: str | None
    version: int
    model: Model
    valid_for_s: int | None
    protected_for_s: int | None
    self_purchase: SelfPurchase
    in_force_at: datetime
    created_at: datetime
    created_by: str


class RulePage(Told):
    """Newest first; `next` is the `below` of the page after this one. Where nothing is set, the house's rule counts:
    the last visit of the last seven days, nobody protected, own links refused."""

    rules: list[RuleOut]
    next: str | None


class CodeTold(Told):
    """The code that the order brought, and what became of it: none, good, unknown, foreign or expired."""

    sent: str | None
    state: str
    words: str


class RuleTold(Told):
    """The rule that an order was judged by. Version 0 is the house's own, where none was set."""

    campaign: str | None
    version: int
    model: Model
    valid_for_s: int | None
    protected_for_s: int | None
    self_purchase: SelfPurchase
    words: str


class CreditTold(Told):
    """Who is credited, with which part of the order in millionths, for a visit at which time."""

    sharer_name: str | None
    part: int
    touched_at: datetime


class PassedTold(Told):
    """Through whom else the buyer came, last at which time, and why he is not credited."""

    sharer_name: str | None
    at: datetime
    why: str
    words: str


class StaffCreditTold(CreditTold):
    """The same with the share, the shares above it from the root down, and the amount in minor units."""

    sharer_id: str
    share_id: str
    chain: list[str]
    amount: int
    touch_id: str | None


class StaffPassedTold(PassedTold):
    """The same with the share."""

    sharer_id: str
    share_id: str


class ExplainedBase(Told):
    """Who brought the buyer: `state` is pending, credited, held or none; `ended` is expired or cancelled."""

    order_id: str
    state: str
    reason: str
    words: str
    placed_at: datetime
    decided_at: datetime | None
    ended: str | None
    currency: str
    total: int
    code: CodeTold | None
    rule: RuleTold | None
    visits: int | None


class ExplainedOut(ExplainedBase):
    """For the buyer."""

    credits: list[CreditTold]
    others: list[PassedTold]


class StaffExplainedOut(ExplainedBase):
    """For staff."""

    credits: list[StaffCreditTold]
    others: list[StaffPassedTold]
