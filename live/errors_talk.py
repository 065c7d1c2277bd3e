"""Why something is not said in a room, or not given there."""

from dataclasses import dataclass
from typing import ClassVar

from keel.errors import Refusal


@dataclass(eq=False)
class Banned(Refusal):
    """Whoever asks may not be in this room until then."""

    until: str
    status: ClassVar = 403
    title: ClassVar = "You are banned from this room"


@dataclass(eq=False)
class Muted(Refusal):
    """Whoever asks may read and not speak here until then."""

    until: str
    status: ClassVar = 403
    title: ClassVar = "You are muted in this room"


@dataclass(eq=False)
class TalkClosed(Refusal):
    """Only moderators speak in this room now."""

    status: ClassVar = 403
    title: ClassVar = "Comments are closed for now"


@dataclass(eq=False)
class CommentRefused(Refusal):
    """The comment has a word that is not wanted here. Which one is not said."""

    status: ClassVar = 422
    title: ClassVar = "This comment cannot be published"


@dataclass(eq=False)
class CommentRepeated(Refusal):
    """The same was said by the same viewer a moment ago. After `retry_after_ms` it may be said again."""

    retry_after_ms: int
    status: ClassVar = 409
    title: ClassVar = "You have just said that"


@dataclass(eq=False)
class TalkTooFast(Refusal):
    """Comments come too fast after each other; `slow_mode_s` is there where the room has a pause that holds for all."""

    retry_after_ms: int
    slow_mode_s: int | None = None
    status: ClassVar = 429
    title: ClassVar = "Wait a moment before you say more"

    def headers(self) -> dict[str, str]:
        return {"Retry-After": str(max(1, -(-self.retry_after_ms // 1000)))}


@dataclass(eq=False)
class TicketTooEarly(Refusal):
    """The viewer has not been in the room long enough for a purchase ticket; after `retry_after_ms` he has."""

    retry_after_ms: int
    status: ClassVar = 425
    title: ClassVar = "Stay a little longer to get a ticket"
