"""Credit over HTTP: why somebody is credited, the rules, and trying rules on what was."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from inventory.ledger import Ledger
from keel.identity import EVERYBODY, MANAGERS, Principal, staff_as
from keel.paging import next_of
from keel.routes_jobs import JobOut, JobsHere, Key
from orders.routes import OrderIdPath
from referrals import explaining, rules
from referrals.routes import Below, Count, Plans, Who
from referrals.rules import NewRule
from referrals.schemas_credit import ExplainedOut, RuleOut, RulePage, RuleWish, SimulationWish, StaffExplainedOut
from referrals.simulating import KIND, options_of


async def reader_of(request: Request) -> Ledger:
    """The ledger that is read, as wired by millpond."""
    reader: Ledger = request.app.state.sharing.ledger
    return reader


Here = Annotated[Ledger, Depends(reader_of)]
Reader = Annotated[Principal, Depends(staff_as(EVERYBODY))]
Manager = Annotated[Principal, Depends(staff_as(MANAGERS))]

own = APIRouter(prefix="/v1/orders", tags=["orders"])
staff = APIRouter(prefix="/v1/staff", tags=["staff"])


@own.get("/{order_id}/attribution")
async def explain(here: Here, who: Who, order_id: OrderIdPath) -> ExplainedOut:
    """Who brought you to one of your orders, and why it is counted so. Decided a few seconds after the order."""
    return ExplainedOut.model_validate(await explaining.for_buyer(here, who, order_id))


@staff.get("/orders/{order_id}/attribution")
async def explain_to_staff(here: Here, by: Reader, order_id: OrderIdPath) -> StaffExplainedOut:
    """Who is credited with an order, who else might have been, and why not."""
    return StaffExplainedOut.model_validate(await explaining.for_staff(here, by, order_id))


@staff.get("/attribution/rules")
async def list_rules(here: Plans, by: Reader, below: Below = None, count: Count = 20) -> RulePage:
    """Every version of every rule, newest first. Of those in force at an order's time the newest counts."""
    rows = await rules.page(here, by, below=below, count=count)
    return RulePage(rules=[RuleOut.model_validate(row) for row in rows], next=next_of(rows, count))


@staff.post("/attribution/rules", status_code=201)
async def set_rule(here: Plans, by: Manager, wish: RuleWish) -> RuleOut:
    """Set the shop's rule, or a campaign's: a new version, in force in a minute or later. Orders of before stay."""
    rule = wish.rule()
    clocks = rule.valid_for_s, rule.protected_for_s
    new = NewRule(rule.model, *clocks, rule.self_purchase, rule.campaign, wish.version, wish.in_force_at)
    return RuleOut.model_validate(await rules.set_rule(here, by, new))


@staff.post("/attribution/simulations", status_code=202)
async def simulate(jobs: JobsHere, by: Reader, key: Key, wish: SimulationWish, response: Response) -> JobOut:
    """Try a rule on orders that were judged, without changing anything. A worker does it; see its job."""
    options = options_of(wish.rule.rule(), wish.session_id, wish.placed_from, wish.placed_to)
    job = await jobs.ask(by, KIND, key=key, options=options, body=b"")
    response.headers["location"] = f"/v1/staff/jobs/{job.id}"
    return JobOut.model_validate(job)
