"""The OpenAPI document, whole: what the framework makes of the routes, placement, and every refusal a route may give.

Which refusals a route's own code can come to is in `openapi_refusals.json`, which `python -m tests.millpond.reach`
writes and a test holds true. What stands in front of the code (limits, tokens, the reading of a request) is known from
the route itself.
"""

import inspect
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, RouteContext, iter_route_contexts

from accounts.routes import guest_of
from keel import identity
from keel.errors import (
    Forbidden,
    Internal,
    Malformed,
    NotFound,
    NotSignedIn,
    Refusal,
    TooLarge,
    TooManyRequests,
    TooSlow,
    Unavailable,
)
from keel.identity import EVERYBODY, SELLERS
from keel.openapi import Json, every_refusal, problem_responses
from live.routes_rooms import crew
from millpond.openapi_examples import add_examples
from orders.openapi import PATH as PLACEMENT
from orders.openapi import REFUSALS as OF_PLACEMENT
from orders.openapi import with_placement
from orders.routes import Page, customer
from orders.schemas import OwnOrder

REFUSALS_FILE: Final = Path(__file__).parent / "openapi_refusals.json"
EVERYWHERE: Final = (TooManyRequests, TooLarge, TooSlow, Internal, Unavailable)
STAFF: Final = "staff"
CUSTOMER: Final = "customer"

# Answers that are written without the framework's models.
ANSWERS: Final[Mapping[str, type]] = {
    "GET /v1/orders": Page,
    "GET /v1/orders/{order_id}": OwnOrder,
    "POST /v1/orders/{order_id}/cancel": OwnOrder,
    "PUT /v1/orders/{order_id}/recipient": OwnOrder,
}
TAGS: Final[Mapping[str, str]] = {
    "viewers": "What everybody sees, from memory: a crowd that looks does not touch the database.",
    "customer sign-in": "How customers come in: as guests, or through the provider of their app.",
    "orders": "What a customer does: place, read and cancel orders, and say whom they go to.",
    "staff sign-in": "How staff come in: by e-mail and password, the first time with an invitation.",
    "room": "What staff do with a broadcast: what is shown, what is said, and who may say it.",
    "staff": "What a merchant's staff do. Each route says which roles may.",
}
SCHEMES: Final[Json] = {
    CUSTOMER: {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "A customer's access token."},
    STAFF: {"type": "http", "scheme": "bearer", "description": "A token of a member of staff."},
}
INTRODUCTION: Final = """\
Amounts are integers in minor units (分, cents); times are RFC 3339, UTC; ids are UUIDs in lower case.

**Refusals** are RFC 9457 documents with a stable `type`, and real status codes.
**Pages** go from newest to oldest: `count` items `below` an id; the answer's `next` is the `below` of the next page.
**Lost updates**: what staff edit has a `version`; a command that names an older one is refused.
**Retries**: an order is placed, a file imported, units received under an `Idempotency-Key`; the same gives the same.
**Requests** have an `X-Request-Id` in their answer and in our log; one that you send is kept.
**Envelope**: with `X-Envelope: 1` every JSON answer is `{"code", "message", "data"}`, under the same status."""


def describe(app: FastAPI) -> None:
    """Make the application's OpenAPI document the whole one."""
    made = app.openapi
    app.title, app.description = "Millpond", INTRODUCTION
    app.openapi_tags = [{"name": name, "description": text} for name, text in TAGS.items()]

    def whole() -> Json:
        document = made()
        if PLACEMENT not in document["paths"]:
            complete(with_placement(document), app)
        return document

    app.openapi = whole  # type: ignore[method-assign]  # the framework's own way


def complete(document: Json, app: FastAPI) -> None:
    """Put refusals, doors, answers and examples into the document."""
    known = {refusal.slug(): refusal for refusal in every_refusal()}
    table = json.loads(REFUSALS_FILE.read_text(encoding="utf-8"))
    document.setdefault("components", {})["securitySchemes"] = SCHEMES
    _add_answers(document)
    for operation, route in routes_of(app):
        method, _, path = operation.partition(" ")
        part = document["paths"][path][method.lower()]
        own = [known[slug] for slug in table.get(operation, ()) if slug in known]
        if roles_of(route.dependant) == EVERYBODY and not _calls(route.dependant, crew):
            own = [refusal for refusal in own if refusal is not Forbidden]
        part["responses"].pop("422", None)  # the framework's; ours are told with 400
        part["responses"] |= problem_responses(document, dict.fromkeys([*_before(route, path), *own]))
        _add_door(part, route)
    placement = document["paths"][PLACEMENT]["post"]
    placement["security"] = [{CUSTOMER: []}]
    placement["responses"] |= problem_responses(document, OF_PLACEMENT)
    for unused in ("HTTPValidationError", "ValidationError"):
        document["components"]["schemas"].pop(unused, None)
    _speak_ecma(document["components"]["schemas"])
    add_examples(document)


def _speak_ecma(part: Any) -> None:
    """A pattern is a regular expression of ECMA, whose `$` is the end and nothing before it: Python's is `\\Z`."""
    match part:
        case dict():
            if isinstance(part.get("pattern"), str):
                part["pattern"] = part["pattern"].replace("\\Z", "$")
            for inner in part.values():
                _speak_ecma(inner)
        case list():
            for inner in part:
                _speak_ecma(inner)


def routes_of(app: FastAPI) -> Iterator[tuple[str, RouteContext]]:
    """Every operation that is documented ("GET /v1/orders") with its route."""
    for route in iter_route_contexts(app.routes):
        if isinstance(route.original_route, APIRoute) and route.include_in_schema:
            for method in sorted(route.methods or ()):
                yield f"{method} {route.path_format}", route


def _before(route: RouteContext, path: str) -> Iterator[type[Refusal]]:
    """What a request meets before the route's own code."""
    yield from EVERYWHERE
    takes = route.dependant
    if route.body_field is not None or _any(takes, "path_params", "query_params", "header_params"):
        yield Malformed
    if "{" in path:
        yield NotFound
    if roles_of(takes) is not None or _calls(takes, customer):
        yield NotSignedIn


def _add_door(part: Json, route: RouteContext) -> None:
    roles = roles_of(route.dependant)
    if roles is not None:
        part["security"] = [{STAFF: []}]
        allowed = "every role" if roles == EVERYBODY else ", ".join(sorted(roles))
        if _calls(route.dependant, crew):
            allowed = ", ".join([*sorted(SELLERS), "and the crew of the room as far as it goes"])
        part["description"] = f"{part.get('description', '')}\n\nFor {allowed}.".strip()
    elif _calls(route.dependant, customer):
        part["security"] = [{CUSTOMER: []}]
    elif _calls(route.dependant, guest_of):
        part["security"] = [{}, {CUSTOMER: []}]  # a token may come along


def _add_answers(document: Json) -> None:
    schemas, components = msgspec.json.schema_components(
        list(ANSWERS.values()), ref_template="#/components/schemas/{name}"
    )
    document["components"].setdefault("schemas", {}).update(components)
    for operation, schema in zip(ANSWERS, schemas, strict=True):
        method, _, path = operation.partition(" ")
        responses = document["paths"].get(path, {}).get(method.lower(), {}).get("responses", {})
        responses.setdefault("200", {"description": "Done"})["content"] = {"application/json": {"schema": schema}}


def roles_of(dependant: Dependant) -> frozenset[identity.Role] | None:
    """The roles that a route's door lets in; None where there is no such door."""
    for part in _all(dependant):
        if part.call is not None and getattr(part.call, "__qualname__", "").startswith(identity.staff_as.__qualname__):
            roles: frozenset[identity.Role] = inspect.getclosurevars(part.call).nonlocals["roles"]
            return roles
    return None


def _calls(dependant: Dependant, function: object) -> bool:
    return any(part.call is function for part in _all(dependant))


def _any(dependant: Dependant, *kinds: str) -> bool:
    return any(getattr(part, kind) for part in _all(dependant) for kind in kinds)


def _all(dependant: Dependant) -> Iterable[Dependant]:
    yield dependant
    for part in dependant.dependencies:
        yield from _all(part)
