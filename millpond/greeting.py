"""What `millpond up` and `millpond seed` print: where everything is, and lines to copy for a first order."""

import shlex
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from inventory.model import SaleState
from keel.clock import FollowingClock
from live.handshake import PATH
from millpond.engines import Engines
from millpond.seed import PRICE, SKU_TITLE, UNITS_ON_SALE, Seeded
from millpond.servers import host_from_here
from millpond.settings import Settings
from millpond.tokens_by_hand import MINUTES_MAX, customer_token

JSON: Final = "-H 'content-type: application/json'"


def url_of(host: str, port: int) -> str:
    """The URL of the API that listens there, as this machine calls it."""
    host = host_from_here(host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def socket_url_of(listener: socket.socket) -> str:
    """The URL of the gateway that listens on this socket."""
    return url_of(*listener.getsockname()[:2]).replace("http", "ws", 1) + PATH


def greet(console: Console, settings: Settings, engines: Engines, url: str, socket_url: str) -> None:
    """Where everything is."""
    table = Table(box=None, show_header=False, title="Millpond is up; Ctrl-C stops it", title_justify="left")
    table.add_row("API", url)
    table.add_row("API reference", f"{url}/docs")
    table.add_row("Sockets", socket_url)
    for engine in engines.all:
        table.add_row(engine.name, f"127.0.0.1:{engine.port}, in {engine.folder}")
    if settings.seed_merchant_id is not None:
        table.add_row("Secrets", str(settings.data_dir.resolve() / "secrets.json"))
    console.print(table)


def invite(console: Console, settings: Settings, seeded: Seeded, url: str) -> None:
    """What there is to try, and how. A line to copy is never broken."""
    table = Table(box=None, show_header=False)
    table.add_row("Merchant", seeded.merchant_id)
    table.add_row("Room", seeded.room_id)
    if seeded.sale_id is not None:
        table.add_row("Sale", seeded.sale_id)
        table.add_row("", f"{seeded.state}: {UNITS_ON_SALE} units of “{SKU_TITLE}” at ¥{PRICE / 100:.2f}")
    console.print(table)
    for title, line in lines_to_copy(settings, seeded, url, shows_secrets=console.is_terminal):
        console.print(Text(f"\n{title}", style="bold"))
        console.print(Text(line), soft_wrap=True)
    console.print()


def lines_to_copy(settings: Settings, seeded: Seeded, url: str, *, shows_secrets: bool) -> Iterator[tuple[str, str]]:
    """Titles and shell lines. A staff token stands in them only if `shows_secrets`: no terminal may mean a log."""
    program = command(settings)
    if seeded.state == SaleState.OPEN:
        buyer = customer_token(settings, FollowingClock(), minutes=MINUTES_MAX)
        body = f'{{"lines": [{{"item_id": "{seeded.item_id}", "quantity": 1}}]}}'
        yield (
            "The first order; sent again, it answers with the same order:",
            f"curl -i {url}/v1/sales/{seeded.sale_id}/orders -H 'authorization: Bearer {buyer}' {JSON} "
            f"-H 'idempotency-key: my-first' -d '{body}'",
        )
    if seeded.sale_id is not None:
        token = settings.staff_tokens[0].token.get_secret_value() if shows_secrets else f"$({program} token --staff)"
        sale = f"{url}/v1/staff/sales/{seeded.sale_id}"
        yield "The sale as its staff sees it:", f'curl -s {sale} -H "authorization: Bearer {token}"'
        yield "Its books, recomputed:", f"{program} audit {seeded.sale_id}"
    yield "A million yuan in thirty seconds, live:", f"{program} demo"


def command(settings: Settings) -> str:
    """The command `millpond` as it can be typed here, for the servers of these settings."""
    program, here, usual = Path(sys.executable).with_name("millpond"), Path.cwd(), Settings.model_fields
    named = {"MILLPOND_DATA_DIR": settings.data_dir, "MILLPOND_API_PORT": settings.api_port}
    defaults = {usual["data_dir"].default, usual["api_port"].default}
    words = [f"{name}={shlex.quote(str(value))}" for name, value in named.items() if value not in defaults]
    return " ".join([*words, str(program.relative_to(here) if program.is_relative_to(here) else program)])
