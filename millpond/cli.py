"""The command `millpond`. Every command is thin: read the settings, find the servers, call one function."""

import logging
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.console import Console

from migrations import upgrade
from millpond import api as api_process
from millpond import up as up_process
from millpond import worker as worker_process
from millpond.children import ChildCrashes
from millpond.engines import EngineFailed
from millpond.lifeline import stop_with_supervisor
from millpond.servers import connected
from millpond.settings import Settings, SettingsRefused

app = typer.Typer(
    help="Live-streaming commerce on your own machines.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,  # they hold secrets
)

SocketFd = Annotated[int | None, typer.Option(help="An inherited listening socket, instead of host and port.")]
LifelineFd = Annotated[int | None, typer.Option(hidden=True, help="A pipe that closes when the supervisor ends.")]

REFUSALS = EngineFailed, ChildCrashes, SettingsRefused, up_process.UpRefused


@app.command()
def up() -> None:
    """Run everything on this machine: engines where no URL is given, migrations, API and worker."""
    settings = _settings()
    up_process.run(settings)


@app.command()
def api(fd: SocketFd = None, lifeline: LifelineFd = None) -> None:
    """Run one API process."""
    settings = _settings().with_secrets()
    if lifeline is not None:
        stop_with_supervisor(lifeline)
    with _until_stopped(), connected(settings) as reachable:
        api_process.serve(reachable, fd=fd)


@app.command()
def worker(lifeline: LifelineFd = None) -> None:
    """Run one worker process: expiry, sweeper, relays."""
    settings = _settings()
    if lifeline is not None:
        stop_with_supervisor(lifeline)
    with _until_stopped(), connected(settings) as reachable:
        worker_process.serve(reachable)


@app.command()
def migrate() -> None:
    """Bring the database up to date. Safe while it is in use, and safe to repeat."""
    with connected(_settings()) as reachable:
        assert reachable.database_url is not None
        upgrade(reachable.database_url)


def main() -> None:
    """The console script: a refusal is one message and exit code 1, not a traceback."""
    try:
        app()
    except REFUSALS as refusal:
        _say(str(refusal))
        sys.exit(1)
    except ValidationError as error:
        for problem in error.errors(include_url=False, include_input=False, include_context=False):
            _say(f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}")
        sys.exit(1)


def _settings() -> Settings:
    """Read the settings and set up what is logged before the process does so itself."""
    settings = Settings()
    logging.basicConfig(level=settings.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s %(message)s")
    return settings


@contextmanager
def _until_stopped() -> Iterator[None]:
    """Let SIGTERM end the block as Ctrl-C does, so that what it opened is closed; neither is an error."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with suppress(KeyboardInterrupt):
        yield


def _say(text: str) -> None:
    Console(stderr=True, soft_wrap=True).print(text, markup=False, highlight=False)
