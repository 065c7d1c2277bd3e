"""Free TCP ports on 127.0.0.1 for the engines.

They are chosen below the range from which systems take the ports of outgoing connections, else such a connection could
sit on the port of an engine that is down for a moment.
"""

import secrets
import socket
from typing import Final

PORT_MIN: Final = 15_000
PORT_MAX: Final = 32_000
TRIES_MAX: Final = 200


def is_taken(port: int) -> bool:
    """Whether somebody listens on `port`."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the engines do: TIME_WAIT is no obstacle
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def choose() -> int:
    """A port nobody listens on. Raises OSError when TRIES_MAX guesses were all taken."""
    for _ in range(TRIES_MAX):
        port = PORT_MIN + secrets.randbelow(PORT_MAX - PORT_MIN)
        if not is_taken(port):
            return port
    raise OSError(f"no free port between {PORT_MIN} and {PORT_MAX}")
