"""The benchmark: Millpond, the baseline, and Millpond over the socket in turns, each on its own engines, then their
books are checked.

The order of the sides changes from round to round, so that neither always meets the machine first. See
docs/benchmarks.md for what the figures mean.
"""

import json
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import uvloop

from keel.clock import FollowingClock
from keel.ids import Ids
from loadtests.machine import ROOT, about
from loadtests.phases import Sizes, one_round
from loadtests.profiling import profiled
from loadtests.progress import say, tell
from loadtests.report import counted, document_of, noise_of
from loadtests.side_baseline import BaselineSide
from loadtests.side_millpond import MillpondSide
from loadtests.side_socket import SocketSide
from loadtests.sides import Buyers, Side
from loadtests.stack import Stack, running
from loadtests.yardstick import empty_201_cpu_us

BUILD: Final = ROOT / "build" / "bench"
# What takes the orders on each side that can be profiled.
PROFILED: Final = {"millpond": "api", "socket": "gateway"}
AGAIN_MAX: Final = 2  # times that a round is played again in which the machine was busy elsewhere


@dataclass(frozen=True)
class Extent:
    """How long a run is: rounds, and per side the sizes of a round, chosen to take each about the same seconds."""

    rounds: int
    sizes: dict[str, Sizes]


# The rush is the story that is on record: 6,711 units from one room, and three times as many who wanted one.
FULL: Final = Extent(
    rounds=5,
    sizes={
        "millpond": Sizes(1_000, 24_000, 6_000, 500, 20_000, rush_buyers=20_000, rush_units=6_711),
        "baseline": Sizes(400, 2_500, 1_000, 500, 4_000),
        "socket": Sizes(1_000, 24_000, 6_000, 500, 20_000, rush_buyers=20_000, rush_units=6_711),
    },
)
QUICK: Final = Extent(
    rounds=1,
    sizes={
        "millpond": Sizes(500, 6_000, 2_000, 100, 4_000, rush_buyers=4_000, rush_units=1_342),
        "baseline": Sizes(400, 800, 400, 100, 600),
        "socket": Sizes(500, 6_000, 2_000, 100, 4_000, rush_buyers=4_000, rush_units=1_342),
    },
)


class Bench:
    """A whole run. `profile`: sample the processes of Millpond that take orders, while they do."""

    def __init__(self, folder: Path, extent: Extent, *, profile: bool, pool_size: int | None) -> None:
        self._folder, self._extent, self._profile = folder, extent, profile
        self._buyers = Buyers(Ids(FollowingClock()).new(), secrets.token_urlsafe(32))
        baseline = BaselineSide(self._buyers, pool_size=pool_size)
        self._sides: list[Side] = [MillpondSide(self._buyers), baseline, SocketSide(self._buyers)]

    def run(self) -> dict[str, Any]:
        """All rounds; the document."""
        machine = about(self._folder)
        rounds: list[dict[str, Any]] = []
        for number in range(1, self._extent.rounds + 1):
            for side in self._sides if number % 2 else reversed(self._sides):
                rounds += self._tries(number, side)
        return document_of(machine, rounds)

    def _tries(self, number: int, side: Side) -> list[dict[str, Any]]:
        """One round of a side, and once more while the machine is busy elsewhere. All are told, one counts."""
        tries: list[dict[str, Any]] = []
        for left in reversed(range(1 + AGAIN_MAX)):
            say(f"round {number} of {self._extent.rounds}, {side.name}")
            tries.append({"round": number, "side": side.name, "figures": self._round(side)})
            noise = noise_of(tries[-1])
            if not noise.loud:
                break
            say(f"the machine was busy elsewhere: {noise}; {'once more' if left else 'left as it is'}")
        return counted(tries)

    def _round(self, side: Side) -> dict[str, Any]:
        return {"empty_201_cpu_us": uvloop.run(empty_201_cpu_us())} | self._measured(side)

    def _measured(self, side: Side) -> dict[str, Any]:
        with running(self._folder / side.name, side.plan()) as stack:
            sizes = self._extent.sizes[side.name]
            return uvloop.run(one_round(side, stack, sizes, tell, lambda: self._watched(side, stack)))

    def _watched(self, side: Side, stack: Stack) -> AbstractContextManager[None]:
        kind = PROFILED.get(side.name)
        return profiled(stack.roots[kind], stacks_of(kind)) if self._profile and kind else nullcontext()


def stacks_of(kind: str) -> Path:
    """Where the samples of a kind of process go."""
    return BUILD / f"{kind}-stacks.txt"


@contextmanager
def data_folder() -> Iterator[Path]:
    """A folder for the engines of all sides, gone in the end."""
    folder = Path(tempfile.mkdtemp(prefix="millpond-bench-"))
    try:
        folder.chmod(0o711)  # the engines may run as another user
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def bench(*, quick: bool, profile: bool = False, pool_size: int | None = None) -> dict[str, Any]:
    """Measure, write the document to build/bench/rush.json, and return it. `pool_size` is the baseline's."""
    BUILD.mkdir(parents=True, exist_ok=True)
    with data_folder() as folder:
        document = Bench(folder, QUICK if quick else FULL, profile=profile, pool_size=pool_size).run()
    (BUILD / "rush.json").write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    return document
