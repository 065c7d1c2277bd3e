"""Purchase tickets: a signed word that a viewer has been in the room long enough, for sales that ask for one.

A ticket is `key id.expiry.signature`, good for one viewer and one sale of one merchant until it expires (seconds since
1970). Nothing about it is stored: whoever has the keys can check it, and it costs the order path one HMAC. It is
signed with the keys of the access tokens; what is signed begins with a word that no token begins with.
"""

import hmac
from collections.abc import Iterable, Mapping
from typing import Final

from accounts.tokens import LEEWAY_S, SigningKey
from keel.clock import Clock

TICKET_TTL_S: Final = 600
_PARTS: Final = 3
_EXPIRY_CHARS_MAX: Final = 12


class Tickets:
    """Signs and checks tickets with keys by key id; the first key signs, all verify."""

    def __init__(self, keys: Mapping[str, str], clock: Clock) -> None:
        self._keys = {kid: SigningKey(secret.encode()) for kid, secret in keys.items()}
        self._signing_kid = next(iter(self._keys))
        self._clock = clock

    def sign(self, *, merchant_id: str, sale_id: str, viewer_id: str, ttl_s: int = TICKET_TTL_S) -> str:
        """A ticket that is good for `ttl_s` seconds. Whether the viewer has earned it, the caller knows."""
        expiry = str(self._clock.ms() // 1000 + ttl_s)
        signature = self._keys[self._signing_kid].signature(_signed(merchant_id, sale_id, viewer_id, expiry))
        return f"{self._signing_kid}.{expiry}.{signature.decode()}"

    def is_good(self, ticket: str, *, merchant_id: str, sale_id: str, people: Iterable[str]) -> bool:
        """Whether one of these ids, all of the same person, earned this ticket and it has not expired."""
        parts = ticket.rsplit(".", _PARTS - 1)  # a key id may have dots
        if len(parts) != _PARTS or not ticket.isascii():
            return False
        kid, expiry, signature = parts
        key = self._keys.get(kid)
        if key is None or not expiry.isdigit() or len(expiry) > _EXPIRY_CHARS_MAX:
            return False
        if int(expiry) + LEEWAY_S <= self._clock.ms() // 1000:
            return False
        sent = signature.encode()
        return any(
            hmac.compare_digest(key.signature(_signed(merchant_id, sale_id, viewer_id, expiry)), sent)
            for viewer_id in people
        )


def _signed(merchant_id: str, sale_id: str, viewer_id: str, expiry: str) -> bytes:
    return f"ticket {merchant_id} {sale_id} {viewer_id} {expiry}".encode()
