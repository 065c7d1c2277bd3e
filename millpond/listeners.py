"""The sockets that `millpond up` binds and its children listen on: bound once, so a restart loses no connection."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple

from millpond.settings import Settings

TICK_S: Final = 0.1
PORT_WAIT_MAX_S: Final = 2.0  # the children of a supervisor that was killed are about to let go of the ports


class UpRefused(Exception):
    """`millpond up` cannot start; the text says why and what to do."""


class Listeners(NamedTuple):
    """One bound socket for each kind of process that serves."""

    api: socket.socket
    gateway: socket.socket


@contextmanager
def listening_sockets(settings: Settings) -> Iterator[Listeners]:
    """The sockets, bound; the children listen on them. Raises UpRefused."""
    with (
        bound_socket("API", settings.api_host, settings.api_port) as api,
        bound_socket("GATEWAY", settings.gateway_host, settings.gateway_port) as gateway,
    ):
        yield Listeners(api, gateway)


@contextmanager
def bound_socket(kind: str, host: str, port: int) -> Iterator[socket.socket]:
    """A socket bound to MILLPOND_<kind>_HOST and _PORT. Raises UpRefused."""
    try:
        family, how, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError as error:
        raise UpRefused(f"MILLPOND_{kind}_HOST {host} is not an address of this machine: {error}.") from error
    with socket.socket(family, how, protocol) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        deadline = time.monotonic() + PORT_WAIT_MAX_S
        while (problem := _bind(listener, address)) is not None:
            if time.monotonic() > deadline:
                raise UpRefused(
                    f"{host}, port {port}, cannot be used: {problem.strerror}."
                    f" Stop what has it, perhaps another `make up`, or set MILLPOND_{kind}_PORT to another port."
                )
            time.sleep(TICK_S)
        yield listener


def is_open(listener: socket.socket) -> bool:
    """Whether some process listens on it by now."""
    return bool(listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))


def _bind(listener: socket.socket, address: tuple[object, ...]) -> OSError | None:
    try:
        listener.bind(address)
    except OSError as error:
        return error
    return None
