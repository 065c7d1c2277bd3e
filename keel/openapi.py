"""Refusals in an OpenAPI document: one schema for each kind, and the responses that a route may give."""

import inspect
from collections.abc import Iterable, Iterator
from dataclasses import fields
from typing import Any, Final, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter

from keel.errors import PROBLEM_MEDIA_TYPE, Refusal

Json = dict[str, Any]

_HEADERS: Final[dict[str, Json]] = {
    "Retry-After": {"description": "Whole seconds to wait", "schema": {"type": "integer", "minimum": 1}},
    "WWW-Authenticate": {"description": "How to come in", "schema": {"type": "string"}},
    "Allow": {"description": "The methods that are taken", "schema": {"type": "string"}},
}
_PLAIN: Final = {str: "text", int: 1, float: 1.5}


def every_refusal(base: type[Refusal] = Refusal) -> Iterator[type[Refusal]]:
    """Every kind of refusal that is defined by what was imported so far."""
    for kind in base.__subclasses__():
        yield kind
        yield from every_refusal(kind)


def component_of(refusal: type[Refusal]) -> str:
    """The name of a refusal's schema."""
    return f"{refusal.__name__}Problem"


def problem_responses(document: Json, refusals: Iterable[type[Refusal]]) -> Json:
    """The responses of these refusals by status. Their schemas are put among the document's components."""
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    by_status: dict[str, list[type[Refusal]]] = {}
    for refusal in refusals:
        schemas.setdefault(component_of(refusal), schema_of(refusal))
        by_status.setdefault(str(refusal.status), []).append(refusal)
    return {status: _response(kinds) for status, kinds in sorted(by_status.items())}


def schema_of(refusal: type[Refusal]) -> Json:
    """The JSON schema of a refusal's document, with an example."""
    hints = get_type_hints(refusal)
    members = {field.name: TypeAdapter(hints[field.name]).json_schema() for field in fields(refusal)}
    head = {"type": refusal.type_uri(), "title": refusal.title, "status": refusal.status}
    required = [name for name in members if not _may_be_absent(hints[name])]
    return {
        "type": "object",
        "title": component_of(refusal),
        "description": inspect.getdoc(refusal) or "",
        "required": [*head, *required],
        "properties": {name: {"const": value} for name, value in head.items()} | members,
        "example": head | {name: _example(name, hints[name]) for name in required},
    }


def _response(kinds: list[type[Refusal]]) -> Json:
    references = [{"$ref": f"#/components/schemas/{component_of(kind)}"} for kind in kinds]
    content: Json = {"schema": references[0] if len(references) == 1 else {"oneOf": references}}
    content["examples"] = {kind.slug(): {"value": schema_of(kind)["example"]} for kind in kinds}
    response: Json = {
        "description": "; ".join(f"`{kind.slug()}`: {kind.title}" for kind in kinds),
        "content": {PROBLEM_MEDIA_TYPE: content},
    }
    headers = {name: _HEADERS[name] for name in _HEADERS if any(name in _headers_of(kind) for kind in kinds)}
    return response | ({"headers": headers} if headers else {})


def _headers_of(refusal: type[Refusal]) -> Iterable[str]:
    hints = get_type_hints(refusal)
    return refusal(**{field.name: _example(field.name, hints[field.name]) for field in fields(refusal)}).headers()


def _may_be_absent(hint: Any) -> bool:
    return type(None) in get_args(hint)


def _example(name: str, hint: Any) -> Any:
    """A value such as the member may have."""
    known: Json = {
        "retry_after_s": 2.0,
        "detail": "the sale is at version 8",
        "item_id": "01a3185c-5000-7009-8e45-b0f67c226c88",
        "what": "sale",
        "server_time": "2027-01-15T07:59:58.000Z",
        "currency": "CNY",
        "allow": "GET",
    }
    if name in known:
        return known[name]
    if get_origin(hint) is dict:
        return {}
    return next(_PLAIN[part] for part in (hint, *get_args(hint)) if part in _PLAIN)
