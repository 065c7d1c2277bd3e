"""Guest passes: ids of viewers who are nobody's customers, signed so that none can be made up or taken over.

Whoever only watches costs no row: the client keeps the pass, and whoever comes back with it is the same viewer.
A customer who was a guest gets a spare one, which was nobody's yet; it says so until a guest comes with it.
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
_GUEST: Final = "guest"
_SPARE: Final = "spare"


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
        return self._signed(_GUEST, viewer_id)

    def spare(self, kept: str | None = None) -> str:
        """A pass for whoever watches after a customer, or the one that he `kept`, good from now on."""
        return self._signed(_SPARE, self._ids.new() if kept is None else self.read(kept))

    def read(self, text: str) -> str:
        """The viewer's id. Raises NotSignedIn, which never says what was wrong."""
        signed, _, signature = text.rpartition(".")
        word, _, rest = signed.partition(".")
        viewer_id, _, issued_s = rest.partition(".")
        if len(text) > PASS_CHARS_MAX or not text.isascii() or word not in {_GUEST, _SPARE} or not is_id(viewer_id):
            raise NotSignedIn
        if not any(hmac.compare_digest(key.signature(signed.encode()), signature.encode()) for key in self._keys):
            raise NotSignedIn
        if self._clock.ms() // 1000 - int(issued_s) > GOOD_FOR_S:
            raise NotSignedIn
        return viewer_id

    def is_spare(self, text: str) -> bool:
        """Whether a pass was no guest's yet. Raises NotSignedIn as `read` does."""
        self.read(text)
        return text.startswith(f"{_SPARE}.")

    def _signed(self, word: str, viewer_id: str) -> str:
        signed = f"{word}.{viewer_id}.{self._clock.ms() // 1000}"
        return f"{signed}.{self._keys[0].signature(signed.encode()).decode()}"
