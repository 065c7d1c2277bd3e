"""Says how far a run is: a bar on a terminal, lines everywhere else. On stderr; stdout belongs to the document."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
from rich.progress import Progress as Bar

from millpond.crowd import Progress

console = Console(stderr=True, soft_wrap=True, highlight=False)


def say(text: str) -> None:
    """One line."""
    console.print(text, markup=False)


@contextmanager
def tell(title: str, total: int) -> Iterator[Callable[[Progress], None]]:
    """Gives what a crowd reports its progress to; says in the end how it went."""
    last = Progress(0, 0, 0, 0, 0.0)

    def note(progress: Progress) -> None:
        nonlocal last
        last = progress

    if sys.stderr.isatty():
        columns = TextColumn("{task.description:<36}"), BarColumn(), MofNCompleteColumn()
        with Bar(*columns, console=console, transient=True, auto_refresh=False) as bar:
            task = bar.add_task(title, total=total)

            def show(progress: Progress) -> None:
                note(progress)
                bar.update(task, completed=progress.answered, refresh=True)

            yield show
    else:
        yield note
    per_s = last.answered / last.elapsed_s if last.elapsed_s else 0.0
    say(f"  {title:<36} {last.accepted:>7,} accepted {last.refused:>7,} refused {per_s:>9,.0f} answers/s")
