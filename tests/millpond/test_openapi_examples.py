"""An example is made of its schema: what a member is called says what it looks like."""

import pytest

from millpond.openapi_examples import add_examples, example_of

SCHEMAS = {
    "Line": {"type": "object", "required": ["item_id", "quantity"], "properties": {
        "item_id": {"type": "string", "pattern": "^[0-9a-f]{8}-"}, "quantity": {"type": "integer", "minimum": 1},
        "note": {"type": "string"},
    }},
    "Tree": {"type": "object", "required": ["trees"], "properties": {
        "trees": {"type": "array", "items": {"$ref": "#/components/schemas/Tree"}},
    }},
}  # fmt: skip


@pytest.mark.parametrize(
    ("schema", "name", "expected"),
    [
        ({"type": "string"}, "currency", "CNY"),
        ({"type": "string", "enum": ["flash", "shelf"]}, "kind", "flash"),
        ({"type": "string", "enum": ["draft", "open"]}, "state", "open"),
        ({"type": "string", "format": "date-time"}, "since", "2027-01-15T08:00:00.000Z"),
        ({"type": "integer", "minimum": 5}, "unheard_of", 5),
        ({"anyOf": [{"type": "null"}, {"type": "integer"}]}, "price", 14_900),
        ({"type": "boolean", "default": True}, "needs_recipient", True),
        ({"const": 7}, "", 7),
        ({"type": "object"}, "specification", {"colour": "red"}),
        ({"type": "array", "items": {"type": "string"}}, "title", ["Brush"]),
    ],
)
def test_a_value_fits_its_schema_and_its_name(schema, name, expected):
    assert example_of(schema, SCHEMAS, name) == expected


def test_only_what_is_required_is_in_an_object():
    assert set(example_of({"$ref": "#/components/schemas/Line"}, SCHEMAS)) == {"item_id", "quantity"}


def test_a_schema_that_holds_itself_comes_to_an_end():
    assert "trees" in example_of({"$ref": "#/components/schemas/Tree"}, SCHEMAS)


def test_an_example_that_stands_is_kept():
    content = {"schema": {"type": "string"}, "example": "mine"}
    operation = {"responses": {"200": {"content": {"application/json": content}}, "204": {}}}
    add_examples({"components": {"schemas": SCHEMAS}, "paths": {"/x": {"get": operation}}})
    assert content["example"] == "mine"
