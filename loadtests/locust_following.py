"""Whether a viewer missed an event of a room's log: by the numbers alone, as docs/protocol.md tells a client to do."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


class EventMissed(Exception):
    """The gateway went over a number. The follower goes on from where the gateway is."""


@dataclass(slots=True)
class Following:
    """How far one viewer has followed one room."""

    epoch: int | None = None
    seq: int = 0

    @property
    def since(self) -> dict[str, int] | None:
        """What to join again with; None before the first time."""
        return None if self.epoch is None else {"epoch": self.epoch, "seq": self.seq}

    def take(self, room: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The news in a `joined`, or in a room of a `tick`, that were not known yet. Raises EventMissed."""
        if "snapshot" in room:
            self.epoch, self.seq = room["epoch"], room["seq"]
            return []
        before, events = self.since, room.get("events", [])
        fresh = [event for event in events if event["seq"] > self.seq]
        wanted = range(self.seq + 1, room["seq"] + 1)
        same_log = room["epoch"] == self.epoch
        self.epoch, self.seq = room["epoch"], max(room["seq"], self.seq) if same_log else room["seq"]
        if not same_log or [event["seq"] for event in fresh] != list(wanted):
            told = [event["seq"] for event in events]
            raise EventMissed(f"at {before}, told {told} up to epoch {room['epoch']}, seq {room['seq']}")
        return fresh
