"""Where a process spends its time: py-spy beside it, and the frames with the most samples of their own."""

import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

SAMPLES_PER_S: Final = 250
FRAMES_SHOWN: Final = 25
STOP_MAX_S: Final = 20.0


@contextmanager
def profiled(pid: int, into: Path) -> Iterator[None]:
    """Sample `pid` while the block runs; collapsed stacks go to `into`. The samples cost the process some speed."""
    program = shutil.which("py-spy") or str(Path(sys.executable).with_name("py-spy"))
    command = [program, "record", "--pid", str(pid), "--format", "raw", "--rate", str(SAMPLES_PER_S), "--nonblocking"]
    process = subprocess.Popen([*command, "--output", str(into)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(STOP_MAX_S)


def top_frames(stacks: Path) -> list[tuple[str, float]]:
    """Frames and their share (0 to 1) of all samples in which they themselves ran."""
    own: Counter[str] = Counter()
    for line in stacks.read_text(encoding="utf-8").splitlines():
        frames, _, count = line.rpartition(" ")
        own[frames.rpartition(";")[2]] += int(count)
    total = max(1, own.total())
    return [(frame, count / total) for frame, count in own.most_common(FRAMES_SHOWN)]
