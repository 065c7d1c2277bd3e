"""The Idempotency-Key: under which name a caller repeats what must not happen twice."""

from collections.abc import Iterable
from typing import Any, Final

from keel.errors import IdempotencyKeyMissing

KEY_CHARS_MAX: Final = 128
KEY_PARAMETER: Final[dict[str, Any]] = {  # for the OpenAPI document, which does not see what `idempotency_key` reads
    "name": "Idempotency-Key",
    "in": "header",
    "required": True,
    "schema": {"type": "string", "minLength": 1, "maxLength": KEY_CHARS_MAX},
}
OPTIONAL_KEY_PARAMETER: Final = KEY_PARAMETER | {"required": False}


def idempotency_key(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """The one key among a request's headers, names in lower case. Raises IdempotencyKeyMissing."""
    sent = [value for name, value in headers if name == b"idempotency-key"]
    if len(sent) != 1 or not 0 < len(sent[0]) <= KEY_CHARS_MAX or not sent[0].isascii():
        raise IdempotencyKeyMissing  # two keys are none: whoever stands between may have gone by the other one
    key = sent[0].decode()
    if not key.isprintable():
        raise IdempotencyKeyMissing
    return key
