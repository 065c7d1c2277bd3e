"""Use cases of a merchant's rules of credit: a change is a new version, and what was judged stays as it was."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from keel.database import edge
from keel.identity import Principal
from referrals import store_rules
from referrals.campaigns import Campaigns
from referrals.rule import Model, SelfPurchase
from referrals.tables_attribution import RuleRow

# Longer than a command of staff can take, from its time to its commit: whoever judges an order, a moment after it was
# placed, sees every rule of its time, and would see no other one later.
LEAD: Final = timedelta(seconds=60)
VERSIONS_MAX: Final = 200


@dataclass(frozen=True, slots=True)
class NewRule:
    """What is to count from now on: see referrals.rule.Rule. `known`: the version that this one is to follow."""

    model: Model
    valid_for_s: int | None
    protected_for_s: int | None
    self_purchase: SelfPurchase
    campaign: str | None = None
    known: int | None = None
    in_force_at: datetime | None = None


async def set_rule(here: Campaigns, by: Principal, new: NewRule) -> RuleRow:
    """The next version of a rule; in force LEAD from now, or at a later time that is given.

    Raises NotFound for a campaign that there is not, and Conflict.
    """
    now = here.clock.now()
    in_force_at = max(now + LEAD, new.in_force_at or now)
    values = {
        "id": here.ids.new(),
        "model": new.model,
        "valid_for_s": new.valid_for_s,
        "protected_for_s": new.protected_for_s,
        "self_purchase": new.self_purchase,
        "in_force_at": in_force_at,
        "created_at": now,
        "created_by": by.subject,
    }
    async with edge(here.sessions) as session:
        row = await store_rules.add_version(
            session, by.merchant_id, new.campaign, known=new.known, versions_max=VERSIONS_MAX, **values
        )
        detail = {"campaign": row.campaign, "version": row.version, "model": row.model}
        here.audit(session, by, "attribution_rule.set", row.id, **detail)
    return row


async def page(here: Campaigns, by: Principal, *, below: str | None, count: int) -> Sequence[RuleRow]:
    """A page of all versions of all rules, newest first."""
    async with edge(here.sessions) as session:
        return await store_rules.list_versions(session, by.merchant_id, below=below, count=count)
