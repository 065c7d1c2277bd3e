"""A pipe that tells a process that its supervisor is gone, however it went: only the supervisor holds the other end."""

import os
import signal
import threading


class Lifeline:
    """The supervisor's end. Children inherit `fd`, and nothing is ever written."""

    def __init__(self) -> None:
        self.fd, self._held = os.pipe()

    def cut(self) -> None:
        """Tell every child at once."""
        os.close(self._held)
        os.close(self.fd)


def stop_with_supervisor(fd: int) -> None:
    """Send this process SIGTERM, as an orderly stop, when the supervisor's end of the pipe closes."""
    threading.Thread(target=_await_the_end, args=(fd,), name="lifeline", daemon=True).start()


def _await_the_end(fd: int) -> None:
    os.read(fd, 1)
    os.kill(os.getpid(), signal.SIGTERM)
