"""A text passes by the library's parser only where the library would have read the same."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.server import ServerProtocol

from live.plain_text import is_between_messages, is_plain_pong, plain_text

BYTES_MAX = 300


def frame(data: bytes, *, opcode: Opcode = Opcode.TEXT, fin: bool = True, reserved: bool = False) -> bytes:
    """What a client sends."""
    raw = bytearray([0x80 * fin | 0x40 * reserved | opcode])
    length, mask = len(data), b"mask"
    if length < 126:
        raw.append(0x80 | length)
    elif length < 65_536:
        raw += b"\xfe" + length.to_bytes(2, "big")
    else:
        raw += b"\xff" + length.to_bytes(8, "big")
    return bytes(raw + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(data)))


payloads = st.binary(max_size=400)
frames = st.builds(
    lambda opcode, data, fin, reserved: frame(data, opcode=opcode, fin=fin, reserved=reserved),
    st.sampled_from([Opcode.TEXT, Opcode.TEXT, Opcode.TEXT, Opcode.BINARY, Opcode.CONT, Opcode.PING, Opcode.PONG]),
    payloads | st.just(b""),
    st.booleans(),
    st.sampled_from([False, False, False, True]),
)
streams = st.lists(frames | st.binary(max_size=20), max_size=4).map(b"".join)


def opened() -> ServerProtocol:
    return ServerProtocol(state=State.OPEN, max_size=BYTES_MAX)


def cut(stream: bytes, steps: list[int]) -> Iterator[bytes]:
    for step in steps:
        yield stream[:step]
        stream = stream[step:]
    yield stream


def told(protocol: ServerProtocol) -> list[tuple[Opcode, bytes, bool]]:
    events = protocol.events_received()
    return [(event.opcode, bytes(event.data), event.fin) for event in events if isinstance(event, Frame)]


@given(stream=streams, steps=st.lists(st.integers(1, 500), max_size=6))
def test_with_the_express_lane_or_without_the_same_is_heard(stream, steps):
    by_library, by_both = opened(), opened()
    heard, expected = [], []
    for piece in cut(stream, steps):
        by_library.receive_data(piece)
        expected += told(by_library)
        is_free = is_between_messages(by_both)
        if is_free and (text := plain_text(piece, bytes_max=BYTES_MAX)) is not None:
            heard.append((Opcode.TEXT, text, True))
        elif is_free and is_plain_pong(piece):
            heard.append((Opcode.PONG, b"", True))
        else:
            by_both.receive_data(piece)
            heard += told(by_both)
    assert heard == expected
    assert (by_both.state, by_both.close_sent) == (by_library.state, by_library.close_sent)


@pytest.mark.parametrize("length", [0, 1, 125, 126, BYTES_MAX])
def test_one_whole_text_is_plain(length):
    payload = bytes(range(256))[:length] * 2
    payload = payload[:length]
    assert is_between_messages(opened())
    assert plain_text(frame(payload), bytes_max=BYTES_MAX) == payload


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x81",
        b"\x81\x85hello",  # cut short
        b"\x81\x05hello",  # without a mask
        frame(b"one") + frame(b"two"),
        frame(b"x" * (BYTES_MAX + 1)),
        frame(b"x" * 70_000),
        frame(b"binary", opcode=Opcode.BINARY),
        frame(b"a beginning", fin=False),
        frame(b"reserved", reserved=True),
    ],
)
def test_whatever_else_there_is_goes_the_way_of_all_others(data):
    assert plain_text(data, bytes_max=BYTES_MAX) is None


def test_an_answer_to_a_ping_is_plain_and_nothing_like_it_is():
    assert is_plain_pong(frame(b"", opcode=Opcode.PONG))
    others = frame(b"x", opcode=Opcode.PONG), frame(b"", opcode=Opcode.PING), frame(b"", opcode=Opcode.PONG) * 2
    assert not any(map(is_plain_pong, [*others, frame(b""), frame(b"", opcode=Opcode.PONG, fin=False), b"\x8a\x00"]))


def test_nothing_passes_by_what_is_under_way():
    for begun in (b"\x81", frame(b"half")[:7], frame(b"a part", fin=False)):
        protocol = opened()
        protocol.receive_data(begun)
        assert not is_between_messages(protocol)
    protocol = opened()
    protocol.send_close(1000)
    assert not is_between_messages(protocol)


def test_nothing_is_plain_before_the_handshake():
    assert not is_between_messages(ServerProtocol())
