"""A body is read as far as it may be long, and no further."""

from collections.abc import AsyncIterator

from keel.bodies import read_within


class Sent:
    """A body of pieces, and how many of them were asked for."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces, self.asked = pieces, 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            self.asked += 1
            yield piece


async def test_a_body_of_just_the_size_is_read_whole():
    assert await read_within(Sent(b"mill", b"", b"pond"), bytes_max=8) == b"millpond"
    assert await read_within(Sent(), bytes_max=0) == b""


async def test_of_a_body_that_is_too_long_nothing_more_is_asked_for():
    sent = Sent(b"mill", b"pond", b"river")
    assert await read_within(sent, bytes_max=7) is None
    assert sent.asked == 2
