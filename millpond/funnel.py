"""The command `millpond funnel`: find the database, read the funnel of a session, and draw it."""

import asyncio
import sys
from collections.abc import Iterator
from dataclasses import asdict
from typing import Final

import msgspec
from rich.console import Console
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from console.funnel import read
from console.funnel_steps import DEFINITIONS, By, Funnel, Part, Step
from console.model import NotAuditable
from keel.clock import Clock, FollowingClock
from keel.database import create_pool
from millpond.servers import joined
from millpond.settings import Settings

BAR_WIDTH: Final = 40


def run(settings: Settings, session_id: str, *, by: By | None, as_json: bool) -> int:
    """Draw a session's funnel; the exit code. Raises NotAuditable and EngineFailed."""
    with joined(settings) as reachable:
        found = asyncio.run(_read(reachable, session_id, by, FollowingClock()))
    if as_json:
        sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(asdict(found)), indent=2) + b"\n")
    else:
        show(found, Console(highlight=False))
    return 0


def show(found: Funnel, console: Console) -> None:
    """Draw the whole and its parts, and say what the steps mean."""
    console.print(_drawn(found.whole, "The whole session"))
    for part in found.parts:
        console.print(_drawn(part, f"{found.by}: {part.key or 'none'}"))
    for name, meaning in DEFINITIONS.items():
        console.print(f"[dim]{_word(name)}: {meaning}[/dim]")


def _drawn(part: Part, title: str) -> Table:
    table = Table(title=Text(title), title_justify="left", box=None)  # a group's id is no markup
    for name, justify in (("step", "left"), ("people", "right"), ("", "left"), ("of the step before", "right")):
        table.add_column(name, justify="right" if justify == "right" else "left")
    widest = max((step.count or 0 for step in part.steps[1:]), default=0)
    for step in part.steps:
        table.add_row(*_cells(step), _bar(step, widest), f"{step.of_before:.1%}" if step.of_before is not None else "")
    return table


def _cells(step: Step) -> Iterator[str]:
    yield _word(step.name)
    yield "–" if step.count is None else f"{step.count:,}"


def _bar(step: Step, widest: int) -> ProgressBar | str:
    if step.name == "shared" or not widest:
        return ""
    return ProgressBar(total=widest, completed=step.count or 0, width=BAR_WIDTH)


def _word(name: str) -> str:
    return name.replace("_", " ")


async def _read(settings: Settings, session_id: str, by: By | None, clock: Clock) -> Funnel:
    assert settings.database_url, "millpond.servers.joined gives the URLs"
    async with create_pool(settings.database_url) as pool:
        found = await read(pool, None, session_id, by=by, now=clock.now())
    if found is None:
        raise NotAuditable(f"There is no session {session_id}.")
    return found
