"""Invitations to a rehearsal: whoever is not staff and has one may come in, until it expires.

    invitation = "rehearsal.<session id>.<expires>.<signature>"      expires: seconds since 1970

Nothing is stored for one. It is signed with the first of the keys that sign access tokens and read with all of them;
the word at its beginning keeps it apart from everything else that is signed with these.
"""

import hmac
from collections.abc import Mapping
from typing import Final

from accounts.tokens import SigningKey
from keel.clock import Clock

INVITATION_CHARS_MAX: Final = 160
TTL_S: Final = 3_600
TTL_S_MIN: Final = 60
TTL_S_MAX: Final = 86_400
_WORD: Final = "rehearsal"


class Invitations:
    """Makes and reads invitations."""

    def __init__(self, keys: Mapping[str, str], clock: Clock) -> None:
        self._keys = [SigningKey(secret.encode()) for secret in keys.values()]
        self._clock = clock

    def sign(self, session_id: str, *, expires_s: int) -> str:
        """An invitation to a rehearsal session, good until `expires_s`, in seconds since 1970."""
        signed = f"{_WORD}.{session_id}.{expires_s}"
        return f"{signed}.{self._keys[0].signature(signed.encode()).decode()}"

    def admits(self, invitation: str | None, session_id: str) -> bool:
        """Whether this lets somebody into this session now."""
        if invitation is None or len(invitation) > INVITATION_CHARS_MAX or not invitation.isascii():
            return False
        signed, _, signature = invitation.rpartition(".")
        begin, _, expires = signed.rpartition(".")
        if begin != f"{_WORD}.{session_id}":
            return False
        if not any(hmac.compare_digest(key.signature(signed.encode()), signature.encode()) for key in self._keys):
            return False
        return self._clock.ms() // 1000 < int(expires)
