"""Hello, join and leave: who is at a socket, and in which rooms it is."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Protocol

from keel.clock import Clock
from keel.errors import NotSignedIn
from live.close_codes import CloseCode
from live.connection import ViewerConnection
from live.conversation import Goodbye, Refused
from live.crowd import Crowd
from live.fanout import Pace
from live.halls import Halls, Room
from live.messages import Hello, Join, Leave, Left
from live.places import Places
from live.presence import Presence
from live.reception import Reception
from live.several import Several
from live.socket_errors import SomebodyElse
from live.talk_rules import RoomTalk, banned
from live.viewers import Seat, Viewer

TalkAt = Callable[[str], RoomTalk | None]  # by room id; what is in memory


class Witness(Protocol):
    """Who has to know how viewers came, and whom guests became. Never waits, and raises nothing."""

    def arrived(self, viewer: Viewer, seat: Seat, join: Join) -> None:
        """A viewer who does not work here came into a room; each time that he says so."""

    def became(self, guest: Viewer, viewer: Viewer) -> None:
        """A guest is this customer."""


class Seating:
    """Every socket of this gateway that said hello, by viewer, and its seats."""

    def __init__(
        self,
        *,
        reception: Reception,
        places: Places,
        halls: Halls,
        presence: Presence,
        clock: Clock,
        talk_at: TalkAt,
        witness: Witness,
    ) -> None:
        self.reception, self._places, self._halls, self._talk_at = reception, places, halls, talk_at
        self._presence, self._clock, self._witness = presence, clock, witness
        self._crowd = Crowd()
        self.several = Several()

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
        is_new_name = self._told_whom_guests_became(before, viewer, hello)
        connection.conversation.greeted = True
        connection.say(self.reception.with_spare_pass(welcome, hello, is_new_name=is_new_name))

    async def join(self, connection: ViewerConnection, message: Join) -> bytes | None:
        """Come in, or again: `joined`, encoded. Raises NotFound, Unavailable, Banned and Refused.

        None where the socket is gone meanwhile.
        """
        while True:
            viewer = connection.viewer
            if viewer is None:
                return None
            room = await self._room_for(viewer, message, connection.address)
            if connection.viewer is viewer:  # else somebody else said hello on the socket meanwhile
                break
        if not connection.is_open:
            return None
        if room.place not in connection.seats:
            connection.conversation.require_seat(message)
            self._sit(connection, viewer, room)
        if viewer.principal is None:
            # Whoever sits there for longer may say now that he came into a broadcast that began since.
            seat = replace(connection.seats[room.place], session_id=room.session_id)
            self._witness.arrived(viewer, seat, message)
        return room.welcome(message.since, message.ref)

    def leave(self, connection: ViewerConnection, message: Leave) -> Left:
        """Go out of one room."""
        self._rise(connection, message.place)
        return Left(place=message.place, ref=message.ref)

    async def put_out_banned(self, pace: Pace) -> None:
        """Out of every room whoever may not be in it any more: who is banned is looked for, not who is there."""
        now_ms = self._clock.ms()
        for room in self._halls.rooms:
            talk = self._talk_at(room.room_id)
            await pace.give_way()
            if talk is None or not room.viewers:
                continue
            for person in talk.banned_people:
                for connection in self._crowd.of(person):
                    self._put_out(connection, room, talk, now_ms)
                await pace.give_way()

    def _put_out(self, connection: ViewerConnection, room: Room, talk: RoomTalk, now_ms: int) -> None:
        """Nobody who works here."""
        viewer = connection.viewer
        if viewer is None or viewer.principal is not None or room.place not in connection.seats:
            return
        refusal = banned(talk, viewer.people, now_ms)
        if refusal is not None:
            self._rise(connection, room.place)
            connection.say(Left(place=room.place, problem=refusal.document()))

    def gone(self, connection: ViewerConnection) -> None:
        """The socket is lost."""
        for place in list(connection.seats):
            self._rise(connection, place)
        self._crowd.changed(connection, connection.viewer, None)
        connection.viewer = None

    def follow(self, room: Room) -> None:
        """A room may be about another session now: whoever is there watches that one."""
        self._presence.turned(room.place, room.session_id, self._clock.ms())

    async def _room_for(self, viewer: Viewer, message: Join, address: str) -> Room:
        return await self._halls.enter(await self._places.enter(viewer, message.place, address, message.invitation))

    def rooms_of(self, connection: ViewerConnection) -> Iterator[Room]:
        """The rooms that a socket is in."""
        for place in connection.seats:
            room = self._halls.find(place)
            if room is not None:
                yield room

    def _told_whom_guests_became(self, before: Viewer | None, viewer: Viewer, hello: Hello) -> bool:
        """Whether this customer was a guest until now, which the witness has heard then."""
        if viewer.claims is None:
            return False
        known = before, self.reception.guest_before(hello)
        guests = [guest for guest in known if guest is not None and guest.is_guest]
        for guest in guests:
            self._witness.became(guest, viewer)
        return bool(guests)

    def _seat_again(self, connection: ViewerConnection, viewer: Viewer) -> None:
        """The socket is this viewer's from here on, in all rooms that it is in."""
        before, places = connection.viewer, list(connection.seats)
        self._crowd.changed(connection, before, viewer)
        if before is None or before.id != viewer.id:
            rooms = list(self.rooms_of(connection))
            for place in places:
                self._rise(connection, place)
            for room in rooms:
                self._sit(connection, viewer, room)
        connection.viewer = viewer

    def _sit(self, connection: ViewerConnection, viewer: Viewer, room: Room) -> None:
        seat = Seat(room.place, room.merchant_id, room.room_id, room.session_id, self._clock.ms())
        connection.seats[room.place] = seat
        connection.conversation.places.add(room.place)
        room.viewers[connection] = None
        self.several.moved(connection, connection.seats)
        if viewer.principal is None:  # who works here is no audience
            self._presence.joined(seat.place, seat.session_id, viewer.id, seat.since_ms)

    def _rise(self, connection: ViewerConnection, place: str) -> None:
        del connection.seats[place]
        connection.conversation.places.discard(place)
        room = self._halls.find(place)
        if room is not None:
            room.viewers.pop(connection, None)
        self.several.moved(connection, connection.seats)
        viewer = connection.viewer
        if viewer is not None and viewer.principal is None:
            self._presence.left(place, viewer.id, self._clock.ms())


def _fits(viewer: Viewer, connection: ViewerConnection) -> bool:
    """Whether all rooms of the socket are there for this viewer too."""
    return viewer.is_guest or all(seat.merchant_id == viewer.merchant_id for seat in connection.seats.values())
