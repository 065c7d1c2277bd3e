"""What leaves for an answer: status, headers, body; and nothing of a fault of ours."""

import json
import logging

import pytest

from inventory.errors import SoldOut
from keel.errors import NotSignedIn, Unavailable
from orders.responses import response_of, response_of_refusal, response_to_fault

PROBLEM = (b"content-type", b"application/problem+json")


def test_a_refusal_leaves_as_a_problem_with_its_own_headers():
    status, headers, body = response_of(SoldOut(item_id="i", left=2, served=7))
    assert (status, headers) == (409, [PROBLEM])
    assert json.loads(body)["left"] == 2
    assert response_of_refusal(Unavailable(retry_after_s=1.2))[1] == [PROBLEM, (b"retry-after", b"2")]


def test_a_fault_of_ours_is_logged_and_not_told(caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.ERROR):
        status, _, body = response_to_fault(RuntimeError("password"))
    assert status == 500
    assert b"password" not in body
    assert "placement failed" in caplog.text


def test_a_refusal_that_was_raised_is_no_fault(caplog: pytest.LogCaptureFixture):
    assert response_to_fault(NotSignedIn())[0] == 401
    assert not caplog.records
