"""Who may pass a staff door."""

from collections.abc import AsyncIterator
from typing import Annotated

import httpx
import pytest
from fastapi import Depends, FastAPI

from keel.http import install
from keel.identity import MANAGERS, Principal, Role, staff_as


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    """An app with one route for managers; the Authorization header is the role itself."""
    app = FastAPI()
    install(app)
    app.state.authenticate_staff = lambda role: Principal("m", "hua", Role(role)) if role else None

    @app.get("/stock")
    async def stock(by: Annotated[Principal, Depends(staff_as(MANAGERS))]) -> str:
        return by.role

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop") as client:
        yield client


@pytest.mark.parametrize("role", Role)
async def test_a_role_passes_or_is_told_that_it_is_the_role(client: httpx.AsyncClient, role: Role):
    answer = await client.get("/stock", headers={"authorization": role})
    if role in MANAGERS:
        assert (answer.status_code, answer.json()) == (200, role)
    else:
        assert (answer.status_code, answer.json()["type"]) == (403, "urn:millpond:problem:forbidden")
        assert answer.json()["role"] == role


async def test_a_stranger_is_not_signed_in(client: httpx.AsyncClient):
    answer = await client.get("/stock")
    assert (answer.status_code, answer.json()["type"]) == (401, "urn:millpond:problem:not-signed-in")
