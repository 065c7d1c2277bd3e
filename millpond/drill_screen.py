"""A drill on the screen: a live table in a terminal, plain lines elsewhere."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

from millpond.drill_plan import Scene

LINE_EVERY_S: Final = 2.0
REFRESHES_PER_S: Final = 8


class Screen:
    """Shows a scene whenever it is told to; between the calls nothing moves."""

    def __init__(self, console: Console, live: Live | None) -> None:
        self._console, self._live = console, live
        self._state = ""
        self._next_line_s = 0.0

    def show(self, scene: Scene) -> None:
        """Draw, or print a line when the state has changed or it is time for one."""
        if self._live is not None:
            self._live.update(_table(scene))
        elif scene.state != self._state or time.monotonic() >= self._next_line_s:
            self._state, self._next_line_s = scene.state, time.monotonic() + LINE_EVERY_S
            self._console.print(_line(scene))

    def say(self, text: str) -> None:
        """A line that stays."""
        self._console.print(text)


@contextmanager
def screen(console: Console) -> Iterator[Screen]:
    """A screen for the length of a rush."""
    if not console.is_terminal:
        yield Screen(console, None)
        return
    with Live(console=console, refresh_per_second=REFRESHES_PER_S) as live:
        yield Screen(console, live)


def rows(scene: Scene) -> Iterator[tuple[str, str]]:
    """What is shown, as name and text."""
    left = "unknown" if scene.left is None else f"{scene.left:,} of {scene.units:,}"
    yield "time", f"{scene.elapsed_s:.0f} s of at most {scene.seconds} s"
    yield "state", scene.state
    yield "stock left", left
    yield "epoch", f"gate {scene.gate_epoch or '–'}, ledger {scene.ledger_epoch}"
    yield "acknowledged", f"{scene.acknowledged:,} orders"
    yield "refused", f"{scene.refused:,}"
    yield "told to retry", f"{scene.retries:,} times"
    if scene.rebuild_s is not None:
        yield "rebuilt in", f"{scene.rebuild_s:.1f} s"


def _line(scene: Scene) -> str:
    return "  ".join(f"{name}: {text};" for name, text in rows(scene)).rstrip(";")


def _table(scene: Scene) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim", justify="right")
    table.add_column()
    for name, text in rows(scene):
        table.add_row(name, text)
    sold = scene.units - (scene.left if scene.left is not None else scene.units)
    table.add_row("sold", ProgressBar(total=scene.units, completed=sold, width=40))
    return table
