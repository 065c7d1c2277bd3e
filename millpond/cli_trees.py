"""The commands `millpond trees …`: what was not counted of how something spread, counted after all."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import typer

from keel.database import Pool, create_pool
from keel.errors import NotFound
from keel.ids import is_id
from millpond.servers import joined
from millpond.settings import SettingsRefused
from millpond.settings_read import read_settings
from referrals import tallying

app = typer.Typer(help="The figures of how something spread.", no_args_is_help=True)

Done = TypeVar("Done")
Merchant = Annotated[str, typer.Argument(help="The merchant's id.")]


@app.command()
def retry(merchant: Merchant) -> None:
    """Make due again what could not be counted and was put aside, once the reason is mended."""
    count = _run(merchant, tallying.retry)
    typer.echo(f"due again: {count}")


@app.command()
def recount(merchant: Merchant) -> None:
    """Count everything anew, from what is still there. Figures are short until the worker is through: do it off air."""
    _run(merchant, tallying.recount)
    typer.echo("everything is due again")


def _run(merchant_id: str, work: Callable[[Pool, str], Awaitable[Done]]) -> Done:
    """Do the work for a merchant, on servers that run. Raises SettingsRefused and EngineFailed."""
    settings = read_settings()
    if not is_id(merchant_id):
        raise SettingsRefused("A merchant's id is a UUID in lower case.")

    async def with_pool(database_url: str) -> Done:
        async with create_pool(database_url) as pool:
            try:
                return await work(pool, merchant_id)
            except NotFound as unknown:
                raise SettingsRefused(f"There is no merchant {merchant_id}.") from unknown

    with joined(settings) as reachable:
        assert reachable.database_url, "millpond.servers.joined gives the URLs"
        return asyncio.run(with_pool(reachable.database_url))
