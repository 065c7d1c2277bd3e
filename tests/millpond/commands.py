"""A `millpond` command within this process, where it does not take a process of its own: no two seconds of imports."""

import logging
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from unittest import mock

from typer.testing import CliRunner

from millpond.cli import main


def run(
    *arguments: str, typed: str = "", environment: Mapping[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    """A `millpond` command, ended, as `subprocess.run` returns it; `environment` is all of it, ours where left out.

    What it does not explain is raised here, where a process would print a traceback.
    """
    whole = os.environ.copy() if environment is None else environment
    with mock.patch.dict(os.environ, whole, clear=True), logging_kept(), CliRunner().isolation(typed) as streams:
        code = _code_of(arguments)
        sys.stdout.flush()
        sys.stderr.flush()
        output, errors = (stream.getvalue().decode() for stream in streams[:2])
    return subprocess.CompletedProcess(arguments, code, output, errors)


@contextmanager
def logging_kept() -> Iterator[None]:
    """A command sets up logging for its process, here to a stream that ends with it: nobody may write there then."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)


def _code_of(arguments: tuple[str, ...]) -> int:
    try:
        main(arguments)
    except SystemExit as end:
        return int(end.code or 0)
    return 0
