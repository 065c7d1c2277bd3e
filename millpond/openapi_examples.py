"""Examples for the OpenAPI document, made of the schemas: what a member is called says what it looks like."""

from collections.abc import Mapping
from typing import Any, Final

from keel.openapi import Json

DEPTH_MAX: Final = 8
JSON_BODY: Final = "application/json"

# Where "either this or that" is a rule that no schema says.
WHOLE: Final[Mapping[str, Json]] = {
    "BaseStockWish": {"adjust": -2, "reason": "Counted by hand"},
    "StockWish": {"add": 20, "version": 8},
    "RuleWish": {"model": "last_touch", "valid_for_s": 604_800, "protected_for_s": 86_400, "version": 0},
    "SimulationWish": {"rule": {"model": "linear"}, "placed_from": "2027-01-15T08:00:00Z"},
    "CampaignWish": {"name": "spring", "title": "Brushes in spring"},
    "SaleChange": {"closes_at": "2027-01-15T09:00:00Z", "version": 6},
    "ItemChange": {"price": 12_900, "version": 6},
    "Guarded": {"version": 6},
    "ProductChange": {"title": "Brush, long", "version": 6},
    "RoomChange": {"title": "By the pond", "version": 6},
    "SessionChange": {"title": "Brushes at nine", "version": 6},
    "SkuChange": {"low_stock": 20, "version": 6},
}
_WORDS: Final[Mapping[str, Any]] = {
    "address": "18 Willow Lane, Hangzhou",
    "campaign": "spring",
    "code": "BRUSH-1",
    "community": "tGyP6s5yDHZ7x",
    "currency": "CNY",
    "email": "hua@example.com",
    "invitation": "eW91J3JlIGludml0ZWQgdG8gYSBwb25kIG9mIG1pbGw",
    "name": "Hua",
    "new_password": "two herons, one pond",
    "password": "seven quiet herons",
    "phone": "+86 571 0000 0000",
    "picture_url": "https://example.com/brush.jpg",
    "provider": "demo",
    "reason": "Too many",
    "refresh_token": "AaMYXFAAcAmORbD2fCJsiA" + "c3RpbGwtd2F0ZXI" + "h" * 49,
    "specification": {"colour": "red"},
    "state": "open",
    "scene": "kX7mQ2vRt",
    "mini_program": "pages/room/index?id=01a3185c-5000-7009-8e45-b0f67c226c88&scene=kX7mQ2vRt",
    "h5": "https://shop.example/room/01a3185c-5000-7009-8e45-b0f67c226c88?s=kX7mQ2vRt",
    "short": "https://shop.example/s/kX7mQ2vRt",
    "sharer_name": "Hua",
    "text": "Called back: leave it at the door.",
    "time_zone": "Asia/Shanghai",
    "title": "Brush",
    "number": "37EF-ND00-003Y",
    "price": 14_900,
    "unit_price": 14_900,
    "amount": 14_900,
    "total": 14_900,
    "expected_total": 14_900,
    "allocated": 100,
    "planned": 100,
    "units": 100,
    "on_hand": 900,
    "sold": 37,
    "free": 63,
    "held": 2,
    "refused": 12,
    "version": 6,
    "hold_ttl_s": 900,
    "limit_per_customer": 2,
    "of": 6_711,
    "quantity": 1,
    "no": 1,
}
_ID: Final = "01a3185c-5000-7009-8e45-b0f67c226c88"
_MOMENT: Final = "2027-01-15T08:00:00.000Z"


def add_examples(document: Json) -> None:
    """Give every JSON body and answer of the document an example that fits its schema."""
    schemas = document["components"]["schemas"]
    for path in document["paths"].values():
        for operation in path.values():
            bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
            for content in (body.get("content", {}).get(JSON_BODY) for body in bodies):
                if content and "example" not in content and content.get("schema"):
                    content["example"] = example_of(content["schema"], schemas)


def example_of(schema: Json, schemas: Mapping[str, Json], name: str = "", depth: int = 0) -> Any:
    """A value that fits a schema. `name` is that of the member it is for."""
    match schema:
        case {"$ref": str(reference)}:
            called = reference.rpartition("/")[2]
            return WHOLE[called] if called in WHOLE else example_of(schemas[called], schemas, name, depth + 1)
        case {"const": fixed} | {"example": fixed}:
            value = fixed
        case {"anyOf": [*choices]} | {"oneOf": [*choices]}:
            real = next(choice for choice in choices if choice.get("type") != "null")
            value = example_of(real, schemas, name, depth + 1)
        case {"enum": [*words]}:
            value = _WORDS[name] if _WORDS.get(name) in words else words[0]
        case {"type": "object"}:
            value = _object(schema, schemas, name, depth)
        case {"type": "array", "items": item} if depth <= DEPTH_MAX:
            value = [example_of(item, schemas, name, depth + 1)]
        case _:
            value = _plain(schema, name)
    return value


def _object(schema: Json, schemas: Mapping[str, Json], name: str, depth: int) -> Any:
    properties, wanted = schema.get("properties"), schema.get("required", ())
    if properties is None:
        return _WORDS.get(name, {})
    return {
        member: example_of(part, schemas, member, depth + 1) for member, part in properties.items() if member in wanted
    }


def _plain(schema: Json, name: str) -> Any:
    match schema.get("type"):
        case "string":
            return _string(schema, name)
        case "integer" | "number":
            known = _WORDS.get(name)
            return known if isinstance(known, int) else max(1, schema.get("minimum", 1))
        case "boolean":
            return schema.get("default", False)
        case "array":
            return []
        case _:
            return None


def _string(schema: Json, name: str) -> str:
    if schema.get("format") == "date-time" or name.endswith("_at") or name == "server_time":
        return _MOMENT
    if name == "id" or name.endswith("_id") or "[0-9a-f]{8}" in schema.get("pattern", "") or name in {"next", "below"}:
        return _ID
    known = _WORDS.get(name)
    return known if isinstance(known, str) else "text"
