"""Where Prometheus reads one process's metrics: a listener of its own on this machine, never the shop's port."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from prometheus_client import start_http_server

from millpond.settings import SettingsRefused

HOST: Final = "127.0.0.1"


@contextmanager
def metrics_at(port: int | None) -> Iterator[None]:
    """Answer `http://127.0.0.1:<port>/metrics` until the block ends, from a thread; nothing without a port.

    Raises SettingsRefused where the port is taken.
    """
    if port is None:
        yield
        return
    try:
        server, thread = start_http_server(port, addr=HOST)
    except OSError as error:
        raise SettingsRefused(
            f"MILLPOND_METRICS_PORT {port} cannot be used: {error.strerror}. Every process needs one of its own."
        ) from error
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
