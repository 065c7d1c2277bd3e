"""The OpenAPI part of the placement route, written by hand because the route is plain ASGI; the tests hold it true."""

from typing import Any, Final

import msgspec

from inventory.errors import (
    GateRebuilding,
    NotOpenYet,
    OverLimit,
    SaleEnded,
    SalePaused,
    SoldOut,
    UnknownItem,
)
from keel.errors import (
    IdempotencyKeyMissing,
    IdempotencyKeyReused,
    Internal,
    Malformed,
    NotFound,
    NotSignedIn,
    Refusal,
    TooLarge,
    TooManyRequests,
    TooSlow,
    Unavailable,
    WrongMediaType,
)
from keel.idempotency import KEY_PARAMETER
from keel.openapi import problem_responses
from orders.errors import PriceChanged, TicketInvalid, TicketRequired, TooBusy
from orders.schemas import OrderDocument, OrderRequest

PATH: Final = "/v1/sales/{sale_id}/orders"
REFUSALS: Final[tuple[type[Refusal], ...]] = (
    Malformed,
    IdempotencyKeyMissing,
    NotSignedIn,
    SalePaused,
    SaleEnded,
    TicketRequired,
    TicketInvalid,
    NotFound,
    UnknownItem,
    SoldOut,
    OverLimit,
    PriceChanged,
    TooLarge,
    TooSlow,
    WrongMediaType,
    IdempotencyKeyReused,
    NotOpenYet,
    TooManyRequests,
    Internal,
    GateRebuilding,
    TooBusy,
    Unavailable,
)

_ITEM: Final = "01a3185c-5000-7009-8e45-b0f67c226c88"
REQUEST_EXAMPLE: Final[dict[str, Any]] = {"lines": [{"item_id": _ITEM, "quantity": 2}], "expected_total": 29_800}
ORDER_EXAMPLE: Final[dict[str, Any]] = {
    "id": "01a3185c-5000-7000-ab5c-140babbea4fe",
    "number": "37EF-ND00-003Y",
    "sale_id": "01a3185c-5000-7002-ba7e-b47147be595c",
    "state": "awaiting_payment",
    "currency": "CNY",
    "total": 29_800,
    "lines": [{"item_id": _ITEM, "quantity": 2, "unit_price": 14_900, "amount": 29_800}],
    "placed_at": "2027-01-15T08:00:00.000Z",
    "expires_at": "2027-01-15T08:15:00.000Z",
    "receipt": {"no": 4_213, "of": 6_711, "served_at": "2027-01-15T08:00:00.000Z"},
}


def with_placement(document: dict[str, Any]) -> dict[str, Any]:
    """The OpenAPI document that the framework made of the other routes, with placement in it. Safe to repeat."""
    if PATH not in document["paths"]:
        schemas, components = msgspec.json.schema_components(
            [OrderRequest, OrderDocument], ref_template="#/components/schemas/{name}"
        )
        parts = document.setdefault("components", {})
        parts.setdefault("schemas", {}).update(components)
        parts.setdefault("securitySchemes", {})["customer"] = {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
        }
        operation = _operation(*schemas)
        operation["responses"] |= problem_responses(document, REFUSALS)
        document["paths"][PATH] = {"post": operation}
    return document


def _json(schema: dict[str, Any], example: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema, "example": example}}


def _operation(request: dict[str, Any], order: dict[str, Any]) -> dict[str, Any]:
    return {
        "tags": ["orders"],
        "operationId": "place_order",
        "summary": "Place an order",
        "description": "Answered after the commit. A retry with the same key and body gives the same order.",
        "security": [{"customer": []}],
        "parameters": [
            {"name": "sale_id", "in": "path", "required": True, "schema": {"type": "string", "format": "uuid"}},
            KEY_PARAMETER,
        ],
        "requestBody": {"required": True, "content": _json(request, REQUEST_EXAMPLE)},
        "responses": {
            "201": {"description": "Placed and committed", "content": _json(order, ORDER_EXAMPLE)},
            "200": {"description": "The same order, again", "content": _json(order, ORDER_EXAMPLE)},
        },
    }
