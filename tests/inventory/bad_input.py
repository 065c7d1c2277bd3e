"""Bodies that the staff API has to refuse: each a good one with one thing wrong."""

from collections.abc import Iterator
from typing import Any, Final

ABSENT: Final = "01a3185c-5000-7000-8000-000000000000"
_SALE_PATH: Final = f"/v1/staff/sales/{ABSENT}"

_GOOD: Final[dict[str, dict[str, Any]]] = {
    "/v1/staff/skus": {"title": "Brush", "code": "B-1", "price": 1, "currency": "CNY"},
    "/v1/staff/sales": {"title": "At nine", "currency": "CNY"},
    f"{_SALE_PATH}/items": {"sku_id": ABSENT, "price": 1, "units": 1},
    f"{_SALE_PATH}/items/{ABSENT}/stock": {"add": 1},
    f"/v1/staff/skus/{ABSENT}/stock": {"receive": 1},
    f"{_SALE_PATH}/pause": {},
    "/v1/staff/sales/not-an-id/pause": {},
}

_WRONG: Final[dict[str, dict[str, list[Any]]]] = {
    "/v1/staff/skus": {
        "price": ["1", True, 1.0, 1.5, -1, 10**12, 10**400, None, [1]],
        "currency": ["cny", "CNYY", "CNY\n", ""],
        "title": ["", "   ", "a\x00b", "a\u0007", "x" * 201, 7, None],
        "code": ["", "a b", "x" * 65, "B-1\n"],
        "units": [-1, 10**9 + 1, False],
        "picture_url": ["javascript:x", "https://" + "x" * 2000, "https://a b"],
        "specification": [{"a": 1}, {"a\x00": "b"}, {str(n): "x" for n in range(21)}, []],
        "needs_recipient": [1, "true"],
        "id": [ABSENT],
    },
    "/v1/staff/sales": {
        "kind": ["auction", None],
        "hold_ttl_s": [0, 604_801, "60"],
        "limit_per_customer": [0, 10_001],
        "opens_at": [
            "2027-01-15T08:00:00",
            1_800_000_000,
            "1800000000",
            "2027-02-30T08:00:00Z",
            "9999-12-31T23:59:59-12:00",
            "0001-01-01T00:00:00+12:00",
        ],
        "closes_at": ["2020-01-01T00:00:00Z"],
        "state": ["open"],
        "rehearsal": ["yes"],
        "version": [3],
    },
    f"{_SALE_PATH}/items": {
        "sku_id": ["x", ABSENT.upper(), ABSENT + "\n"],
        "units": [None, -1],
        "limit_per_customer": [True],
        "version": [0, 2**63],
    },
    f"{_SALE_PATH}/items/{ABSENT}/stock": {"add": [None, 0, "1"], "take": [1, -1], "reason": ["x"]},
    f"/v1/staff/skus/{ABSENT}/stock": {"receive": [None, 0], "adjust": [1, 0], "reason": ["\x1f", ""]},
    f"{_SALE_PATH}/pause": {"force": [True], "version": ["1"]},
    "/v1/staff/sales/not-an-id/pause": {"version": [1]},
}

BAD_SALE_CHANGES: Final[list[dict[str, Any]]] = [
    {"title": None},
    {"title": ""},
    {"hold_ttl_s": None},
    {"kind": "shelf"},
    {"currency": "USD"},
    {"state": "open"},
]
BAD_ITEM_CHANGES: Final[list[dict[str, Any]]] = [{"price": None}, {"price": "1"}, {"units": 3}, {"sku_id": ABSENT}]

BAD_BODIES: Final = (
    b"",
    b"[]",
    b"null",
    b"{",
    b"\xff",
    b'{"title": "\\ud800", "currency": "CNY"}',
    b"[" * 100_000,
)


def bad_requests() -> Iterator[tuple[str, dict[str, Any]]]:
    """(path, body) of requests by POST that are all refused as malformed."""
    for path, fields in _WRONG.items():
        for field, values in fields.items():
            for value in values:
                yield path, _GOOD[path] | {field: value}
    window = {"opens_at": "2027-01-16T00:00:00Z", "closes_at": "2027-01-16T00:00:00Z"}
    yield "/v1/staff/sales", _GOOD["/v1/staff/sales"] | window
    yield f"/v1/staff/skus/{ABSENT}/stock", {"adjust": 1}
