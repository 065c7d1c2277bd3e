"""Text frames of RFC 6455 as a server sends them: encoded once, written to any number of sockets."""

from typing import Final

_TEXT: Final = 0x81  # a whole message in one frame
_SHORT_MAX: Final = 125
_MEDIUM_MAX: Final = 0xFFFF


def frame_of(payload: bytes) -> bytes:
    """The frame of a payload that is UTF-8."""
    length = len(payload)
    if length <= _SHORT_MAX:
        return bytes((_TEXT, length)) + payload
    if length <= _MEDIUM_MAX:
        return bytes((_TEXT, 126)) + length.to_bytes(2, "big") + payload
    return bytes((_TEXT, 127)) + length.to_bytes(8, "big") + payload
