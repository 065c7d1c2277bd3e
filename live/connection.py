"""One viewer's socket: the library's connection with its messages handed on at once and its frames written at once.

The library queues messages for a task that reads them, and encodes a frame for each socket; in a room of thousands both
cost more than everything else. Messages are limited in size, number and rate, so they are handled where they arrive.
"""

import asyncio
import logging
import os
import time
from collections.abc import Callable
from typing import Final, Protocol

from websockets.asyncio.connection import Connection
from websockets.frames import CloseCode as StandardCode
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import Event, State
from websockets.server import ServerProtocol

from keel.buckets import Bucket, Rate
from live.close_codes import CloseCode
from live.conversation import Conversation
from live.frames import frame_of
from live.gateway_metrics import CLOSED
from live.messages import encode_json
from live.plain_text import is_between_messages, is_plain_pong, plain_text
from live.viewers import Seat, Viewer

log = logging.getLogger(__name__)

FRAME_BYTES_MAX: Final = 20_480  # an order of 16 KiB and what is around it
FRAGMENTS_MAX: Final = 64
CLOSED_WITHIN_S: Final = 5.0
SEND_BUFFER_BYTES_MAX: Final = 65_536
# What one socket sends is read so far in a turn of the loop, then the others have theirs: the library takes some 20 µs
# for a frame, and a chunk that comes from the system may hold 40,000 of them.
TURN_BYTES_MAX: Final = 4_096
TURN_FRAMES_MAX: Final = 32
PIECE_BYTES: Final = 256  # between two looks at how many there were
# Pings, pongs and fragments; whole messages are counted by the conversation, which can answer them.
SMALL_FRAMES: Final = Rate(per_s=20.0, burst=100)
# Whoever is closed for one of these is not listened to any more, not even for his goodbye.
_UNHEARD: Final = {CloseCode.FLOOD, CloseCode.UNREADABLE, CloseCode.BINARY, StandardCode.MESSAGE_TOO_BIG}
_PING: Final = bytes((0x80 | Opcode.PING, 0))
_CONTINUED: Final = {Opcode.CONT, Opcode.TEXT, Opcode.BINARY}

Hear = Callable[["ViewerConnection", bytes], None]


class House(Protocol):
    """Where a socket comes in; see live.entrance."""

    def came(self, connection: "ViewerConnection") -> None:
        """It is there, and has said nothing."""
        ...

    def knocked(self, connection: "ViewerConnection", request: Request) -> None:
        """Its request is there."""
        ...

    def went(self, connection: "ViewerConnection") -> None:
        """It is lost."""
        ...


class ViewerConnection(Connection):
    """A socket, and what the gateway knows of whoever is at its other end. `hear` is given each text message."""

    hear: Hear
    conversation: Conversation
    address: str = ""
    address_messages: Bucket
    viewer: Viewer | None = None
    in_flight: int = 0
    heard: bool = True
    pinged: bool = False
    _ended: bool = False
    _file: int = -1
    _fragments: list[bytes] | None = None
    _unread: bytes = b""
    _frames: int = 0
    _small_frames_full_at_s: float = 0.0

    protocol: ServerProtocol

    def __init__(self, protocol: ServerProtocol, house: House) -> None:
        # No pings of the library's: a task for each socket costs more than the socket. See `look` of the gateway.
        options = {"ping_interval": None, "ping_timeout": None}
        super().__init__(protocol, close_timeout=CLOSED_WITHIN_S, write_limit=SEND_BUFFER_BYTES_MAX, **options)
        self._house = house
        self.seats: dict[str, Seat] = {}

    @property
    def is_open(self) -> bool:
        """Whether anything may still be said."""
        return self.protocol.state is State.OPEN

    def push(self, frame: bytes) -> None:
        """Write a whole text frame. Past the buffer's limit the transport calls `pause_writing`, and the socket ends.

        Straight into the socket where nothing waits before it; what does not fit is the transport's. The descriptor is
        ours while the state says open: the transport closes it after `connection_lost` only, which says closed.
        Nothing of ours sends in fragments; were one under way, this frame would break into it.
        """
        if self.protocol.state is not State.OPEN or self.send_in_progress is not None:
            return
        sent = 0
        if not self.transport.get_write_buffer_size():
            try:
                sent = os.write(self._file, frame)
            except OSError:
                sent = 0  # full, or gone: the transport finds out which
        if sent < len(frame):
            self.transport.write(frame[sent:])

    def say(self, message: object) -> None:
        """Encode a message and write it."""
        self.push(frame_of(encode_json(message)))

    def pause_writing(self) -> None:
        """The viewer does not read: it comes back when it can, and is told what it missed."""
        super().pause_writing()
        self.end(CloseCode.TOO_SLOW)

    def end(self, code: int, reason: str = "") -> None:
        """Begin to close; whoever does not answer in CLOSED_WITHIN_S is cut off. Safe to repeat."""
        if self._ended or self.protocol.state is not State.OPEN:
            return
        self._ended = True
        CLOSED.labels(code=str(int(code))).inc()
        if code in _UNHEARD:
            self.protocol.fail(code, reason)  # what else comes is dropped unread
        else:
            self.protocol.send_close(code, reason)
        self.send_data()
        self.loop.call_later(CLOSED_WITHIN_S, self.transport.abort)

    def beat(self) -> bool:
        """Ask for a sign of life, if there was none since the last time. False when the last question is unanswered."""
        if self.heard:
            self.heard = self.pinged = False
            return True
        if self.pinged:
            return False
        self.pinged = True
        self.push(_PING)
        return True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is open. Its own descriptor is remembered, for `push`."""
        super().connection_made(transport)
        self._file = transport.get_extra_info("socket").fileno()
        self._house.came(self)

    def connection_lost(self, error: Exception | None) -> None:
        """The socket is gone. Thousands may be lost in one turn of the loop, so the rest waits for `bury`."""
        self.protocol.state = State.CLOSED
        self._house.went(self)

    def bury(self) -> None:
        """What the library does with a lost connection: its parser ends."""
        super().connection_lost(None)

    def data_received(self, data: bytes) -> None:
        """Whatever comes is a sign of life. What is plain is handed on at once, the rest is the library's to judge."""
        self.heard = True
        if self._unread:
            self._unread += data  # it was on its way when reading paused
            return
        if not is_between_messages(self.protocol):
            self._read(data)
        elif (text := plain_text(data, bytes_max=FRAME_BYTES_MAX)) is not None:
            self.hear(self, text)
        elif is_plain_pong(data):
            self._count_small()
        else:
            self._read(data)

    def _read(self, data: bytes) -> None:
        """Give the library what may be read in this turn of the loop. Nothing more comes before the rest is read."""
        at = self._frames = 0
        while at < min(len(data), TURN_BYTES_MAX) and self._frames < TURN_FRAMES_MAX and not self.protocol.eof_sent:
            super().data_received(data[at : at + PIECE_BYTES])
            at += PIECE_BYTES
        if at < len(data) and not self.protocol.eof_sent:
            self._unread = data[at:]
            self.transport.pause_reading()
            self.loop.call_soon(self._read_on)

    def _read_on(self) -> None:
        data, self._unread = self._unread, b""
        if self.transport.is_closing():
            return
        self._read(data)
        if not self._unread:
            self.loop.call_soon(self._resume)  # what waits in the system is for another turn

    def _resume(self) -> None:
        if not self.transport.is_closing():
            self.transport.resume_reading()

    def process_event(self, event: Event) -> None:
        """Hand on what is said; the library does the rest."""
        if self.request is None:
            assert isinstance(event, Request)
            self.request = event
            self._house.knocked(self, event)
            return
        self._frames += 1
        if not isinstance(event, Frame) or event.opcode not in _CONTINUED:
            super().process_event(event)
            self._count_small()
            return
        if self.protocol.state is not State.OPEN:
            self._count_small()
            return  # said before it knew that we are closing
        if event.opcode is Opcode.BINARY:
            self.end(CloseCode.BINARY)
            return
        whole = self._whole(event)
        if whole is not None:
            self.hear(self, whole)

    def _whole(self, frame: Frame) -> bytes | None:
        """The message that this frame completes. The library has counted its bytes."""
        data = bytes(frame.data)
        if frame.fin and self._fragments is None:
            return data
        fragments = self._fragments = self._fragments or []
        fragments.append(data)
        self._count_small()
        if len(fragments) > FRAGMENTS_MAX:
            self.end(StandardCode.MESSAGE_TOO_BIG)
            return None
        if not frame.fin:
            return None
        self._fragments = None
        return b"".join(fragments)

    def _count_small(self) -> None:
        """One frame more that says nothing by itself."""
        self._small_frames_full_at_s, wait_s = SMALL_FRAMES.take(self._small_frames_full_at_s, time.monotonic())
        if not wait_s:
            return
        self.end(CloseCode.FLOOD)
        if not self.protocol.eof_sent:  # it was closing for another reason
            self.protocol.fail(CloseCode.FLOOD)
            self.send_data()
