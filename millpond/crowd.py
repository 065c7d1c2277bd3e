"""A crowd of buyers over HTTP/1.1, cheap enough not to be what is measured.

Requests are whole bytes before the clock starts, connections are kept alive, and of an answer only its end is looked
for; what it says is read when everything is over. Each connection has one request in flight, so `connections` is the
number of buyers who wait at the same time.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from ssl import SSLContext, create_default_context
from typing import Final, NamedTuple, Self
from urllib.parse import urlsplit

from millpond.crowd_answers import NO_ANSWER, UNAVAILABLE, Result, Wish, read_answer
from millpond.crowd_wire import Connection, Errand, retry_after_s

CONNECTIONS_MAX: Final = 10_000
WISHES_MAX: Final = 1_000_000
CONNECT_MAX_S: Final = 2.0
RECONNECT_EVERY_S: Final = 0.05
PROGRESS_EVERY_S: Final = 0.2


class Target(NamedTuple):
    """Where the server listens."""

    host: str
    port: int
    ssl: SSLContext | None = None

    @classmethod
    def of(cls, url: str) -> Self:
        """The target of an http:// or https:// URL. Raises ValueError for any other."""
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(f"not an http or https URL: {url}")
        secure = parts.scheme == "https"
        return cls(parts.hostname, parts.port or (443 if secure else 80), create_default_context() if secure else None)


class Retry(NamedTuple):
    """Send a request again, byte for byte, after a 503 or a lost connection: `tries_max` times in all.

    The pause is what Retry-After asks for, between `pause_min_s` and `pause_max_s`.
    """

    tries_max: int = 20
    pause_min_s: float = 0.02
    pause_max_s: float = 2.0


class Progress(NamedTuple):
    """How far a rush is: final answers in all, of them accepted (2xx) and refused (4xx); `retries` sent again."""

    answered: int
    accepted: int
    refused: int
    retries: int
    elapsed_s: float


def post(target: Target, path: str, *, token: str, key: str, body: bytes) -> bytes:
    """A whole POST request with a JSON body."""
    head = (
        f"POST {path} HTTP/1.1\r\nhost: {target.host}:{target.port}\r\nauthorization: Bearer {token}\r\n"
        f"idempotency-key: {key}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def rush(
    target: Target,
    wishes: Iterable[Wish],
    *,
    connections: int = 100,
    retry: Retry | None = None,
    deadline_s: float = 600.0,
    on_progress: Callable[[Progress], None] | None = None,
    sources: Sequence[str] = (),
) -> Result:
    """Send every wish, each as soon as a connection is free; return when all are answered or `deadline_s` is over.

    `sources`: addresses of this machine that the connections come from, in turn; any where there are none.
    Never raises for what the server does: a wish without an answer comes back as NO_ANSWER.
    """
    crowd = _Crowd(target, list(wishes), retry)
    froms = sources or (None,)
    lines = [Connection(crowd, froms[n % len(froms)]) for n in range(min(connections, CONNECTIONS_MAX))]
    try:
        async with asyncio.timeout(deadline_s), asyncio.TaskGroup() as group:
            await asyncio.gather(*(crowd.connect(line) for line in lines))
            crowd.open_doors()
            for line in lines:
                group.create_task(crowd.keep_connected(line))
            if on_progress is not None:
                group.create_task(_report(crowd, on_progress))
            await crowd.done.wait()
            for line in lines:
                line.hang_up()
    except TimeoutError:
        crowd.close_doors()
    finally:
        for line in lines:
            line.hang_up()
    return crowd.result()


async def _report(crowd: "_Crowd", on_progress: Callable[[Progress], None]) -> None:
    while not crowd.done.is_set():
        on_progress(crowd.progress())
        with suppress(TimeoutError):
            await asyncio.wait_for(crowd.done.wait(), PROGRESS_EVERY_S)
    on_progress(crowd.progress())


class _Crowd:
    """What is still to be sent, who is free to send it, and what came back."""

    def __init__(self, target: Target, wishes: Sequence[Wish], retry: Retry | None) -> None:
        if len(wishes) > WISHES_MAX:
            raise ValueError(f"at most {WISHES_MAX} wishes")
        self._target, self._wishes, self._retry = target, wishes, retry
        self._waiting = deque(Errand(number, wish.request) for number, wish in enumerate(wishes))
        self._idle: set[Connection] = set()
        self._said: list[tuple[int, int, int, bytes] | None] = [None] * len(wishes)  # status, ns, tries, body
        self._open = len(wishes)
        self._accepted = self._refused = self._retries = 0
        self._began_ns = self._ended_ns = 0
        self.done = asyncio.Event()

    def open_doors(self) -> None:
        """The clock starts."""
        self._began_ns = time.perf_counter_ns()
        if not self._open:
            self.close_doors()

    def close_doors(self) -> None:
        """The clock stops; what has no answer gets none."""
        self._ended_ns = time.perf_counter_ns()
        self.done.set()

    # Connections -----------------------------------------------------------------------------------------------------

    async def keep_connected(self, line: Connection) -> None:
        """Serve the connection, and connect again whenever it is lost, until all is done."""
        while not self.done.is_set():
            if line.stands or await self.connect(line):
                self._serve(line)
                await line.lost.wait()
                self._idle.discard(line)
            else:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self.done.wait(), RECONNECT_EVERY_S)

    async def connect(self, line: Connection) -> bool:
        """Try once; whether it stands."""
        loop = asyncio.get_running_loop()
        host, port, ssl = self._target
        local = (line.source, 0) if line.source else None
        try:
            async with asyncio.timeout(CONNECT_MAX_S):
                await loop.create_connection(lambda: line, host, port, ssl=ssl, local_addr=local)
        except (OSError, TimeoutError):
            return False
        return True

    def _serve(self, line: Connection) -> None:
        if not line.stands:
            return
        if self._waiting:
            line.send(self._waiting.popleft())
        else:
            self._idle.add(line)

    # Answers ---------------------------------------------------------------------------------------------------------

    def answered(self, line: Connection, errand: Errand, status: int, head: bytes, body: bytes) -> None:
        """An answer came; the connection is free."""
        if status == UNAVAILABLE and self._may_retry(errand):
            self._later(errand, retry_after_s(head))
        else:
            self._finish(errand, status, body)
        self._serve(line)

    def unanswered(self, errand: Errand) -> None:
        """The connection was lost before the answer."""
        if self.done.is_set():
            return
        if self._may_retry(errand):
            self._later(errand, 0.0)
        else:
            self._finish(errand, NO_ANSWER, b"")

    def _may_retry(self, errand: Errand) -> bool:
        return self._retry is not None and errand.tries < self._retry.tries_max

    def _later(self, errand: Errand, asked_s: float) -> None:
        assert self._retry is not None
        self._retries += 1
        pause_s = min(max(asked_s, self._retry.pause_min_s), self._retry.pause_max_s)
        asyncio.get_running_loop().call_later(pause_s, self._once_more, errand)

    def _once_more(self, errand: Errand) -> None:
        self._waiting.appendleft(errand)
        if self._idle and not self.done.is_set():
            self._serve(self._idle.pop())

    def _finish(self, errand: Errand, status: int, body: bytes) -> None:
        elapsed_ns = time.perf_counter_ns() - errand.began_ns
        self._said[errand.number] = status, elapsed_ns, errand.tries, body
        if status < 300:
            self._accepted += status != NO_ANSWER
        elif status < 500:
            self._refused += 1
        self._open -= 1
        if not self._open:
            self.close_doors()

    # Figures ---------------------------------------------------------------------------------------------------------

    def progress(self) -> Progress:
        """How far it is."""
        now_ns = self._ended_ns or time.perf_counter_ns()
        answered = len(self._wishes) - self._open
        elapsed_s = (now_ns - self._began_ns) / 1e9
        return Progress(answered, self._accepted, self._refused, self._retries, elapsed_s)

    def result(self) -> Result:
        """One answer per wish."""
        nothing = NO_ANSWER, 0, 0, b""
        answers = []
        for wish, said in zip(self._wishes, self._said, strict=True):
            status, elapsed_ns, tries, body = said or nothing
            answers.append(read_answer(wish, status, elapsed_ns / 1e9, tries, body))
        return Result(answers, (self._ended_ns - self._began_ns) / 1e9, self._retries)
