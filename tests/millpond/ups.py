"""`millpond up` as a process of its own, and what it prints."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from millpond.engines import Engines
from tests.eventually import eventually

HERE = Path(__file__).parents[2]
START_MAX_S = 120.0  # nothing is promised here
STOP_MAX_S = 60.0
COMMAND_MAX_S = 120.0


@dataclass
class Up:
    """A running `millpond up`, its environment and where it writes."""

    process: subprocess.Popen[bytes]
    data_dir: Path
    output: Path
    environment: dict[str, str]

    def text(self) -> str:
        return self.output.read_text()

    def url(self) -> str:
        """The API's URL, once it is announced."""
        found = eventually(lambda: re.search(r"API +(http://\S+)", self.text()), within_s=START_MAX_S)
        assert found is not None
        return found[1]

    def line(self, start: str) -> str:
        """The line that begins so, once it is printed."""
        pattern = rf"(?m)^{re.escape(start)}.*$"
        found = eventually(lambda: re.search(pattern, self.text()), within_s=START_MAX_S)
        assert found is not None
        return found[0]

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """A `millpond` command of an operator beside it, ended."""
        return subprocess.run(
            [sys.executable, "-m", "millpond", *arguments],
            cwd=HERE,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=COMMAND_MAX_S,
            check=False,
        )

    def children(self, word: str) -> list[int]:
        """The pids of the supervisor's children with `word` on their command line."""
        lines = {child.pid: child.info["cmdline"] or [] for child in self._children()}  # a zombie has none
        return [pid for pid, line in lines.items() if word in line]

    def _children(self) -> list[psutil.Process]:
        """In one sweep, since they may end while we look."""
        return [child for child in psutil.process_iter(["ppid", "cmdline"]) if child.info["ppid"] == self.process.pid]

    def family(self) -> list[psutil.Process]:
        """Every process below the supervisor."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(STOP_MAX_S)


@contextmanager
def many_ups(folder: Path) -> Iterator[Callable[..., Up]]:
    """Runs `millpond up`, again and again in one data folder; whatever still runs is stopped in the end."""
    started: list[Up] = []

    def run(**settings: str) -> Up:
        given = {"MILLPOND_DATA_DIR": str(folder / "data"), "MILLPOND_API_PORT": "0", "MILLPOND_GATEWAY_PORT": "0"}
        ours = {name: value for name, value in os.environ.items() if not name.startswith("MILLPOND_")}
        environment = {name: value for name, value in ours.items() if name not in {"DATABASE_URL", "REDIS_URL"}}
        environment |= given | settings
        output = folder / f"output-{len(started)}"
        with output.open("wb") as file:
            process = subprocess.Popen(
                [sys.executable, "-m", "millpond", "up"],
                cwd=HERE,
                env=environment,
                stdout=file,
                stderr=file,
                start_new_session=True,
            )
        started.append(Up(process, folder / "data", output, environment))
        return started[-1]

    try:
        yield run
    finally:
        for one in started:
            if one.process.poll() is None:
                one.stop()
        Engines.open(folder / "data").close()  # whatever a killed supervisor left
