"""Refusals in an OpenAPI document: a schema each, responses by status, headers where they have some."""

from typing import Any

from keel.errors import PROBLEM_MEDIA_TYPE, Conflict, Malformed, NotFound, NotSignedIn, TooManyRequests, Unavailable
from keel.openapi import component_of, every_refusal, problem_responses, schema_of


def test_refusals_of_one_status_stand_together():
    part: dict[str, Any] = {}
    responses = problem_responses(part, [Conflict, NotFound, Malformed])
    assert list(responses) == ["400", "404", "409"]
    assert list(responses["409"]["content"]) == [PROBLEM_MEDIA_TYPE]
    assert set(part["components"]["schemas"]) == {component_of(kind) for kind in (Conflict, NotFound, Malformed)}


def test_a_schema_says_what_every_member_is():
    schema = schema_of(Unavailable)
    assert schema["required"] == ["type", "title", "status", "retry_after_s"]
    assert schema["properties"]["status"] == {"const": 503}
    assert schema["properties"]["retry_after_s"] == {"type": "number"}
    assert {"type": "null"} in schema["properties"]["detail"]["anyOf"]
    assert schema["example"] == {
        "type": "urn:millpond:problem:unavailable",
        "title": Unavailable.title,
        "status": 503,
        "retry_after_s": 2.0,
    }


def test_headers_are_said_where_a_refusal_has_them():
    responses = problem_responses({}, [TooManyRequests, NotSignedIn, Conflict])
    assert list(responses["429"]["headers"]) == ["Retry-After"]
    assert list(responses["401"]["headers"]) == ["WWW-Authenticate"]
    assert "headers" not in responses["409"]


def test_every_kind_that_was_imported_is_known():
    assert {Conflict, Malformed, NotFound} <= set(every_refusal())
