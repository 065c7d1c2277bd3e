"""Whatever fits the OpenAPI document, or nearly, gets an answer that the document has: made up by schemathesis.

Against a real API, worker and engines. Never a 5xx, no status, header or body that is not documented, and what does not
fit is refused.
"""

import asyncio
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import httpx
import hypothesis
import pytest
import schemathesis
from pydantic import SecretStr
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from keel.clock import FollowingClock
from millpond.seed import seed_now
from millpond.settings import Settings
from millpond.tokens_by_hand import customer_token
from tests.databases import Databases
from tests.millpond.furnished import Caller, comment_in, furnish
from tests.millpond.reach import application
from tests.millpond.stacks import Stack, running_stack

CASES: Final = 800  # for all operations together: it must stay a matter of half a minute
ANSWER_MAX_S: Final = 60.0  # nothing is promised here
REFUSED_BY_STATE: Final = {400, 404, 409}  # moves that the one sale is not in a state for, rules between two members
REFUSED_AS_MADE_UP: Final = {401}  # where a password or token is sent: a made-up one is nobody's
CHECKS: Final = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
]


@cache
def schema() -> Any:
    """The document as schemathesis reads it."""
    return schemathesis.openapi.from_dict(json.loads(json.dumps(application().openapi())))


@cache
def operations() -> dict[str, Any]:
    found = (result.ok() for result in schema().get_all_operations())
    return {operation.label: operation for operation in found}


CASES_EACH: Final = max(4, CASES // (len(operations()) * len(GenerationMode)))


@dataclass(frozen=True)
class Served:
    """A running stack with an open sale, the ids of what it has, and who may come."""

    stack: Stack
    ids: dict[str, str]
    tokens: dict[str, str]

    def headers(self, operation: Any) -> dict[str, str]:
        """The token that an operation asks for."""
        demanded = [scheme for demand in operation.definition.raw.get("security", []) for scheme in demand]
        return {"Authorization": f"Bearer {self.tokens[demanded[0]]}"} if demanded else {}

    def ask(self, operation: Any, case: Any) -> int:
        """Send a case and check the answer; its status."""
        answer = case.call(
            base_url=f"http://127.0.0.1:{self.stack.port}", headers=self.headers(operation), timeout=ANSWER_MAX_S
        )
        case.validate_response(answer, checks=CHECKS)
        return int(answer.status_code)


@pytest.fixture(scope="module")
def served(databases: Databases, database_template: str, flushable_redis_url: str) -> Iterator[Served]:
    name = databases.create(database_template)
    url = databases.url_of(name)
    with running_stack(url, flushable_redis_url, MILLPOND_DEMO_SIGN_IN="true") as stack:
        (staff,) = json.loads(stack.environment["MILLPOND_STAFF_TOKENS"])
        keys = {kid: SecretStr(key) for kid, key in json.loads(stack.environment["MILLPOND_TOKEN_KEYS"]).items()}
        settings = Settings(
            database_url=url,
            redis_url=flushable_redis_url,
            token_keys=keys,
            staff_tokens=[staff],
            seed_merchant_id=staff["merchant_id"],
        )
        seeded = databases.apart(seed_now, settings)
        customer = customer_token(settings, FollowingClock(), minutes=60)
        assert seeded.sale_id
        assert seeded.item_id
        with httpx.Client(base_url=f"http://127.0.0.1:{stack.port}", timeout=ANSWER_MAX_S) as http:
            callers = Caller(http, staff["token"]), Caller(http, customer)
            ids = furnish(*callers, sale_id=seeded.sale_id, item_id=seeded.item_id)
        ids["comment_id"] = databases.apart(asyncio.run, comment_in(url, staff["merchant_id"], ids["room_id"]))
        yield Served(stack, ids, {"customer": customer, "staff": staff["token"]})
    databases.drop(name)


def refusals_to_what_fits(operation: Any) -> set[int]:
    """What a request that fits may be answered with all the same."""
    unauthorized = operation.definition.raw["responses"].get("401", {}).get("description", "")
    return REFUSED_BY_STATE | (REFUSED_AS_MADE_UP if "`sign-in-refused`" in unauthorized else set())


def cases(operation: Any, mode: GenerationMode, path_parameters: dict[str, str], *, count: int) -> Any:
    """A decorator: made-up requests, the same ones in every run."""
    strategy = operation.as_strategy(mode, **({"path_parameters": path_parameters} if path_parameters else {}))
    settings = hypothesis.settings(
        max_examples=count,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    return lambda function: settings(hypothesis.given(case=strategy)(function))


@pytest.mark.parametrize("mode", GenerationMode)
@pytest.mark.parametrize("name", operations())
def test_every_answer_is_one_that_is_documented(served: Served, name: str, mode: GenerationMode):
    operation = operations()[name]
    parameters = re.findall(r"{(\w+)}", name)
    ours = {one: served.ids[one] for one in parameters if one in served.ids and mode.is_positive}
    told = Counter[int]()

    @cases(operation, mode, ours if len(ours) == len(parameters) else {}, count=CASES_EACH)
    def ask(case: Any) -> None:
        if mode.is_positive and isinstance(case.body, dict):
            case.body |= {member: served.ids[member] for member in case.body.keys() & served.ids.keys()}
        told[served.ask(operation, case)] += 1

    ask()
    assert told
    if mode.is_positive:
        assert not set(parameters) - served.ids.keys(), "there is one of everything"
        assert min(told) < 400 or told.keys() <= refusals_to_what_fits(operation), "what fits comes through"


def test_an_answer_that_is_not_documented_is_found(served: Served):
    document = json.loads(json.dumps(application().openapi()))
    del document["paths"]["/v1/orders/{order_id}"]["get"]["responses"]["404"]
    operation = schemathesis.openapi.from_dict(document)["/v1/orders/{order_id}"]["GET"]

    @cases(operation, GenerationMode.POSITIVE, {"order_id": served.ids["sale_id"]}, count=1)
    def ask(case: Any) -> None:
        served.ask(operation, case)

    with pytest.raises(FailureGroup, match="Undocumented status code"):
        ask()
