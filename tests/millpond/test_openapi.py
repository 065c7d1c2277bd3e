"""The OpenAPI document is whole: every route says what it can refuse, who may come, and what is sent and answered."""

import asyncio
import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import jsonschema_rs
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute, RouteContext
from pydantic import BaseModel

from keel.errors import Conflict, Malformed, NotFound, Refusal
from keel.openapi import every_refusal, schema_of
from millpond.openapi import REFUSALS_FILE, TAGS, roles_of, routes_of
from orders.openapi import PATH as PLACEMENT
from tests.millpond.reach import application, as_text, reachable, refusals_from

# Pages that do not go by one id downwards: their parameters, and what their answers have beside the list and `next`.
PLACES = ("sessions/{session_id}", "rooms/{room_id}")
RANKED = ("sharers", "communities")
PAGES_APART = {
    # A list price has no id of its own: it goes by the moment it began. Its currency is asked for, and said once.
    "GET /v1/staff/skus/{sku_id}/prices": ({"before", "count"}, {"currency"}),
    # The one list that is worked through by hand, so it also leads back, to orders that came meanwhile.
    "GET /v1/staff/orders": ({"below", "above", "count"}, {"previous"}),
    # Ranked by a figure, so a page begins after a figure and an id.
    **{f"GET /v1/staff/{place}/dissemination/{who}": ({"after", "count"}, set()) for place in PLACES for who in RANKED},
}


@cache
def app() -> FastAPI:
    return application()


@cache
def document() -> dict[str, Any]:
    whole: dict[str, Any] = json.loads(json.dumps(app().openapi()))
    return whole


def operations() -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document()["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


OPERATIONS = [name for name, _ in operations()]
ROUTES = dict(routes_of(app()))


def operation(name: str) -> dict[str, Any]:
    return dict(operations())[name]


def validator(schema: dict[str, Any]) -> Any:
    """Of one schema, with the document's components within reach."""
    return jsonschema_rs.validator_for({**schema, "components": document()["components"]})


def contents(name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every body that is sent or answered, by where it is."""
    whole = operation(name)
    for media, content in whole.get("requestBody", {}).get("content", {}).items():
        yield f"request, {media}", content
    for status, response in whole["responses"].items():
        for media, content in response.get("content", {}).items():
            yield f"{status}, {media}", content


def test_the_table_of_refusals_is_what_the_code_can_come_to():
    expected = as_text(reachable(app()))
    assert REFUSALS_FILE.read_text() == expected, "write it anew: python -m tests.millpond.reach"


@pytest.mark.parametrize("name", ROUTES)
def test_a_route_says_everything_it_can_refuse(name):
    responses = operation(name)["responses"]
    for slug in reachable(app())[name]:
        refusal = next(kind for kind in every_refusal() if kind.slug() == slug)
        if slug != "forbidden" or len(roles_of(ROUTES[name].dependant) or ()) < 4:
            assert f"`{slug}`" in responses[str(refusal.status)]["description"]
    assert {"429", "413", "500", "503"} <= set(responses)
    assert "422" not in responses or "HTTPValidationError" not in json.dumps(responses["422"])


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_says_who_may_come(name):
    demanded = {scheme for demand in operation(name).get("security", []) for scheme in demand}
    if " /v1/staff/" in name and operation(name)["tags"] != ["staff sign-in"]:
        assert roles_of(ROUTES[name].dependant)
        assert demanded == {"staff"}
        assert re.search(r"For (every role|[a-z, ]+)\.", operation(name)["description"])
    if demanded:
        assert "401" in operation(name)["responses"]
    assert demanded <= set(document()["components"]["securitySchemes"])


@pytest.mark.parametrize("name", OPERATIONS)
def test_everything_that_is_sent_and_answered_has_a_schema_and_an_example_that_fits(name):
    for status, response in operation(name)["responses"].items():
        assert response.get("content") or status in {"204", "304"}, status
    for where, content in contents(name):
        assert content.get("schema"), where
        examples = [part["value"] for part in content.get("examples", {}).values()]
        if "json" in where:
            assert "example" in content or examples, where
        for example in [content["example"]] if "example" in content else examples:
            errors = [error.message for error in validator(content["schema"]).iter_errors(example)]
            assert errors == [], (where, example)


def body_model(route: RouteContext) -> type[BaseModel] | None:
    """The model of a route's body, where it is one."""
    field = route.body_field
    annotation = getattr(getattr(field, "field_info", None), "annotation", None)
    choices = [annotation, *getattr(annotation, "__args__", ())]
    return next((kind for kind in choices if isinstance(kind, type) and issubclass(kind, BaseModel)), None)


@pytest.mark.parametrize("name", [name for name, route in ROUTES.items() if body_model(route)])
def test_the_example_of_a_body_is_what_the_route_reads(name):
    model = body_model(ROUTES[name])
    assert model is not None
    example = operation(name)["requestBody"]["content"]["application/json"]["example"]
    model.model_validate_json(json.dumps(example))


def test_every_tag_is_explained_and_every_operation_has_its_name():
    tags = {tag for _, one in operations() for tag in one["tags"]}
    assert tags == {tag["name"] for tag in document()["tags"]}
    assert tags == set(TAGS)
    names = [one["operationId"] for _, one in operations()]
    assert len(set(names)) == len(names)


def test_pages_all_work_alike():
    for name, one in operations():
        parameters = {parameter["name"]: parameter for parameter in one.get("parameters", [])}
        answer = one["responses"].get("200", {}).get("content", {}).get("application/json", {}).get("schema", {})
        shown = document()["components"]["schemas"].get(answer.get("$ref", "").rpartition("/")[2], {})
        is_page = "next" in shown.get("properties", {})
        asked, beside = PAGES_APART.get(name, ({"below", "count"}, set()))
        assert is_page == (asked <= set(parameters)), name
        assert is_page or not {"below", "above", "before", "count"} & set(parameters), name
        if is_page:
            lists = [part for part in shown["properties"].values() if part.get("type") == "array"]
            assert len(lists) == 1, "one list, and `next`"
            assert len(shown["properties"]) == 2 + len(beside), name
            assert beside <= set(shown["properties"])
            assert parameters["count"]["schema"]["default"] == 20


def test_placement_is_in_it_and_asking_twice_changes_nothing():
    assert set(document()["paths"][PLACEMENT]) == {"post"}
    assert json.loads(json.dumps(app().openapi())) == document()


# The parts ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("refusal", list(every_refusal()), ids=lambda refusal: refusal.slug())
def test_a_refusals_example_fits_its_own_schema_and_no_other(refusal: type[Refusal]):
    example = schema_of(refusal)["example"]
    fitting = [kind for kind in every_refusal() if jsonschema_rs.is_valid(schema_of(kind), example)]
    assert fitting == [refusal]


def helps(detail: str) -> None:
    raise Conflict(detail=detail)


class Desk:
    """An example of a thing with a method."""

    @staticmethod
    def refuse() -> None:
        raise NotFound(what="desk")


async def asks(desk: Desk | None) -> None:
    if desk is None:
        helps("no desk")
    else:
        desk.refuse()
    try:
        await asyncio.sleep(0)
    except Malformed:
        return


def test_what_a_function_comes_to_is_found_through_names_and_types(monkeypatch):
    monkeypatch.setattr("tests.millpond.reach.PACKAGES", ("tests", asks.__module__.split(".")[0]))
    assert refusals_from(asks) == {Conflict, NotFound}, "and not what it only catches"
    assert isinstance(ROUTES["GET /v1/orders"].original_route, APIRoute)
