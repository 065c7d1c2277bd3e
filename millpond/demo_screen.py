"""A demo on the screen: a live picture in a terminal, plain lines elsewhere."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table

from millpond.demo_plan import PRICE, Picture

LINE_EVERY_S: Final = 2.0
REFRESHES_PER_S: Final = 8
BAR_CHARS: Final = 46


class DemoScreen:
    """Shows a picture whenever it is told to; between the calls nothing moves."""

    def __init__(self, console: Console, live: Live | None) -> None:
        self._console, self._live = console, live
        self._next_line_s = 0.0

    def show(self, picture: Picture) -> None:
        """Draw, or print a line when it is time for one."""
        if self._live is not None:
            self._live.update(_panel(picture))
        elif time.monotonic() >= self._next_line_s:
            self._next_line_s = time.monotonic() + LINE_EVERY_S
            self._console.print("  ".join(f"{name}: {text};" for name, text in rows(picture)).rstrip(";"))


@contextmanager
def demo_screen(console: Console) -> Iterator[DemoScreen]:
    """A screen for the length of a rush."""
    if not console.is_terminal:
        yield DemoScreen(console, None)
        return
    with Live(console=console, refresh_per_second=REFRESHES_PER_S) as live:
        yield DemoScreen(console, live)


def money(units: int) -> str:
    """What so many units cost."""
    return f"¥{units * PRICE / 100:,.2f}"


def rows(picture: Picture) -> Iterator[tuple[str, str]]:
    """What is shown, as name and text."""
    scene, pace = picture.scene, picture.pace
    left = scene.units if scene.left is None else scene.left
    yield "time", f"{scene.elapsed_s:.0f} s of {scene.seconds} s"
    yield "state", scene.state
    yield "stock left", f"{left:,} of {scene.units:,}"
    yield "sold", money(scene.units - left)
    yield "orders", f"{scene.acknowledged:,}, {pace.now_per_s:,.0f}/s now, {pace.best_per_s:,.0f}/s at best"
    yield "queue", f"no. {scene.served:,} of {scene.units:,} served"
    yield "refused", f"{scene.refused:,} of {picture.buyers:,} buyers"
    yield "told to retry", f"{scene.retries:,} times"
    yield "p99", f"{picture.p99_s * 1000:,.0f} ms"


def _panel(picture: Picture) -> Panel:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim", justify="right")
    table.add_column()
    for name, text in rows(picture):
        table.add_row(name, text)
    scene = picture.scene
    left = scene.units if scene.left is None else scene.left
    bars = Table(box=None, show_header=False, pad_edge=False)
    bars.add_column(style="dim", justify="right", width=13)
    bars.add_column()
    bars.add_row("stock", ProgressBar(total=scene.units, completed=left, width=BAR_CHARS))
    bars.add_row("buyers", ProgressBar(total=picture.buyers, completed=answered(picture), width=BAR_CHARS))
    return Panel(Group(table, bars), title="A million yuan in thirty seconds", expand=False)


def answered(picture: Picture) -> int:
    """Buyers who have their last word."""
    return picture.scene.acknowledged + picture.scene.refused
