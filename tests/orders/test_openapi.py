"""The hand-written part of the OpenAPI document says what the route does: every refusal, every example, whole JSON."""

import ast
import inspect
import json
import re
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import msgspec
import pytest
from fastapi import FastAPI

from inventory import errors as inventory_errors
from keel import buckets, idempotency
from keel import errors as keel_errors
from keel.errors import Conflict, MethodNotAllowed, Refusal
from orders import (
    attempt,
    desk,
    lane,
    openapi,
    place_route,
    placement,
    refusals,
    schemas,
    service,
    writing,
)
from orders import errors as order_errors
from orders.errors import MoveRefused
from orders.openapi import PATH, REFUSALS, with_placement
from orders.routes import router
from orders.schemas import OrderDocument, read_order
from tests.orders.serving import Served

# What a placement runs through. `service` has other routes' refusals too, which are taken away below.
ON_THE_WAY = (attempt, buckets, desk, idempotency, lane, place_route, placement, refusals, schemas, service, writing)
OF_OTHER_ROUTES = {MoveRefused, Conflict}
# Answered to other methods than the documented one.
OF_OTHER_METHODS = {MethodNotAllowed}


def document() -> dict[str, Any]:
    app = FastAPI(title="Millpond", version="1")
    app.include_router(router)
    made: dict[str, Any] = json.loads(json.dumps(with_placement(app.openapi())))
    return made


def refusals_named_in(module: ModuleType) -> Iterator[type[Refusal]]:
    """Every refusal that the module's code mentions."""
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        if isinstance(node, ast.Name):
            for errors in (keel_errors, inventory_errors, order_errors):
                found = getattr(errors, node.id, None)
                if isinstance(found, type) and issubclass(found, Refusal) and found is not Refusal:
                    yield found


def test_every_refusal_on_the_way_of_a_placement_is_listed_and_no_other():
    named = {refusal for module in ON_THE_WAY for refusal in refusals_named_in(module)}
    # Raised by the check of the token, and answered by the protocol before there is a whole request.
    named |= {keel_errors.NotSignedIn, keel_errors.TooSlow}
    assert named - OF_OTHER_ROUTES - OF_OTHER_METHODS == set(REFUSALS)
    assert len(set(REFUSALS)) == len(REFUSALS)


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.slug())
def test_every_refusal_stands_in_the_document_under_its_status(refusal):
    response = document()["paths"][PATH]["post"]["responses"][str(refusal.status)]
    assert f"`{refusal.slug()}`: {refusal.title}" in response["description"]
    assert list(response["content"]) == ["application/problem+json"]


def test_the_document_is_whole():
    whole = document()
    assert whole["openapi"].startswith("3.")
    for reference in re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(whole)):
        place: Any = whole
        for part in reference.split("/"):
            place = place[part]
    schemes = whole["components"].get("securitySchemes", {})
    for path in whole["paths"].values():
        for operation in path.values():
            assert all(name in schemes for demand in operation.get("security", []) for name in demand)


def test_an_operation_has_a_name_of_its_own():
    names = [operation["operationId"] for path in document()["paths"].values() for operation in path.values()]
    assert len(set(names)) == len(names)


def test_saying_it_twice_changes_nothing():
    once = document()
    assert with_placement(once) == once


def test_the_examples_are_what_the_route_reads_and_writes():
    operation = document()["paths"][PATH]["post"]
    request = operation["requestBody"]["content"]["application/json"]["example"]
    assert read_order(json.dumps(request).encode()).lines
    for status in ("200", "201"):
        example = operation["responses"][status]["content"]["application/json"]["example"]
        order = msgspec.convert(example, OrderDocument)
        assert msgspec.to_builtins(order) == example
        assert order.total == sum(line.amount for line in order.lines)


def test_the_limits_in_the_schema_are_those_of_the_reader():
    components = document()["components"]["schemas"]
    lines = components["OrderRequest"]["properties"]["lines"]
    assert (lines["minItems"], lines["maxItems"]) == (1, 20)
    quantity = components["LineRequest"]["properties"]["quantity"]
    assert (quantity["minimum"], quantity["maximum"]) == (1, 10_000)
    assert components["OrderRequest"]["additionalProperties"] is False


@pytest.mark.asyncio(loop_scope="module")
async def test_the_served_document_has_the_placement_and_is_json(served: Served):
    answer = await served.client.get("/openapi.json")
    assert answer.headers["content-type"] == "application/json"
    assert set(answer.json()["paths"][PATH]) == {"post"}
    assert openapi.PATH == "/v1/sales/{sale_id}/orders"
    assert "/v1/orders/{order_id}" in answer.json()["paths"]
