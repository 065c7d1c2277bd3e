"""What a process remembers of things of which there may be any number."""

from collections import OrderedDict
from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Recent(OrderedDict[K, V]):
    """A memory that forgets: of more than `kept_max` things, the one that was put in longest ago."""

    def __init__(self, kept_max: int) -> None:
        super().__init__()
        self._kept_max = kept_max

    def __setitem__(self, key: K, value: V) -> None:
        super().__setitem__(key, value)
        self.move_to_end(key)
        if len(self) > self._kept_max:
            self.popitem(last=False)
