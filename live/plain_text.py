"""A text that came as one whole frame, read without the library's parser.

That asks a generator of a generator for each part of a frame, and makes and checks objects of it that a message of ours
does not need: more than the whole placement around it. What is plain is seen at a glance. Whatever is not (in pieces,
several at once, fragments, control frames, too long, wrongly masked) takes the way of all others, and is judged there.
"""

from typing import Any, Final

from websockets.frames import Opcode, apply_mask  # type: ignore[attr-defined]  # theirs in C, where they have it
from websockets.protocol import Protocol, State

_WHOLE_TEXT: Final = 0x80 | Opcode.TEXT
_MASKED: Final = 0x80
_MEDIUM: Final = _MASKED | 126
_SHORT_BODY_AT: Final = 6  # two bytes of head, four of mask
_MEDIUM_BODY_AT: Final = 8
_EMPTY_PONG: Final = bytes((0x80 | Opcode.PONG, _MASKED))
_WAITING: Final = "at_eof"  # where the library's parser is between two frames


def plain_text(data: bytes, *, bytes_max: int) -> bytes | None:
    """The text of `data` where that is one client's frame and nothing else, else None."""
    size = len(data)
    if size < _SHORT_BODY_AT or data[0] != _WHOLE_TEXT:
        return None
    if data[1] == _MEDIUM:
        body_at = _MEDIUM_BODY_AT
        length = data[2] << 8 | data[3]
    else:
        body_at = _SHORT_BODY_AT
        length = data[1] - _MASKED  # below zero without a mask, and 127 with a length of eight bytes
        if length > 125:
            return None
    if size != body_at + length or length > bytes_max:
        return None
    text: bytes = apply_mask(data[body_at:], data[body_at - 4 : body_at])
    return text


def is_plain_pong(data: bytes) -> bool:
    """Whether `data` is a client's answer to a ping that said nothing, and nothing else. Its mask masks nothing."""
    return len(data) == _SHORT_BODY_AT and data.startswith(_EMPTY_PONG)


def is_between_messages(protocol: Protocol) -> bool:
    """Whether the library expects the first byte of a message, so that one may pass by it.

    It says that by where its parser waits. Were that built in another way, nothing would be plain, and all as right.
    """
    if protocol.state is not State.OPEN or protocol.current_size is not None:
        return False
    parser: Any = protocol.parser
    within = parser.gi_yieldfrom
    waits_in = None if within is None else within.gi_yieldfrom
    return waits_in is not None and waits_in.__name__ == _WAITING
