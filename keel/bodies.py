"""Bodies that come in pieces from somebody who may send more than is good."""

from collections.abc import AsyncIterable


async def read_within(pieces: AsyncIterable[bytes], *, bytes_max: int) -> bytes | None:
    """The whole of it, counted while it comes; None, and nothing more is asked for, once it is longer than that."""
    body = bytearray()
    async for piece in pieces:
        body += piece
        if len(body) > bytes_max:
            return None
    return bytes(body)
