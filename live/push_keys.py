"""Push keys: who has one may publish at a place until it expires, or until the place's number of keys is raised.

    key = "<expires>.<signature>"      expires: seconds since 1970, hexadecimal
    signature = base64url(HMAC-SHA256(derived key, "<place> <key no> <expires>")), without padding

Nothing is stored for a key, and it says nothing of any account. The signing keys are derived from those of the access
tokens: the first one signs and all are accepted, so they are changed for new ones in the same way.
"""

import base64
import hmac
from collections.abc import Iterable
from enum import Enum
from typing import Final

KEY_CHARS_MAX: Final = 100
TTL_S: Final = 86_400
TTL_S_MIN: Final = 60
TTL_S_MAX: Final = 366 * 86_400
PARAMETER: Final = "key"
_PURPOSE: Final = b"millpond push keys"


class Validity(Enum):
    """What a key is worth. NONE: forged, of another place, or taken back."""

    GOOD = "good"
    EXPIRED = "expired"
    NONE = "none"


class PushKeys:
    """Makes and checks push keys. `secrets` are those of the access tokens, the one that signs first."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._keys = [hmac.digest(secret.encode(), _PURPOSE, "sha256") for secret in secrets]

    def sign(self, *, place: str, key_no: int, expires_s: int) -> str:
        """A key for a place, good until `expires_s`, in seconds since 1970."""
        return f"{expires_s:x}.{_signature(self._keys[0], place, key_no, f'{expires_s:x}')}"

    def check(self, key: str, *, place: str, key_no: int, now_s: int) -> Validity:
        """What a key is worth at a place. Signatures are compared in constant time."""
        expires, _, signature = key[:KEY_CHARS_MAX].partition(".")
        wanted = [_signature(secret, place, key_no, expires) for secret in self._keys]
        sent = signature.encode("utf-8", "replace")
        if not any(hmac.compare_digest(one.encode(), sent) for one in wanted):
            return Validity.NONE
        return Validity.GOOD if now_s < int(expires, 16) else Validity.EXPIRED


def _signature(secret: bytes, place: str, key_no: int, expires: str) -> str:
    message = f"{place} {key_no} {expires}".encode("utf-8", "replace")
    return base64.urlsafe_b64encode(hmac.digest(secret, message, "sha256")).rstrip(b"=").decode()
