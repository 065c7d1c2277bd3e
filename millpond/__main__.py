"""The command `millpond`, and `python -m millpond`."""

import gc
from importlib import import_module


def main() -> None:
    """Import the commands with the collector off: hundreds of thousands of objects come to stay, and to look through
    them time and again for garbage was a fifth of the start of every process."""
    gc.disable()
    commands = import_module("millpond.cli")
    gc.freeze()
    gc.enable()
    commands.main()


if __name__ == "__main__":
    main()
