"""Every route × every role × own and other merchant, as docs/roles.md says, asked over HTTP.

The routes are those of the OpenAPI document of the API as it is put together: one that is in no row fails here.
"""

import json
import re
from typing import Any, Final

import httpx
import pytest

from tests.journeys.calls import CALLS, Call
from tests.journeys.roles import OWN, YES, Row, rows
from tests.journeys.worlds import ABSENT, CALLERS, CUSTOMER, Side, World

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROWS: Final = rows()
METHODS: Final = {"get", "post", "put", "patch", "delete"}
MAY: Final = {200, 201, 202, 204, 409}  # done, or refused for the state that an earlier row left
NO_CALL: Final = Call()


async def ask(world: World, row: Row, side: Side, caller: str, *, absent: bool = False) -> httpx.Response:
    """One request about a thing of the first merchant, or about one that is nowhere."""
    return await send(world, row, world.header(side, caller), absent=absent)


async def send(
    world: World, row: Row, who: dict[str, str], *, absent: bool = False, call: Call | None = None
) -> httpx.Response:
    """The request of a row, with what CALLS says of it, or with another call."""
    call = call or CALLS.get(row.route, NO_CALL)
    path = re.sub(r"\{\w+\}", ABSENT, row.path) if absent else await call.path(row.path, world)
    sent, headers = await call.sent(world), call.headers(world) | who
    return await world.served.client.request(row.method, path, headers=headers, **sent)


def said(answer: httpx.Response) -> str:
    return YES if answer.status_code in MAY else str(answer.status_code)


async def test_every_route_has_its_row_and_every_row_its_route(world):
    document = (await world.served.client.get("/openapi.json")).json()
    routes = [f"{name.upper()} {path}" for path, here in document["paths"].items() for name in here if name in METHODS]
    assert sorted(routes) == sorted(row.route for row in ROWS), "docs/roles.md has a row for each route"


async def test_every_call_is_one_of_a_row(world):
    assert CALLS.keys() <= {row.route for row in ROWS}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.route)
async def test_a_route_says_to_each_role_what_the_page_says(world, row):
    answers = {caller: await ask(world, row, world.own, caller) for caller in CALLERS}
    assert {caller: said(answer) for caller, answer in answers.items()} == row.cells, texts(answers)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.route)
async def test_another_merchants_people_see_nothing_of_it(world, row):
    answer = await ask(world, row, world.other, row.welcome)
    assert said(answer) == (YES if row.other == OWN else row.other), answer.text
    if row.other == "404":
        absent = await ask(world, row, world.other, row.welcome, absent=True)
        assert (absent.status_code, absent.json()) == (404, answer.json()), "the two look alike"
    if row.other != YES:
        assert not shown_of(world.own, world, answer)


async def test_whoever_may_not_is_told_nothing_about_what_is_there(world):
    for row in ROWS:
        for caller in CALLERS:
            if row.cells[caller] != YES and "{" in row.path:
                there, nowhere = [await ask(world, row, world.own, caller, absent=absent) for absent in (False, True)]
                assert (there.status_code, there.json()) == (nowhere.status_code, nowhere.json()), row.route


def shown_of(side: Side, world: World, answer: httpx.Response) -> set[str]:
    """Ids of a merchant that an answer holds."""
    known = {*world.things.values(), side.by.merchant_id, side.app_id, side.customer.subject_id}
    known |= {signed_in.subject_id for signed_in in side.staff.values()}
    return {name for name in known if name in answer.text}


def texts(answers: dict[str, httpx.Response]) -> str:
    return json.dumps({caller: answer.text[:200] for caller, answer in answers.items()}, indent=1)


async def test_a_token_of_another_shop_or_another_kind_opens_nothing(world):
    """Forged, foreign, expired, of the other kind, and without a signature: one and the same answer at every door."""
    for row in ROWS:
        if row.cells["nobody"] == "401":
            nobody = await ask(world, row, world.own, "nobody")
            for token in bad_tokens(world, row):
                answer = await send(world, row, {"authorization": f"Bearer {token}"})
                assert (answer.status_code, answer.json()) == (401, nobody.json()), (row.route, token)


def bad_tokens(world: World, row: Row) -> list[str]:
    """Tokens that are each wrong in one way, for a route of staff or of customers."""
    tokens = world.served.tokens
    kind = CUSTOMER if row.welcome == CUSTOMER else "owner"
    good = world.header(world.own, kind)["authorization"].removeprefix("Bearer ")
    other_kind = world.header(world.own, "owner" if kind == CUSTOMER else CUSTOMER)["authorization"]
    head, body, signature = good.split(".")
    none = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0"
    expired: dict[str, Any] = {"merchant_id": world.own.by.merchant_id, "ttl_s": -60}
    return [
        f"{head}.{body}.",
        f"{none}.{body}.",
        f"{none}.{body}.{signature}",
        f"{head}.{body}.{signature[::-1]}",
        other_kind.removeprefix("Bearer "),
        tokens.sign_staff(staff_id=world.own.by.merchant_id, role="owner", sign_in_id="", **expired),
        tokens.sign(customer_id=world.own.customer.subject_id, **expired),
        "x",
    ]
