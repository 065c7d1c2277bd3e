"""One socket of a viewer under gevent: a greenlet of its own reads, and whoever asks waits for the answer of that ref.

The library is websocket-client: locust brings it along, it starts no threads and reads only when asked to, so the
reader is ours to end, and a socket can be dropped without a close frame, as a lost network drops it.
"""

import itertools
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

import gevent
import msgspec
import websocket
from gevent.event import AsyncResult

from loadtests.locust_tally import HERE

CONNECT_MAX_S: Final = 15.0
SILENCE_MAX_S: Final = 30.0  # the gateway pings every ten seconds
ANSWER_MAX_S: Final = 15.0
NO_CODE: Final = 1005
LOST: Final = 1006

Message = dict[str, Any]


class SocketLost(Exception):
    """The socket ended before the answer, or the answer did not come."""


class Refused(Exception):
    """The answer is a problem."""

    def __init__(self, problem: Message) -> None:
        super().__init__(str(problem.get("type", "")).rpartition(":")[2])
        self.problem = problem


class Socket:
    """An open socket. `hear` is called in the reader, in order, with whatever comes.

    Raises websocket.WebSocketException and OSError where it cannot be opened.
    """

    def __init__(self, url: str, hear: Callable[[Message], None]) -> None:
        self._hear = hear
        self._refs = itertools.count(1)
        self._waiting: dict[str, AsyncResult[Message | None]] = {}
        self.code: int | None = None  # of the close, once it is over
        self.bye: Message = {}
        self._socket = websocket.create_connection(
            url, timeout=CONNECT_MAX_S, suppress_origin=True, skip_utf8_validation=True
        )
        self._socket.settimeout(SILENCE_MAX_S)
        self._reader = gevent.spawn(self._read)

    def ask(self, **message: Any) -> Message:
        """The answer to a request. Raises Refused and SocketLost."""
        ref = str(next(self._refs))
        box = self._waiting[ref] = AsyncResult()
        try:
            if self.code is not None:
                raise SocketLost(f"closed with {self.code}")
            self._socket.send(msgspec.json.encode({**message, "ref": ref}).decode())
            answer = box.get(timeout=ANSWER_MAX_S)
        except (websocket.WebSocketException, OSError) as error:
            raise SocketLost(str(error)) from error
        except gevent.Timeout as late:
            raise SocketLost(f"no answer within {ANSWER_MAX_S:.0f} s") from late
        finally:
            self._waiting.pop(ref, None)
        if answer is None:
            raise SocketLost(f"closed with {self.code}")
        if answer["type"] == "problem":
            raise Refused(answer["problem"])
        return dict(answer)

    def tell(self, **message: Any) -> None:
        """Send without waiting for the answer; nothing where the socket is gone."""
        with suppress(websocket.WebSocketException, OSError):
            self._socket.send(msgspec.json.encode(message).decode())

    def drop(self) -> None:
        """Gone without a word, as where the network is lost."""
        self._reader.kill()
        self._end(LOST)

    def close(self) -> None:
        """Say goodbye and go."""
        self._reader.kill()
        if self.code is None:
            with suppress(websocket.WebSocketException, OSError):
                self._socket.send_close()
        self._end(1000)

    def _read(self) -> None:
        code = LOST
        with suppress(websocket.WebSocketException, OSError):
            while True:
                opcode, data = self._socket.recv_data()
                if opcode == websocket.ABNF.OPCODE_CLOSE:
                    code = int.from_bytes(data[:2], "big") if len(data) >= 2 else NO_CODE
                    break
                self._take(data)
        self._end(code)

    def _take(self, data: bytes) -> None:
        HERE.frames += 1
        HERE.frame_bytes += len(data)
        message = msgspec.json.decode(data)
        if message["type"] == "bye":
            self.bye = message
        self._hear(message)
        box = self._waiting.get(message.get("ref", ""))
        if box is not None:
            box.set(message)

    def _end(self, code: int) -> None:
        if self.code is not None:
            return
        self.code = code
        self._socket.shutdown()
        for box in self._waiting.values():
            box.set(None)
