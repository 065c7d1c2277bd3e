"""Pure values of rooms: the states of a session, who may do what in a room, and what is refused beyond a limit."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from keel.identity import SELLERS, Role

PAGE_MAX: Final = 100
CREW_MAX: Final = 50
SALES_PER_SESSION_MAX: Final = 50
OPEN_SESSIONS_MAX: Final = 100  # of one room, not ended yet
HISTORY_MAX: Final = 500  # moves of one session that are shown
GRACE_S: Final = 120
GRACE_S_MIN: Final = 5
IDLE_END_S_MIN: Final = 60
PATIENCE_S_MAX: Final = 86_400  # of both


class SessionState(StrEnum):
    """Where a broadcast stands. Interrupted: on air, and the picture is gone for a while."""

    SCHEDULED = "scheduled"
    LIVE = "live"
    INTERRUPTED = "interrupted"
    ENDED = "ended"


NEXT: Final = {
    SessionState.SCHEDULED: {SessionState.LIVE, SessionState.ENDED},  # ended: called off
    SessionState.LIVE: {SessionState.INTERRUPTED, SessionState.ENDED},
    SessionState.INTERRUPTED: {SessionState.LIVE, SessionState.ENDED},
    SessionState.ENDED: set[SessionState](),
}
assert NEXT.keys() == set(SessionState), "every state says where it may go"

ON_AIR: Final = (SessionState.LIVE, SessionState.INTERRUPTED)
OPEN: Final = (SessionState.SCHEDULED, *ON_AIR)


def sources_of(target: SessionState) -> frozenset[SessionState]:
    """The states from which a session may go there."""
    return frozenset(source for source, targets in NEXT.items() if target in targets)


class Why(StrEnum):
    """What made a session move; kept with every move."""

    HAND = "hand"
    PICTURE = "picture"  # it came, or came back
    PICTURE_LOST = "picture_lost"
    SILENCE = "silence"  # the media server says nothing of the picture any more
    GRACE_OVER = "grace_over"
    IDLE = "idle"


class CrewRole(StrEnum):
    """What a member of staff is in one room."""

    COHOST = "cohost"
    ASSISTANT = "assistant"
    MODERATOR = "moderator"


class Power(StrEnum):
    """What can be done in a room: run the broadcast, sell (shelf, pins, announcements), keep order among viewers."""

    RUN = "run"
    SELL = "sell"
    MODERATE = "moderate"


ALL_POWERS: Final = frozenset(Power)
NO_POWERS: Final = frozenset[Power]()
POWERS: Final = {
    CrewRole.COHOST: ALL_POWERS,
    CrewRole.ASSISTANT: frozenset({Power.SELL, Power.MODERATE}),
    CrewRole.MODERATOR: frozenset({Power.MODERATE}),
}
assert POWERS.keys() == set(CrewRole), "every role of a crew says what it may"


def powers_of(role: Role, crew_role: CrewRole | None) -> frozenset[Power]:
    """What somebody may in a room: whoever sells may everything in every room, the crew of a room what it is there
    for."""
    if role in SELLERS:
        return ALL_POWERS
    return NO_POWERS if crew_role is None else POWERS[crew_role]


def place_of(room_id: str, session_id: str, *, rehearsal: bool) -> str:
    """Where a session happens, for viewers and for the picture: in its room, or, a rehearsal, in a place of its own
    that nobody knows but staff."""
    return session_id if rehearsal else room_id


@dataclass(frozen=True, slots=True)
class SessionFilter:
    """Which sessions of a merchant are meant; what is None does not matter."""

    room_id: str | None = None
    states: tuple[SessionState, ...] = ()
    rehearsal: bool | None = None
