"""The command `millpond`. Every command is thin: read the settings, find the servers, call one function."""

import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from secrets import token_urlsafe
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.console import Console

from console.audit import QUIET_WAIT_S
from console.funnel_steps import By
from console.model import NotAuditable
from keel.clock import FollowingClock
from keel.errors import Refusal
from keel.ids import is_id
from migrations import upgrade
from millpond import api as api_process
from millpond import audit as audit_process
from millpond import cli_staff, cli_trees
from millpond import demo as demo_process
from millpond import drill as drill_process
from millpond import funnel as funnel_process
from millpond import gateway as gateway_process
from millpond import up as up_process
from millpond import worker as worker_process
from millpond.children import ChildCrashes
from millpond.demo_plan import BUYERS, SECONDS, UNITS, DemoPlan
from millpond.drill_plan import BUYERS_MAX, SECONDS_MAX, SECONDS_MIN, UNITS_MAX, DrillRefused, Fault, Plan
from millpond.engines import EngineFailed
from millpond.greeting import invite, url_of
from millpond.lifeline import stop_with_supervisor
from millpond.listeners import UpRefused
from millpond.seed import seed_now
from millpond.servers import connected, joined
from millpond.settings import SettingsRefused, new_secrets
from millpond.settings_read import read_settings
from millpond.settings_shown import as_markdown, as_text
from millpond.tokens_by_hand import COUNT_MAX, MINUTES_MAX, customer_token, customer_tokens

app = typer.Typer(
    help="Live-streaming commerce on your own machines.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,  # they hold secrets
)

app.add_typer(cli_staff.app, name="staff")
app.add_typer(cli_trees.app, name="trees")

SocketFd = Annotated[int | None, typer.Option(help="An inherited listening socket, instead of host and port.")]
ApiUrl = Annotated[str | None, typer.Option("--api", help="The API's URL, where it is not in the settings.")]
LifelineFd = Annotated[int | None, typer.Option(hidden=True, help="A pipe that closes when the supervisor ends.")]

REFUSALS = EngineFailed, ChildCrashes, Refusal, SettingsRefused, UpRefused


@app.command()
def up() -> None:
    """Run everything on this machine: engines where no URL is given, migrations, API, gateway and worker."""
    settings = read_settings()
    up_process.run(settings)


@app.command()
def api(fd: SocketFd = None, lifeline: LifelineFd = None) -> None:
    """Run one API process."""
    settings = read_settings().with_secrets()
    if lifeline is not None:
        stop_with_supervisor(lifeline)
    with _until_stopped(), connected(settings) as reachable:
        api_process.serve(reachable, fd=fd)


@app.command()
def gateway(fd: SocketFd = None, lifeline: LifelineFd = None) -> None:
    """Run one gateway process: the sockets of viewers."""
    settings = read_settings().with_secrets()
    if lifeline is not None:
        stop_with_supervisor(lifeline)
    with _until_stopped(), connected(settings) as reachable:
        gateway_process.serve(reachable, fd=fd)


@app.command()
def worker(lifeline: LifelineFd = None) -> None:
    """Run one worker process: expiry, sweeper, relays."""
    settings = read_settings()
    if lifeline is not None:
        stop_with_supervisor(lifeline)
    with _until_stopped(), connected(settings) as reachable:
        worker_process.serve(reachable)


@app.command()
def migrate() -> None:
    """Bring the database up to date. Safe while it is in use, and safe to repeat."""
    with connected(read_settings()) as reachable:
        assert reachable.database_url is not None
        try:
            upgrade(reachable.database_url)
        except OSError as error:
            raise EngineFailed(f"PostgreSQL does not answer: {error}") from error


@app.command()
def settings(
    markdown: Annotated[bool, typer.Option("--markdown", help="Print docs/settings.md instead.")] = False,
) -> None:
    """Print every setting: what it means, its default and its present value. Secrets are never shown."""
    typer.echo(as_markdown() if markdown else as_text(read_settings()), nl=False)


@app.command("secrets")
def new() -> None:
    """Print fresh secrets as the lines of an .env file, for servers of your own. Keep them: nothing else does."""
    for name, value in {"POSTGRES_PASSWORD": token_urlsafe(24), **new_secrets()}.items():
        typer.echo(f"{name}='{value}'")


@app.command()
def token(
    customer: Annotated[str | None, typer.Option(help="The customer's id; a new one where none is given.")] = None,
    staff: Annotated[bool, typer.Option(help="The first staff token of the settings instead.")] = False,
    minutes: Annotated[int, typer.Option(min=1, max=MINUTES_MAX, help="How long a customer's token is good.")] = 60,
    count: Annotated[int, typer.Option(min=1, max=COUNT_MAX, help="So many new customers, a line each.")] = 1,
    merchant: Annotated[str | None, typer.Option(help="Their merchant's id; without it, the one of the settings.")] = (
        None
    ),
) -> None:
    """Print an access token, to try the API by hand, or many, for a load test."""
    settings = read_settings().with_secrets()
    if staff:
        typer.echo(settings.staff_tokens[0].token.get_secret_value())
        return
    for who, id_ in (("customer", customer), ("merchant", merchant)):
        if id_ and not is_id(id_):
            raise SettingsRefused(f"A {who}'s id is a UUID in lower case.")
    if customer:
        typer.echo(customer_token(settings, FollowingClock(), minutes=minutes, customer_id=customer))
        return
    for one in customer_tokens(settings, FollowingClock(), minutes=minutes, count=count, merchant_id=merchant):
        typer.echo(one)


@app.command()
def seed() -> None:
    """Make a room and an open sale to try the API with, unless they are there, and print how. Safe to repeat."""
    settings = read_settings().with_secrets()
    with joined(settings) as reachable:
        seeded = seed_now(reachable)
        invite(Console(highlight=False), reachable, seeded, url_of(settings.api_host, settings.api_port))


@app.command()
def audit(
    sale: Annotated[str, typer.Argument(help="The sale's id.")],
    wait: Annotated[float, typer.Option(min=0, max=600, help="Seconds to wait until nothing is under way.")] = (
        QUIET_WAIT_S
    ),
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Recompute a sale from its tables and its gate. Exit code 1: a promise is broken; 2: it could not be audited."""
    raise typer.Exit(_judged(lambda: audit_process.run(read_settings(), sale, wait_s=wait, as_json=as_json)))


@app.command()
def funnel(
    session: Annotated[str, typer.Argument(help="The session's id.")],
    by: Annotated[By | None, typer.Option(help="Also each channel, community or sharer.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Draw how far people went who were brought to a session: opened, joined, stayed, saw what was pinned, ordered."""
    raise typer.Exit(_judged(lambda: funnel_process.run(read_settings(), session, by=by, as_json=as_json)))


@app.command()
def demo(
    buyers: Annotated[int, typer.Option(min=1, max=BUYERS_MAX, help="Buyers who want one unit each.")] = BUYERS,
    units: Annotated[int, typer.Option(min=1, max=UNITS_MAX, help="Units there are.")] = UNITS,
    seconds: Annotated[int, typer.Option(min=1, max=SECONDS_MAX, help="How long they take to come.")] = SECONDS,
    api_url: ApiUrl = None,
) -> None:
    """Sell a million yuan in thirty seconds on these servers, live, as a rehearsal; then audit what happened."""
    settings = read_settings()
    plan = DemoPlan(buyers, units, seconds, settings.rate_address_per_s)
    raise typer.Exit(_judged(lambda: demo_process.run(settings, plan, api_url)))


@app.command()
def drill(
    buyers: Annotated[int, typer.Option(min=1, max=BUYERS_MAX, help="Buyers who want one unit each.")] = 5_000,
    units: Annotated[int, typer.Option(min=1, max=UNITS_MAX, help="Units there are.")] = 2_000,
    fault: Annotated[Fault, typer.Option(help="What happens to the gate; kill ends it for all sales.")] = Fault.WIPE,
    seconds: Annotated[int, typer.Option(min=SECONDS_MIN, max=SECONDS_MAX, help="How long the rush may last.")] = 60,
    api_url: ApiUrl = None,
) -> None:
    """Rush a rehearsal sale on these servers, take its gate away in the middle, and audit what is left."""
    settings = read_settings()
    plan = Plan(buyers, units, fault, seconds, settings.rate_address_per_s, settings.rate_address_burst)
    raise typer.Exit(_judged(lambda: drill_process.run(settings, plan, api_url)))


def main(arguments: Sequence[str] | None = None) -> None:
    """The console script: a refusal is one message and exit code 1, not a traceback. `arguments`, or those of sys."""
    try:
        app(arguments)
    except (*REFUSALS, ValidationError) as refusal:
        _explain(refusal)
        sys.exit(1)


def _judged(judge: Callable[[], int]) -> int:
    """The exit code of a command that judges: what stops it from judging is a code of its own."""
    try:
        return judge()
    except (*REFUSALS, NotAuditable, DrillRefused, ValidationError) as refusal:
        _explain(refusal)
        return audit_process.NOT_AUDITABLE


def _explain(refusal: Exception) -> None:
    if not isinstance(refusal, ValidationError):
        return _say(": ".join(filter(None, (str(refusal), getattr(refusal, "detail", None)))))
    for problem in refusal.errors(include_url=False, include_input=False, include_context=False):
        _say(f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}")
    return None


@contextmanager
def _until_stopped() -> Iterator[None]:
    """Let SIGTERM end the block as Ctrl-C does, so that what it opened is closed; neither is an error."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with suppress(KeyboardInterrupt):
        yield


def _say(text: str) -> None:
    Console(stderr=True, soft_wrap=True).print(text, markup=False, highlight=False)
