"""How fast this machine is today: what one empty 201 costs the HTTP server that Millpond runs on.

The budgets in µs were set on a machine where that was 48 µs. Measured in the same run, it turns them into ratios that
hold on other machines and in other weather.
"""

import asyncio
import socket
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import closing
from typing import Any, Final

import psutil
import uvicorn

from millpond.corked import CorkedProtocol
from millpond.crowd import Target, post, rush
from millpond.crowd_answers import Wish

REFERENCE_US: Final = 48.0  # where the budgets were set
REQUESTS: Final = 10_000
CONNECTIONS: Final = 400  # as many as wait in the rush that it is held against
DEADLINE_S: Final = 60.0
STOP_MAX_S: Final = 10.0
_TOKEN_CHARS: Final = 280  # the requests have the size of an order's
_BODY: Final = b"{}" * 45

Message = MutableMapping[str, Any]


async def empty_201(
    _: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
) -> None:
    """Take the body and answer nothing."""
    await receive()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 201, "headers": headers})
    await send({"type": "http.response.body", "body": b"{}"})


async def empty_201_cpu_us(requests: int = REQUESTS) -> float:
    """CPU-µs, user and system, of one uvicorn process per empty 201, with as many clients as a rush has."""
    with closing(socket.create_server(("127.0.0.1", 0), backlog=CONNECTIONS)) as listener:
        command = sys.executable, "-m", "loadtests.yardstick", str(listener.fileno())
        server = await asyncio.create_subprocess_exec(*command, pass_fds=(listener.fileno(),))
        try:
            target = Target(*listener.getsockname())
            await _ask(target, CONNECTIONS)
            before_s = _cpu_s(server.pid)
            await _ask(target, requests)
            return round(1e6 * (_cpu_s(server.pid) - before_s) / requests, 1)
        finally:
            server.terminate()
            await asyncio.wait_for(server.wait(), STOP_MAX_S)


async def _ask(target: Target, count: int) -> None:
    request = post(target, "/", token="t" * _TOKEN_CHARS, key="k" * 36, body=_BODY)
    wishes = [Wish(str(number), "key", request) for number in range(count)]
    await rush(target, wishes, connections=CONNECTIONS, deadline_s=DEADLINE_S)


def _cpu_s(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


if __name__ == "__main__":
    uvicorn.run(
        empty_201,
        fd=int(sys.argv[1]),
        loop="uvloop",
        http=CorkedProtocol,
        lifespan="off",
        access_log=False,
        log_level="warning",
        server_header=False,
        date_header=False,
    )
