"""The scene: what a screen of a room shows, and what each event makes of it. Pure values.

A scene is JSON data, one member per part:

    sessions      by id: {session_id, state, at, title, rehearsal}, those that are not over and the one that was last;
                  at: when it came into this state; title: null where it has the room's
    session       of these the one on air, else the one planned first, else the one that was last, else null
    room          {title, cover_url}
    shelf         {slots: [{no, sale_id, item_id, title, price, currency, picture_url, hidden}, …]}
    pin           {pin_id, no, sale_id, item_id, at}, or null
    sales         of that session, by id: {state, opens_at, closes_at}
    talk          {slow_mode_s, review, muted_all}
    announcement  {id, text, at}, or null; it goes when its session is over
    removed       the ids of the comments removed last, oldest first, REMOVED_MAX at most

Events carry absolute values, so that the law of the room holds: an old snapshot and the events after it make the scene
that a fresh snapshot gives. What a kind unknown here says is for newer programs: it changes nothing.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import msgspec

Scene = Mapping[str, Any]
Body = Mapping[str, Any]

REMOVED_MAX: Final = 50
ENDED: Final = "ended"
_STAGE: Final = ("live", "interrupted", "scheduled", ENDED)
EMPTY: Final[Scene] = {
    "sessions": {},
    "session": None,
    "room": None,
    "shelf": {"slots": []},
    "pin": None,
    "sales": {},
    "talk": None,
    "announcement": None,
    "removed": [],
}


def fold(scene: Scene, kind: str, body: Body) -> Scene:
    """The scene after an event. Neither is changed."""
    step = _FOLDS.get(kind)
    return scene if step is None else {**scene, **step(scene, body)}


def subject_of(kind: str, body: bytes) -> str:
    """What an event speaks of, so that an older one cannot undo a newer; "" where events do not undo each other."""
    if kind in ("sale.moved", "sale.left"):
        sale = _sale.decode(body)
        return f"sale {sale.session_id} {sale.sale_id}"
    if kind == "session.moved":
        return f"session {_session.decode(body).session_id}"
    return _SUBJECTS.get(kind, "")


def sale_event_id(session_id: str, sale_id: str, *, link_no: int, version: int = 0, cause: str = "") -> str:
    """The id of an event of a sale in a session: it grows with their link, then the sale's version, then the cause.

    No cause comes before any, for `/` is less than what ids are made of.
    """
    return f"{link_no:010d}.{version:012d}:{cause}/{session_id}/{sale_id}"


def on_stage(sessions: Mapping[str, Body]) -> Body | None:
    """Which of a place's sessions its screens are about."""
    return min(sessions.values(), key=lambda body: (_STAGE.index(body["state"]), body["session_id"]), default=None)


def known_sessions(sessions: Iterable[Body]) -> dict[str, Body]:
    """Those that are not over, and of the others the one that ended last."""
    bodies = list(sessions)
    last = max((body for body in bodies if body["state"] == ENDED), key=_ended, default=None)
    return {body["session_id"]: body for body in bodies if body["state"] != ENDED or body is last}


def _ended(body: Body) -> tuple[str, str]:
    return body["at"], body["session_id"]


def _session_moved(scene: Scene, body: Body) -> Scene:
    """Another session on stage comes with other sales: each of them is told by a `sale.moved` of its own."""
    sessions = known_sessions({**scene["sessions"], body["session_id"]: body}.values())
    session = on_stage(sessions)
    is_same = _id_of(session) == _id_of(scene["session"])
    return {"sessions": sessions, "session": session, "sales": scene["sales"] if is_same else {}}


def _id_of(session: Body | None) -> str | None:
    return None if session is None else session["session_id"]


def _sale_moved(scene: Scene, body: Body) -> Scene:
    """Only of the session on stage: of another one it was told too late, or too early and will be told again."""
    if body.get("session_id") != _id_of(scene["session"]):
        return {}
    moved = {name: value for name, value in body.items() if name not in ("sale_id", "session_id")}
    return {"sales": {**scene["sales"], body["sale_id"]: moved}}


def _sale_left(scene: Scene, body: Body) -> Scene:
    if body["session_id"] != _id_of(scene["session"]):
        return {}
    return {"sales": {sale_id: sale for sale_id, sale in scene["sales"].items() if sale_id != body["sale_id"]}}


def _pin_cleared(scene: Scene, body: Body) -> Scene:
    """Only the pin that it names: another one may have taken its place."""
    pin = scene.get("pin")
    return {"pin": None} if pin is not None and pin["pin_id"] == body["pin_id"] else {}


def _announcement_cleared(scene: Scene, body: Body) -> Scene:
    """Only the announcement that it names: of several sessions of a place another one may have spoken since."""
    announcement = scene["announcement"]
    return {"announcement": None} if announcement is not None and announcement["id"] == body["announcement_id"] else {}


def _comment_removed(scene: Scene, body: Body) -> Scene:
    removed = [comment_id for comment_id in scene["removed"] if comment_id != body["comment_id"]]
    return {"removed": [*removed, body["comment_id"]][-REMOVED_MAX:]}


def _whole(part: str) -> Callable[[Scene, Body], Scene]:
    """The event's body is the part."""
    return lambda _, body: {part: body}


_FOLDS: Final[Mapping[str, Callable[[Scene, Body], Scene]]] = {
    "session.moved": _session_moved,
    "room.changed": _whole("room"),
    "shelf.changed": _whole("shelf"),
    "pin.set": _whole("pin"),
    "pin.cleared": _pin_cleared,
    "sale.moved": _sale_moved,
    "sale.left": _sale_left,
    "talk.ruled": _whole("talk"),
    "announced": _whole("announcement"),
    "announcement.cleared": _announcement_cleared,
    "comment.removed": _comment_removed,
}
KINDS: Final = frozenset(_FOLDS)  # of the events that change a scene; no others are told
_SUBJECTS: Final = {
    "room.changed": "room",
    "shelf.changed": "shelf",
    "pin.set": "pin",
    "pin.cleared": "pin",
    "talk.ruled": "talk",
    "announced": "announcement",
    "announcement.cleared": "announcement",
}


class _Sale(msgspec.Struct):
    """The part of a sale's event that names it, and the session that sells it."""

    session_id: str
    sale_id: str


class _Session(msgspec.Struct):
    """The part of a session's event that names it."""

    session_id: str


_sale: Final = msgspec.json.Decoder(_Sale)
_session: Final = msgspec.json.Decoder(_Session)
