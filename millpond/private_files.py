"""A file that is made once and read by us alone."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from millpond.engines.folders import make_shared_folder


def read_or_make(path: Path, make: Callable[[], str]) -> str:
    """The text of a file, which is made where there is none. Raises OSError."""
    if not path.exists():
        make_shared_folder(path.parent)
        _create_private(path, make())
    return path.read_text(encoding="utf-8")


def _create_private(path: Path, text: str) -> None:
    """Create a file readable by us alone, whole from its first moment. Of two racing processes one wins."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600
    aside = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        path.hardlink_to(aside)
    except FileExistsError:
        return
    finally:
        aside.unlink()
