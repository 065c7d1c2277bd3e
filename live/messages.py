"""The messages of the socket: one JSON object per text frame, told apart by its member `type`.

Requests may carry a `ref` of the client's choosing, which the answer repeats. What other packages bring (orders, sales,
talk) derives from the same bases and is registered by `millpond`; docs/protocol.md tells the order of things.
"""

from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from keel.ids import ID_SHAPE
from live.invitations import INVITATION_CHARS_MAX

REF_CHARS_MAX: Final = 64
TOKEN_CHARS_MAX: Final = 2_048
COMMENT_CHARS_MAX: Final = 200
LIKES_MAX: Final = 20  # in one message

PRINTABLE: Final = r"^[\x20-\x7e]*\Z"
Id = Annotated[str, Meta(pattern=rf"^{ID_SHAPE}\Z", description="A UUID in lower case.")]
Ref = Annotated[str, Meta(max_length=REF_CHARS_MAX, pattern=PRINTABLE, description="The client's own; repeated.")]
Told = Annotated[str, Meta(description="What is not understood is passed over.")]
Count = Annotated[int, Meta(ge=0, le=2**53 - 1)]


class Request(msgspec.Struct, tag_field="type", forbid_unknown_fields=True, frozen=True, kw_only=True):
    """What a client sends."""

    ref: Ref | None = None


class PlaceRequest(Request, frozen=True, kw_only=True):
    """A request about one room; the client has joined it."""

    place: Id


class Hello(Request, tag="hello", frozen=True, kw_only=True):
    """The first message: who is there, by an access token, by the guest pass of an earlier welcome, or by neither.

    Sent again on the same socket, it brings a fresher token of the same person, or says who the guest is. A pass beside
    a token says which guest that customer was.
    """

    token: Annotated[str, Meta(max_length=TOKEN_CHARS_MAX)] | None = None
    guest: Annotated[str, Meta(max_length=TOKEN_CHARS_MAX)] | None = None


class Since(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The place in a room's log that a client has: the last `epoch` and `seq` that it was told."""

    epoch: Count
    seq: Count


class Join(Request, tag="join", frozen=True, kw_only=True):
    """Come into a room, or into a rehearsal session by its id; `since` where the client was there before.

    Whoever is not staff needs an `invitation` to a rehearsal. `share` is the code of the card or picture that was
    opened to come here, `channel` where that was found, `community` the group's opaque id, as far as the client knows.
    They are sent once for each opening, and never keep anybody out.
    """

    place: Id
    since: Since | None = None
    share: Told | None = None
    channel: Told | None = None
    community: Told | None = None
    invitation: Annotated[str, Meta(max_length=INVITATION_CHARS_MAX)] | None = None


class Leave(PlaceRequest, tag="leave", frozen=True, kw_only=True):
    """Go out of a room; the socket stays."""


class Comment(PlaceRequest, tag="comment", frozen=True, kw_only=True):
    """Say something in a room."""

    text: Annotated[str, Meta(min_length=1, max_length=COMMENT_CHARS_MAX)]


class Like(PlaceRequest, tag="like", frozen=True, kw_only=True):
    """Likes since the client's last such message: gathered by the client, sent no more than once a second."""

    count: Annotated[int, Meta(ge=1, le=LIKES_MAX)]


class Answer(msgspec.Struct, tag_field="type", frozen=True, kw_only=True, omit_defaults=True):
    """What the gateway sends."""


class Welcome(Answer, tag="welcome", frozen=True, kw_only=True, omit_defaults=True):
    """The answer to hello. `guest` is the pass to keep and to say hello with next time; `until` is when the token ends.

    A customer who was a guest until now gets a new pass, for whoever watches there once he has signed out.
    `role` is a member of staff's. Times are RFC 3339, UTC.
    """

    viewer_id: str
    server_time: str
    ref: str | None = None
    guest: str | None = None
    role: str | None = None
    until: str | None = None


class Event(msgspec.Struct, frozen=True):
    """Something of a room's log that happened. Bodies hold absolute values; a kind nobody knows is passed over."""

    seq: int
    id: str
    kind: str
    body: msgspec.Raw


class Joined(Answer, tag="joined", frozen=True, kw_only=True, omit_defaults=True):
    """The answer to join: the room up to `seq`, as a snapshot or as the events that the client missed, or neither.

    `comments` are the last that were said, the oldest first, whether the client was told them before or not.
    """

    place: str
    epoch: int
    seq: int
    ref: str | None = None
    snapshot: dict[str, Any] | None = None
    events: list[Event] = []
    state: dict[str, msgspec.Raw] = {}
    comments: list[msgspec.Raw] = []


class Left(Answer, tag="left", frozen=True, kw_only=True, omit_defaults=True):
    """The answer to leave; unasked, with the `problem` why, where the viewer may not be there any more."""

    place: str
    ref: str | None = None
    problem: dict[str, Any] | None = None


class RoomTick(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A room's share of a tick: its log up to `seq`; values of the state that changed; a sample of what was said.

    With a `snapshot` the client forgets what it knew of the room: it replaces everything up to `seq`.
    """

    place: str
    epoch: int
    seq: int
    snapshot: dict[str, Any] | None = None
    events: list[Event] = []
    state: dict[str, msgspec.Raw] = {}
    comments: list[msgspec.Raw] = []


class Tick(Answer, tag="tick", frozen=True, kw_only=True, omit_defaults=True):
    """All that is new in the rooms of this viewer, at most five times a second."""

    rooms: list[RoomTick]


class Done(Answer, tag="done", frozen=True, kw_only=True, omit_defaults=True):
    """A request was carried out; `result` where there is something to say."""

    ref: str | None = None
    result: Any = None


class Problem(Answer, tag="problem", frozen=True, kw_only=True, omit_defaults=True):
    """A request was refused: the same RFC 9457 document that HTTP has. The socket stays open."""

    problem: dict[str, Any]
    ref: str | None = None


class Bye(Answer, tag="bye", frozen=True, kw_only=True, omit_defaults=True):
    """The gateway is about to close the socket with `code`; `come_back` says whether and how to try again.

    `after_ms`: wait that long before, so that not everybody comes at once.
    """

    code: int
    come_back: str
    after_ms: int | None = None
    problem: dict[str, Any] | None = None


encode_json: Final = msgspec.json.Encoder().encode
