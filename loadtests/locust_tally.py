"""What locust's own table has no line for: frames, and how viewers came and went. Summed over all generators."""

from dataclasses import asdict, dataclass, fields


@dataclass(slots=True)
class Tally:
    """Counts of one process since they were last taken, or of all."""

    frames: int = 0
    frame_bytes: int = 0
    events: int = 0
    missed: int = 0
    dropped: int = 0
    back_by_events: int = 0
    back_by_snapshot: int = 0
    sent_away: int = 0

    def add(self, counts: dict[str, int]) -> None:
        """Add what another process counted."""
        for name, count in counts.items():
            setattr(self, name, getattr(self, name) + count)

    def take(self) -> dict[str, int]:
        """Everything, and begin anew."""
        counts = asdict(self)
        for field in fields(self):
            setattr(self, field.name, 0)
        return counts

    def lines(self, seconds: float) -> list[str]:
        """What is told in the end."""
        mean_bytes = self.frame_bytes / max(1, self.frames)
        back = self.back_by_events + self.back_by_snapshot
        return [
            f"frames received: {self.frames:,} ({self.frames / max(1, seconds):,.0f}/s), {mean_bytes:,.0f} bytes each",
            f"log events heard: {self.events:,}, missed: {self.missed:,}",
            f"networks lost: {self.dropped:,}; came back: {back:,} ({self.back_by_events:,} got what they missed, "
            f"{self.back_by_snapshot:,} the whole room); sockets closed by gateways: {self.sent_away:,}",
        ]


HERE = Tally()
