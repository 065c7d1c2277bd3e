"""Sockets that are in more than one room, by the rooms that they are in: a tick is one frame for each such group."""

from collections.abc import Iterable

from live.connection import ViewerConnection

Places = frozenset[str]


class Several:
    """Kept when seats change, so that a tick asks nothing of each viewer."""

    def __init__(self) -> None:
        self._places: dict[ViewerConnection, Places] = {}
        self._groups: dict[Places, dict[ViewerConnection, None]] = {}

    def moved(self, connection: ViewerConnection, places: Iterable[str]) -> None:
        """A socket is in these rooms from now on."""
        self._drop(connection)
        now = frozenset(places)
        if len(now) > 1:
            self._places[connection] = now
            self._groups.setdefault(now, {})[connection] = None

    def places(self) -> dict[ViewerConnection, Places]:
        """Where each of them is, as it stands now."""
        return self._places.copy()

    def groups(self) -> list[tuple[Places, list[ViewerConnection]]]:
        """Who is in the same rooms, as it stands now."""
        return [(places, list(who)) for places, who in self._groups.items()]

    def _drop(self, connection: ViewerConnection) -> None:
        before = self._places.pop(connection, None)
        if before is None:
            return
        group = self._groups[before]
        del group[connection]
        if not group:
            del self._groups[before]
