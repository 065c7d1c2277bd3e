"""Who of the staff asks: by a fixed token from the settings, or by an access token of a sign-in."""

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from accounts.denials import Denials
from accounts.tokens import STAFF, Tokens
from keel.errors import NotSignedIn, Unavailable
from keel.identity import Principal, Role

_BY_NAME: Final = {role.value: role for role in Role}


@dataclass(frozen=True)
class _Known:
    digest: bytes
    principal: Principal


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="surrogateescape")).digest()


class StaffTokens:
    """Compares digests, so that neither a token's length nor its first bytes can be measured."""

    def __init__(self, tokens: Iterable[tuple[str, str]]) -> None:
        self._known = [
            _Known(_digest(token), Principal(merchant_id=merchant_id, subject=f"staff-token-{n}", role=Role.OWNER))
            for n, (token, merchant_id) in enumerate(tokens, start=1)
        ]

    def authenticate(self, authorization: str | None) -> Principal | None:
        """Who a `Bearer …` header stands for, or None."""
        scheme, _, token = (authorization or "").partition(" ")
        digest = _digest(token)
        matches = [known.principal for known in self._known if hmac.compare_digest(known.digest, digest)]
        return matches[0] if matches and scheme.lower() == "bearer" else None


class StaffDoor:
    """Lets staff in: fixed tokens first, then access tokens that were not denied."""

    def __init__(self, fixed: StaffTokens, tokens: Tokens, denials: Denials) -> None:
        self._fixed, self._tokens, self._denials = fixed, tokens, denials

    def authenticate(self, authorization: str | None) -> Principal | None:
        """Who a header stands for, or None.

        Raises Unavailable while this process may not know who was shut out: with no word from PostgreSQL for seconds,
        it cannot serve staff in any case.
        """
        known = self._fixed.authenticate(authorization)
        if known is not None or authorization is None:
            return known
        try:
            claims = self._tokens.check(authorization.encode("latin-1"), STAFF)
        except (NotSignedIn, UnicodeEncodeError):
            return None
        if not self._denials.fresh:
            raise Unavailable(detail="who may come in cannot be looked up right now")
        role = _BY_NAME.get(claims.role)
        return None if role is None else Principal(claims.mid, claims.sub, role)
