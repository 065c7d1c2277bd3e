"""Why the gateway closes a socket, by number: the hundreds say whether the client comes back.

40xx: come back, after the wait of `bye`. 41xx: come back with another token. 42xx: do not come back by yourself.
"""

from enum import IntEnum, StrEnum
from typing import Final


class ComeBack(StrEnum):
    """What a client does after a close."""

    YES = "yes"
    WITH_TOKEN = "with_token"  # noqa: S105 -- a word, not a secret
    NO = "no"


class CloseCode(IntEnum):
    """Our codes, of the range that RFC 6455 leaves to applications."""

    DRAINING = 4000
    TOO_SLOW = 4001
    SILENT = 4002
    UNWELL = 4003
    FAULT = 4004
    NO_HELLO = 4005
    TOKEN = 4100
    UNREADABLE = 4200
    HELLO_FIRST = 4201
    FLOOD = 4202
    REPLACED = 4203
    BINARY = 4204


MEANING: Final[dict[CloseCode, str]] = {
    CloseCode.DRAINING: "this gateway is about to stop; another one serves you",
    CloseCode.TOO_SLOW: "you read more slowly than the room speaks",
    CloseCode.SILENT: "no answer to pings",
    CloseCode.UNWELL: "this gateway does not hear the rooms; try another one",
    CloseCode.FAULT: "a fault of ours",
    CloseCode.NO_HELLO: "no hello in time",
    CloseCode.TOKEN: "the token or the guest pass is not good, or not any more",
    CloseCode.UNREADABLE: "too many messages that cannot be understood",
    CloseCode.HELLO_FIRST: "the first message has to be hello",
    CloseCode.FLOOD: "too many messages after being told to slow down",
    CloseCode.REPLACED: "you have newer sockets, and this one is over the limit",
    CloseCode.BINARY: "only text frames are understood",
}
assert MEANING.keys() == set(CloseCode), "every code has its meaning"

NOT_UTF8: Final = 1007
# Codes that RFC 6455 gives, and others of ours that never pass this table: what a client may meet besides.
STANDARD: Final[dict[int, tuple[ComeBack, str]]] = {
    1000: (ComeBack.NO, "you closed the socket"),
    1001: (ComeBack.YES, "the gateway went away"),
    1002: (ComeBack.NO, "the frames break RFC 6455"),
    1006: (ComeBack.YES, "the connection was lost; nobody said why"),
    NOT_UTF8: (ComeBack.NO, "a text that is not UTF-8"),
    1009: (ComeBack.NO, "a message larger than the limit"),
    1011: (ComeBack.YES, "a fault of ours"),
}

_BY_HUNDRED: Final = {40: ComeBack.YES, 41: ComeBack.WITH_TOKEN, 42: ComeBack.NO}


def meaning_of(code: int) -> str:
    """Why a socket is closed with this code, of ours or of RFC 6455."""
    return STANDARD[code][1] if code in STANDARD else MEANING[CloseCode(code)]


def come_back(code: int) -> ComeBack:
    """What a client does after a close with this code; one that it does not know counts by its hundred."""
    if code in STANDARD:
        return STANDARD[code][0]
    return _BY_HUNDRED.get(code // 100, ComeBack.YES)
