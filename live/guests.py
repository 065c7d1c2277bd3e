"""Guest passes: ids of viewers who are nobody's customers, signed so that none can be made up or taken over.

Whoever only watches costs no row: the client keeps the pass, and whoever comes back with it is the same viewer.
"""

import hmac
from collections.abc import Mapping
from typing import Final

from accounts.tokens import SigningKey
from keel.clock import Clock
from keel.errors import NotSignedIn
from keel.ids import Ids, is_id

GOOD_FOR_S: Final = 90 * 24 * 3600
PASS_CHARS_MAX: Final = 160
_WORD: Final = "guest"


class GuestPasses:
    """Signs passes with the first of the keys that sign access tokens, and reads those of all."""

    def __init__(self, keys: Mapping[str, str], clock: Clock, ids: Ids) -> None:
        self._keys = [SigningKey(secret.encode()) for secret in keys.values()]
        self._clock, self._ids = clock, ids

    def new(self) -> str:
        """The pass of a viewer who was never here."""
        return self.renewed(self._ids.new())

    def renewed(self, viewer_id: str) -> str:
        """A pass that is good from now on."""
        signed = f"{_WORD}.{viewer_id}.{self._clock.ms() // 1000}"
        return f"{signed}.{self._keys[0].signature(signed.encode()).decode()}"

    def read(self, text: str) -> str:
        """The viewer's id. Raises NotSignedIn, which never says what was wrong."""
        signed, _, signature = text.rpartition(".")
        word, _, rest = signed.partition(".")
        viewer_id, _, issued_s = rest.partition(".")
        if len(text) > PASS_CHARS_MAX or not text.isascii() or word != _WORD or not is_id(viewer_id):
            raise NotSignedIn
        if not any(hmac.compare_digest(key.signature(signed.encode()), signature.encode()) for key in self._keys):
            raise NotSignedIn
        if self._clock.ms() // 1000 - int(issued_s) > GOOD_FOR_S:
            raise NotSignedIn
        return viewer_id
