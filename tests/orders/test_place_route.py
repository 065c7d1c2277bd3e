"""Bad input of every kind on the order route: a clear problem document, and nothing stored by half."""

import gzip
import json
from typing import Any, Final

import pytest

from orders.schemas import BODY_BYTES_MAX, TOTAL_MAX
from tests.inventory.selling import make_merchant, open_sale
from tests.orders.serving import Counter, Served, problem_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

ABSENT: Final = "01a3185c-5000-7000-8000-000000000000"
MALFORMED: Final = (400, "malformed")

WRONG_MEMBERS: Final[dict[str, list[Any]]] = {
    "lines": [None, {}, "", 1, [], [[]], [None], [1], [{}], [{"item_id": "ITEM"}], [{"quantity": 1}]],
    "expected_total": ["149.00", -1, 1.5, True, [], TOTAL_MAX + 1, 10**30],
    "share_code": [7, "x" * 65, "a\x00b", "a\nb", "码", "\x7f"],
    "ticket": [7, "x" * 513, "\x00", "票"],
    "recipient": [
        "Hua",
        [],
        {},
        {"name": "Hua", "phone": "1"},
        {"name": "", "phone": "1", "address": "Lane 1"},
        {"name": "Hua\x00", "phone": "1", "address": "Lane 1"},
        {"name": "Hua", "phone": "1" * 33, "address": "Lane 1"},
        {"name": "Hua", "phone": "一", "address": "Lane 1"},
        {"name": "x" * 101, "phone": "1", "address": "Lane 1"},
        {"name": "Hua", "phone": "1", "address": "x" * 501},
        {"name": "Hua", "phone": "1", "address": "Lane 1", "vip": True},
    ],
    "total": [1],
    "merchant_id": [ABSENT],
}
WRONG_LINES: Final[dict[str, list[Any]]] = {
    "quantity": [0, -1, -(2**63), 10_001, 2**31, 2**63, 2**64, 10**30, "1", 1.0, 1.5, True, None, [1]],
    "item_id": ["", "brush", 1, None, ABSENT.upper(), ABSENT + "\n", f"{{{ABSENT}}}", "' OR 1=1 --", "x" * 1_000],
    "price": [1],
}
WRONG_TEXTS: Final[dict[str, bytes]] = {
    "nothing": b"",
    "no JSON": b"one brush, please",
    "cut off": b'{"lines": [{"item_id": "',
    "null": b"null",
    "a list": b"[]",
    "a number": b"7",
    "more behind it": b'{"lines": []} {"lines": []}',
    "NaN": b'{"lines": [{"item_id": "ITEM", "quantity": NaN}]}',
    "Infinity": b'{"lines": [{"item_id": "ITEM", "quantity": Infinity}]}',
    "1e999": b'{"lines": [{"item_id": "ITEM", "quantity": 1e999}]}',
    "1e2 is no whole number": b'{"lines": [{"item_id": "ITEM", "quantity": 1e2}]}',
    "5,000 digits": b'{"lines": [{"item_id": "ITEM", "quantity": ' + b"9" * 5_000 + b"}]}",
    "a half surrogate": b'{"lines": [{"item_id": "ITEM", "quantity": 1}], "share_code": "\\ud800"}',
    "a half surrogate as a name": b'{"lines": [{"item_id": "ITEM", "quantity": 1}], "\\udfff": 1}',
    "surrogates in UTF-8": b'{"lines": [{"item_id": "ITEM", "quantity": 1}], "share_code": "\xed\xa0\x80"}',
    "not UTF-8": b'{"lines": [{"item_id": "ITEM", "quantity": 1}], "share_code": "\xff"}',
    "an escaped NUL": b'{"lines": [{"item_id": "ITEM", "quantity": 1}], "share_code": "\\u0000"}',
    "a bare NUL": b'{"lines": [{"item_id": "ITEM", "quantity": 1}], "share_code": "\x00"}',
    "NUL behind it": b'{"lines": [{"item_id": "ITEM", "quantity": 1}]}\x00',
    "UTF-16": '{"lines": []}'.encode("utf-16"),
    "UTF-8 with a mark": b'\xef\xbb\xbf{"lines": []}',
    "deep lists": b"[" * BODY_BYTES_MAX,
    "deep lines": b'{"lines": ' + b"[" * 16_000,
    "deep objects": b'{"lines":' * 1_500,
    "gzip": gzip.compress(b'{"lines": []}'),
    "a form": b"lines=1",
}


def filled(text: bytes, counter: Counter) -> bytes:
    return text.replace(b"ITEM", counter.sale.item_ids[0].encode())


@pytest.mark.parametrize("name", WRONG_MEMBERS)
async def test_a_wrong_member_is_malformed(counter: Counter, name):
    for value in WRONG_MEMBERS[name]:
        body = counter.served.wish(counter.sale) | {name: value}
        wish = filled(json.dumps(body).encode(), counter)
        problem = await counter.refuses(counter.served.order(counter.sale, wish), *MALFORMED)
        assert problem["detail"]


@pytest.mark.parametrize("name", WRONG_LINES)
async def test_a_wrong_line_is_malformed_and_the_good_ones_beside_it_are_not_sold(counter: Counter, name):
    for value in WRONG_LINES[name]:
        wish = counter.served.wish(counter.sale, 1, 1)
        wish["lines"][1][name] = value
        problem = await counter.refuses(counter.served.order(counter.sale, wish), *MALFORMED)
        assert "lines" in problem["detail"]


@pytest.mark.parametrize("text", WRONG_TEXTS.values(), ids=WRONG_TEXTS)
async def test_a_body_that_is_no_order_is_malformed(counter: Counter, text):
    problem = await counter.refuses(counter.served.order(counter.sale, filled(text, counter)), *MALFORMED)
    assert 0 < len(problem["detail"]) <= 300


async def test_twenty_lines_are_taken_and_twenty_one_are_not(served: Served):
    sale = await open_sale(served.shop, units=[1] * 21)
    wish = served.wish(sale, *[1] * 21)
    await Counter(served, sale).refuses(served.order(sale, wish), *MALFORMED)
    answer = await served.order(sale, {"lines": wish["lines"][:20]})
    assert (answer.status_code, len(answer.json()["lines"])) == (201, 20)
    assert await served.free(sale) == [0] * 20 + [1]


async def test_lines_of_one_item_add_up_to_no_more_than_a_line_may_have(counter: Counter):
    line = {"item_id": counter.sale.item_ids[0], "quantity": 10_000}
    problem = await counter.refuses(counter.served.order(counter.sale, {"lines": [line, line]}), *MALFORMED)
    assert problem["detail"] == "more than 10000 units of one item"


async def test_a_body_of_a_megabyte_is_too_large(counter: Counter):
    for body in (b" " * 1_000_000, b'{"share_code": "' + b"x" * 1_000_000 + b'"}', b" " * (BODY_BYTES_MAX + 1)):
        problem = await counter.refuses(counter.served.order(counter.sale, body), 413, "too-large")
        assert problem["bytes_max"] == BODY_BYTES_MAX


async def test_a_body_of_just_the_size_is_read(counter: Counter):
    body = json.dumps(counter.served.wish(counter.sale, 0)).encode()
    await counter.refuses(counter.served.order(counter.sale, body.ljust(BODY_BYTES_MAX)), *MALFORMED)


@pytest.mark.parametrize(
    "media_type", ["text/plain", "application/x-www-form-urlencoded", "application/xml", "json", ""]
)
async def test_another_media_type_is_refused(counter: Counter, media_type):
    request = counter.served.order(counter.sale, headers={"content-type": media_type})
    await counter.refuses(request, 415, "wrong-media-type")


BAD_KEYS: Final = {
    "empty": "",
    "too long": "k" * 129,
    "a control character": "a\tb",
}


@pytest.mark.parametrize("key", BAD_KEYS.values(), ids=BAD_KEYS)
async def test_a_bad_key_is_no_key(counter: Counter, key):
    request = counter.served.order(counter.sale, headers={"idempotency-key": key})
    await counter.refuses(request, 400, "idempotency-key-missing")


async def test_a_key_of_other_letters_is_no_key(counter: Counter):
    headers = [(name.encode(), value.encode()) for name, value in counter.served.headers().items()]
    for key in ("钥".encode(), b"\xff", "ключ".encode("koi8-r")):
        sent = [pair for pair in headers if pair[0] != b"idempotency-key"] + [(b"idempotency-key", key)]
        request = counter.served.client.post(
            counter.served.path(counter.sale), json=counter.served.wish(counter.sale), headers=sent
        )
        await counter.refuses(request, 400, "idempotency-key-missing")


async def test_no_key_is_no_order_and_neither_are_two(counter: Counter):
    head = counter.served.headers()
    key = head.pop("idempotency-key")
    path, wish = counter.served.path(counter.sale), counter.served.wish(counter.sale)
    for sent in (head, [*head.items(), ("idempotency-key", key), ("Idempotency-Key", key + "2")]):
        request = counter.served.client.post(path, json=wish, headers=sent)
        await counter.refuses(request, 400, "idempotency-key-missing")


async def test_a_key_used_with_another_body_is_refused_and_the_first_order_stands(served: Served):
    sale = await open_sale(served.shop, units=[10])
    key = served.shop.ids.new()
    first = await served.order(sale, served.wish(sale, 2, share_code="hua"), key=key)
    assert first.status_code == 201
    others = [served.wish(sale, 1, share_code="hua"), served.wish(sale, 2), served.wish(sale, 2, expected_total=29_800)]
    for wish in others:
        await Counter(served, sale).refuses(served.order(sale, wish, key=key), 422, "idempotency-key-reused")
    again = await served.order(sale, served.wish(sale, 2, share_code="hua"), key=key)
    assert (again.status_code, again.headers["idempotency-replayed"]) == (200, "true")
    assert again.json() == first.json()


BAD_TOKENS: Final = {
    "none": "",
    "no scheme": "x",
    "basic": "Basic aHVhOmh1YQ==",
    "half a scheme": "Bearer",
    "rubbish": "Bearer a.b.c",
    "unsigned": "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.",
    "huge": "Bearer " + "x" * 10_000,
}


@pytest.mark.parametrize("token", BAD_TOKENS.values(), ids=BAD_TOKENS)
async def test_without_a_good_token_nothing_is_even_read(counter: Counter, token):
    request = counter.served.order(counter.sale, b"{", headers={"authorization": token, "idempotency-key": ""})
    await counter.refuses(request, 401, "not-signed-in")


async def test_an_expired_token_and_one_of_staff_are_refused(counter: Counter):
    for head in (counter.served.authorization(ttl_s=-60), {"authorization": "Bearer a staff token that only"}):
        await counter.refuses(counter.served.order(counter.sale, headers=head), 401, "not-signed-in")


async def test_another_merchants_sale_looks_like_none(counter: Counter):
    served = counter.served
    stranger = await make_merchant(served.shop.selling, "Another pond")
    head = served.headers() | served.authorization(merchant_id=stranger.merchant_id)
    theirs = served.client.post(served.path(counter.sale), json=served.wish(counter.sale), headers=head)
    absent = served.client.post(f"/v1/sales/{ABSENT}/orders", json=served.wish(counter.sale), headers=served.headers())
    assert await counter.refuses(theirs, 404, "not-found") == await counter.refuses(absent, 404, "not-found")


async def test_another_sales_item_is_unknown_here(counter: Counter):
    other = await open_sale(counter.served.shop, units=[3])
    for item_id in (other.item_ids[0], ABSENT, other.id):
        wish = counter.served.wish(counter.sale, 1)
        wish["lines"].append({"item_id": item_id, "quantity": 1})
        problem = await counter.refuses(counter.served.order(counter.sale, wish), 404, "unknown-item")
        assert problem["item_id"] == item_id


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_the_path_takes_no_other_method(counter: Counter, method):
    request = counter.served.client.request(method, counter.served.path(counter.sale), headers=counter.served.headers())
    problem = await counter.refuses(request, 405, "method-not-allowed")
    assert problem["allow"] == "POST"


async def test_head_answers_like_get_without_a_body(counter: Counter):
    answer = await counter.served.client.head(counter.served.path(counter.sale))
    assert (answer.status_code, answer.headers["allow"], answer.content) == (405, "POST", b"")


async def test_a_path_spelled_with_escapes_is_the_same_path(served: Served):
    sale = await open_sale(served.shop, units=[2])
    head = served.headers()
    path = f"/v1/sales/{sale.id}%2Forders?utm_source=card"
    assert (await served.client.post(path, json=served.wish(sale), headers=head)).status_code == 201
    again = await served.client.post(served.path(sale), json=served.wish(sale), headers=head)
    assert again.status_code == 200
    assert await served.free(sale) == [1]


async def test_a_member_said_twice_counts_as_it_was_said_last(served: Served):
    sale = await open_sale(served.shop, units=[9])
    line = f'{{"item_id": "{sale.item_ids[0]}", "quantity": 5, "quantity": 2}}'
    answer = await served.order(sale, f'{{"lines": [{line}, {line}], "lines": [{line}]}}'.encode())
    assert answer.status_code == 201
    assert await served.free(sale) == [7]
    for lines in (f'"lines": [{line}], "lines": []', f'"lines": [], "lines": [{line}]'):
        problem_of(await served.order(sale, f"{{{lines}}}".encode()), *MALFORMED)
