"""How the gateway ends a socket: it says why and whether to come back, and closes with a code that says the same."""

import secrets
from typing import Final

from keel.errors import Refusal
from live.close_codes import ComeBack, come_back, meaning_of
from live.connection import ViewerConnection
from live.messages import Bye

COME_BACK_WITHIN_MS: Final = 5_000  # everybody who is sent away at once comes back spread over this


def say_bye(connection: ViewerConnection, code: int, refusal: Refusal | None = None) -> None:
    """Say bye, if anything may still be said, and close. Safe to repeat."""
    if not connection.is_open:
        return
    may_return = come_back(code)
    bye = Bye(
        code=code,
        come_back=may_return,
        after_ms=None if may_return is ComeBack.NO else secrets.randbelow(COME_BACK_WITHIN_MS),
        problem=None if refusal is None else refusal.document(),
    )
    connection.say(bye)
    connection.end(code, meaning_of(code))
