"""Hello, join and leave: who is at a socket, and in which rooms it is."""

from collections.abc import Callable, Iterator
from typing import Final

from keel.clock import Clock
from keel.errors import NotSignedIn
from live.close_codes import CloseCode
from live.connection import ViewerConnection
from live.conversation import Goodbye, Refused
from live.errors_talk import Banned
from live.farewell import say_bye
from live.halls import Halls, Room
from live.messages import Hello, Join, Leave, Left
from live.places import Places
from live.presence import Presence
from live.reception import Reception
from live.socket_errors import SomebodyElse
from live.viewers import Seat, Viewer

SOCKETS_PER_VIEWER_MAX: Final = 5

BanOf = Callable[[Viewer], Banned | None]
BansIn = Callable[[str], BanOf | None]  # by room id; None where nobody is banned now


class Seating:
    """Every socket of this gateway that said hello, by viewer, and its seats."""

    def __init__(
        self, *, reception: Reception, places: Places, halls: Halls, presence: Presence, clock: Clock, bans_in: BansIn
    ) -> None:
        self.reception, self._places, self._halls, self._bans_in = reception, places, halls, bans_in
        self._presence, self._clock = presence, clock
        self._sockets: dict[str, list[ViewerConnection]] = {}
        self.in_several: set[ViewerConnection] = set()

    def greet(self, connection: ViewerConnection, hello: Hello) -> None:
        """Say welcome. Raises Goodbye, and Refused where somebody else says hello on this socket."""
        try:
            viewer, welcome = self.reception.greet(hello)
        except NotSignedIn as refusal:
            raise Goodbye(CloseCode.TOKEN, refusal) from refusal
        before = connection.viewer
        if before is not None and not (before.may_become(viewer) and _fits(viewer, connection)):
            raise Refused(SomebodyElse(), hello.ref)
        self._seat_again(connection, viewer)
        connection.conversation.greeted = True
        connection.say(welcome)

    async def join(self, connection: ViewerConnection, message: Join) -> bytes | None:
        """Come in, or again: `joined`, encoded. Raises NotFound and Unavailable. None where the socket is gone."""
        viewer = connection.viewer
        assert viewer is not None
        place = await self._places.enter(viewer, message.place)
        room = await self._halls.enter(place)
        if not connection.is_open or connection.viewer is None:
            return None
        if place.id not in connection.seats:
            self._sit(connection, connection.viewer, room)
        return room.welcome(message.since, message.ref)

    def leave(self, connection: ViewerConnection, message: Leave) -> Left:
        """Go out of one room."""
        self._rise(connection, message.place)
        return Left(place=message.place, ref=message.ref)

    def put_out_banned(self) -> None:
        """Out of every room whoever may not be in it any more: looked for where somebody is banned at all."""
        for room in self._halls.rooms:
            ban_of = self._bans_in(room.room_id)
            if ban_of is None:
                continue
            for connection in list(room.viewers):
                refusal = None if connection.viewer is None else ban_of(connection.viewer)
                if refusal is not None:
                    self._rise(connection, room.place)
                    connection.say(Left(place=room.place, problem=refusal.document()))

    def gone(self, connection: ViewerConnection) -> None:
        """The socket is lost."""
        for place in list(connection.seats):
            self._rise(connection, place)
        if connection.viewer is not None:
            self._forget(connection, connection.viewer)
            connection.viewer = None

    def follow(self, room: Room) -> None:
        """A room may be about another session now: whoever is there watches that one."""
        self._presence.turned(room.place, room.session_id, self._clock.ms())

    def rooms_of(self, connection: ViewerConnection) -> Iterator[Room]:
        """The rooms that a socket is in."""
        for place in connection.seats:
            room = self._halls.find(place)
            if room is not None:
                yield room

    def _seat_again(self, connection: ViewerConnection, viewer: Viewer) -> None:
        """The socket is this viewer's from here on, in all rooms that it is in."""
        before, places = connection.viewer, list(connection.seats)
        if before is None or before.id != viewer.id:
            rooms = list(self.rooms_of(connection))
            for place in places:
                self._rise(connection, place)
            if before is not None:
                self._forget(connection, before)
            self._remember(connection, viewer)
            for room in rooms:
                self._sit(connection, viewer, room)
        connection.viewer = viewer

    def _sit(self, connection: ViewerConnection, viewer: Viewer, room: Room) -> None:
        seat = Seat(room.place, room.merchant_id, room.room_id, room.session_id, self._clock.ms())
        connection.seats[room.place] = seat
        connection.conversation.places.add(room.place)
        room.viewers[connection] = None
        if len(connection.seats) > 1:
            self.in_several.add(connection)
        if viewer.principal is None:  # who works here is no audience
            self._presence.joined(seat.place, seat.session_id, viewer.id, seat.since_ms)

    def _rise(self, connection: ViewerConnection, place: str) -> None:
        seat = connection.seats.pop(place)
        connection.conversation.places.discard(place)
        room = self._halls.find(place)
        if room is not None:
            room.viewers.pop(connection, None)
        if len(connection.seats) < 2:
            self.in_several.discard(connection)
        viewer = connection.viewer
        if viewer is not None and viewer.principal is None:
            self._presence.left(place, seat.session_id, viewer.id, self._clock.ms())

    def _remember(self, connection: ViewerConnection, viewer: Viewer) -> None:
        """One more socket of this viewer: the oldest go, which may be dead ones of a phone that changed its network."""
        sockets = self._sockets.setdefault(viewer.id, [])
        sockets.append(connection)
        while len(sockets) > SOCKETS_PER_VIEWER_MAX:
            say_bye(sockets.pop(0), CloseCode.REPLACED)

    def _forget(self, connection: ViewerConnection, viewer: Viewer) -> None:
        sockets = self._sockets.get(viewer.id, [])
        if connection in sockets:
            sockets.remove(connection)
        if not sockets:
            self._sockets.pop(viewer.id, None)


def _fits(viewer: Viewer, connection: ViewerConnection) -> bool:
    """Whether all rooms of the socket are there for this viewer too."""
    return viewer.is_guest or all(seat.merchant_id == viewer.merchant_id for seat in connection.seats.values())
