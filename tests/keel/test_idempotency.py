"""A request has one readable key, or none at all."""

import pytest

from keel.errors import IdempotencyKeyMissing
from keel.idempotency import KEY_CHARS_MAX, KEY_PARAMETER, idempotency_key


def headers(*keys: bytes) -> list[tuple[bytes, bytes]]:
    return [(b"host", b"pond"), *((b"idempotency-key", key) for key in keys), (b"x-idempotency-key", b"another")]


@pytest.mark.parametrize("key", ["1", "monday's", "a key", "k" * KEY_CHARS_MAX])
def test_the_one_key_is_read_as_it_was_sent(key: str):
    assert idempotency_key(headers(key.encode())) == key
    assert idempotency_key(iter(headers(key.encode()))) == key


@pytest.mark.parametrize(
    "keys",
    [(), (b"",), (b"k" * (KEY_CHARS_MAX + 1),), (b"a\tb",), (b"a\x7f",), ("钥".encode(),), (b"\xff",), (b"a", b"a")],
)
def test_what_is_not_one_readable_key_is_none(keys: tuple[bytes, ...]):
    with pytest.raises(IdempotencyKeyMissing):
        idempotency_key(headers(*keys))


def test_the_document_says_the_limits_of_the_reader():
    assert KEY_PARAMETER["schema"] == {"type": "string", "minLength": 1, "maxLength": 128}
    assert KEY_CHARS_MAX == 128
