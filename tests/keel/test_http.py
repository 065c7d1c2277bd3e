"""Whatever goes wrong leaves as a problem document that says what a client can use and nothing else."""

import json
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel, ConfigDict

from keel.errors import NotFound, TooManyRequests
from keel.http import install

SECRET = "postgresql://pond:hunter2@10.0.0.7/millpond"


class Tea(BaseModel):
    """An example of a body."""

    model_config = ConfigDict(extra="forbid", strict=True)
    kind: str
    cups: int


def app_that_fails() -> FastAPI:
    app = FastAPI()
    install(app)

    @app.get("/refused")
    async def refused() -> None:
        raise TooManyRequests(retry_after_s=1.5)

    @app.get("/fault")
    async def fault() -> None:
        raise RuntimeError(SECRET)

    @app.get("/gone/{tea_id}")
    async def gone(tea_id: int) -> None:
        raise NotFound(what="tea")

    @app.get("/teapot")
    async def teapot() -> None:
        raise HTTPException(418, "short and stout")

    @app.post("/tea")
    async def brew(tea: Tea) -> Tea:
        return tea

    return app


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app_that_fails(), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://pond") as client:
        yield client


def problem_of(answer: httpx.Response) -> dict[str, object]:
    """The document, after checking what every problem has."""
    assert answer.headers["content-type"] == "application/problem+json"
    document: dict[str, object] = answer.json()
    assert document["status"] == answer.status_code
    assert document["title"]
    for leak in ("Traceback", "hunter2", "keel/", "site-packages", "pydantic"):
        assert leak not in answer.text
    return document


async def test_a_refusal_keeps_its_type_fields_and_headers(client):
    answer = await client.get("/refused")
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "2"
    assert problem_of(answer) == {
        "type": "urn:millpond:problem:too-many-requests",
        "title": "Too many requests",
        "status": 429,
        "retry_after_s": 1.5,
    }


async def test_a_fault_of_ours_is_logged_and_says_nothing(client, caplog):
    answer = await client.get("/fault")
    assert answer.status_code == 500
    assert problem_of(answer) == {
        "type": "urn:millpond:problem:internal",
        "title": "Something went wrong on our side",
        "status": 500,
    }
    assert SECRET in caplog.text


async def test_an_unknown_path_is_not_found(client):
    answer = await client.get("/coffee")
    assert answer.status_code == 404
    assert problem_of(answer)["type"] == "urn:millpond:problem:not-found"


async def test_a_wrong_method_is_told_the_right_one(client):
    answer = await client.delete("/tea")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"
    assert problem_of(answer)["type"] == "urn:millpond:problem:method-not-allowed"


async def test_any_other_status_of_the_framework_is_a_problem_too(client):
    answer = await client.get("/teapot")
    assert answer.status_code == 418
    assert problem_of(answer) == {"type": "about:blank", "title": "short and stout", "status": 418}


@pytest.mark.parametrize(
    ("body", "where"),
    [
        (b"", "Field required"),
        (b"{", "JSON"),
        (b"[]", "object"),
        (b'{"kind": "oolong"}', "cups"),
        (b'{"kind": "oolong", "cups": "3"}', "cups"),
        (b'{"kind": "oolong", "cups": 1e400}', "cups"),
        (b'{"kind": "oolong", "cups": NaN}', "cups"),
        (b'{"kind": "\\ud800", "cups": "one"}', "cups"),
        (b'{"kind": "oolong", "cups": 1, "milk": true}', "milk"),
        (b'{"kind": "oolong", "cups": 1, "\\ud800": true}', ""),
        (b"\xff\xfe{\x00}\x00", ""),
        (b"[" * 100_000, ""),
    ],
)
async def test_a_body_that_does_not_fit_is_told_where(client, body, where):
    answer = await client.post("/tea", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 400
    problem = problem_of(answer)
    assert problem["type"] == "urn:millpond:problem:malformed"
    assert where in str(problem["detail"])
    assert len(str(problem["detail"])) <= 500


async def test_what_was_sent_is_not_repeated(client):
    answer = await client.post("/tea", content=json.dumps({"kind": 7, "cups": SECRET}))
    assert answer.status_code == 400
    problem_of(answer)


async def test_a_path_that_does_not_fit_is_malformed(client):
    answer = await client.get("/gone/tea")
    assert answer.status_code == 400
    assert str(problem_of(answer)["detail"]).startswith("tea_id: ")
