"""A refusal is a value: its name the problem's type, its fields the members."""

import json
from dataclasses import dataclass
from typing import ClassVar

import pytest

from keel.errors import (
    Conflict,
    IdempotencyKeyMissing,
    IdempotencyKeyReused,
    Internal,
    Malformed,
    MethodNotAllowed,
    NotFound,
    NotSignedIn,
    Refusal,
    TooLarge,
    TooManyRequests,
    Unavailable,
    WrongEncoding,
    WrongMediaType,
)

EVERY = [
    Malformed(detail="there"),
    TooLarge(bytes_max=1),
    WrongMediaType(),
    WrongEncoding(detail="line 2"),
    IdempotencyKeyMissing(),
    IdempotencyKeyReused(),
    NotSignedIn(),
    NotFound(what="sale"),
    MethodNotAllowed(allow="POST"),
    Conflict(detail="version 3"),
    TooManyRequests(retry_after_s=0.2),
    Unavailable(),
    Internal(),
]


@dataclass(eq=False)
class OutOfTea(Refusal):
    """An example."""

    pot_id: str
    left: int
    note: str | None = None
    status: ClassVar = 409
    title: ClassVar = "No tea left"


def test_the_document_has_type_title_status_and_the_fields_as_data():
    assert OutOfTea("p1", left=0).document() == {
        "type": "urn:millpond:problem:out-of-tea",
        "title": "No tea left",
        "status": 409,
        "pot_id": "p1",
        "left": 0,
    }


def test_a_field_that_is_none_is_left_out_and_zero_is_not():
    assert "note" not in OutOfTea("p1", left=0).document()
    assert OutOfTea("p1", left=0, note="").document()["note"] == ""


@pytest.mark.parametrize("refusal", EVERY, ids=lambda refusal: refusal.slug())
def test_every_document_is_json_with_a_stable_type_and_a_real_status(refusal):
    document = json.loads(json.dumps(refusal.document()))
    assert document["type"] == f"urn:millpond:problem:{refusal.slug()}"
    assert refusal.slug() == refusal.slug().lower()
    assert 400 <= document["status"] < 600
    assert document["title"]


def test_a_slug_is_the_kebab_name():
    assert OutOfTea.slug() == "out-of-tea"
    assert TooManyRequests.slug() == "too-many-requests"


@pytest.mark.parametrize(
    ("wait_s", "header"), [(0.0, "1"), (0.001, "1"), (1.0, "1"), (1.001, "2"), (2.5, "3"), (60.0, "60")]
)
def test_retry_after_is_whole_seconds_rounded_up_and_never_nought(wait_s, header):
    assert TooManyRequests(retry_after_s=wait_s).headers() == {"Retry-After": header}


def test_only_a_refusal_that_names_a_wait_sends_retry_after():
    assert NotFound(what="sale").headers() == {}
    assert Unavailable().headers() == {"Retry-After": "1"}
    assert NotSignedIn().headers() == {"WWW-Authenticate": "Bearer"}


def test_a_refusal_is_raised_and_caught_by_its_kind():
    with pytest.raises(Refusal) as caught:
        raise OutOfTea("p1", left=0)
    assert str(caught.value) == "out-of-tea: No tea left"
    assert caught.value is not OutOfTea("p1", left=0), "two of the same kind are two events"
