"""Which processes run on this machine, by their command lines: a pid alone proves nothing, it may be reused."""

from typing import Final

import psutil

GONE: Final = psutil.NoSuchProcess, psutil.ZombieProcess, psutil.AccessDenied


def find(command_end: str) -> int | None:
    """The pid of the process whose command line ends with `command_end`, or None.

    Where a server has forked a child that still carries its command line, the parent is the answer.
    """
    parent_pids = {
        process.pid: process.info["ppid"]
        for process in psutil.process_iter(["ppid", "cmdline"])
        if _joined(process.info["cmdline"]).endswith(command_end)
    }
    return next((pid for pid, parent_pid in parent_pids.items() if parent_pid not in parent_pids), None)


def is_running(pid: int, command_end: str) -> bool:
    """Whether `pid` is still the process whose command line ends with `command_end`; a zombie has none."""
    try:
        return _joined(psutil.Process(pid).cmdline()).endswith(command_end)
    except GONE:
        return False


def descendants(pid: int) -> list[int]:
    """The pids below `pid`, parents before children; none when it has gone."""
    try:
        return [process.pid for process in psutil.Process(pid).children(recursive=True)]
    except GONE:
        return []


def _joined(command: list[str] | None) -> str:
    return " ".join(command or [])
