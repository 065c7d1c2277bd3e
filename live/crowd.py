"""Every socket of this gateway that said hello, by who is there: under each id that he has or had."""

from collections.abc import Sequence
from typing import Final

from live.close_codes import CloseCode
from live.connection import ViewerConnection
from live.farewell import say_bye
from live.viewers import Viewer

SOCKETS_PER_VIEWER_MAX: Final = 5  # at this gateway


class Crowd:
    """Sockets by viewer and by person. A viewer who came under another name is found by both."""

    def __init__(self) -> None:
        self._by_viewer: dict[str, list[ViewerConnection]] = {}
        self._by_person: dict[str, dict[ViewerConnection, None]] = {}

    def of(self, person: str) -> Sequence[ViewerConnection]:
        """The sockets of whoever has or had this id."""
        return list(self._by_person.get(person, ()))

    def changed(self, connection: ViewerConnection, before: Viewer | None, now: Viewer | None) -> None:
        """Who is at a socket: nobody yet, or nobody any more, is None."""
        if before is not None:
            self._forget_names(connection, before)
        if now is not None:
            for person in now.people:
                self._by_person.setdefault(person, {})[connection] = None
        if before is not None and (now is None or before.id != now.id):
            self._leave(connection, before)
        if now is not None and (before is None or before.id != now.id):
            self._enter(connection, now)

    def _enter(self, connection: ViewerConnection, viewer: Viewer) -> None:
        """One more socket of this viewer: the oldest go, which may be dead ones of a phone that changed its network."""
        sockets = self._by_viewer.setdefault(viewer.id, [])
        sockets.append(connection)
        while len(sockets) > SOCKETS_PER_VIEWER_MAX:
            say_bye(sockets.pop(0), CloseCode.REPLACED)

    def _leave(self, connection: ViewerConnection, viewer: Viewer) -> None:
        sockets = self._by_viewer.get(viewer.id, [])
        if connection in sockets:
            sockets.remove(connection)
        if not sockets:
            self._by_viewer.pop(viewer.id, None)

    def _forget_names(self, connection: ViewerConnection, viewer: Viewer) -> None:
        for person in viewer.people:
            sockets = self._by_person[person]
            sockets.pop(connection, None)
            if not sockets:
                del self._by_person[person]
