"""What a tick has for everybody: one frame for each viewer, however many rooms he is in and however much is new there.

Rooms are asked one after another, and others have their turn in between. Each room's news and who gets them are taken
at one moment: whoever comes later was told by `joined`. Who is in several rooms is settled before the first is asked.
"""

from collections.abc import AsyncIterator, Sequence

from live.connection import ViewerConnection
from live.fanout import Pace
from live.frames import frame_of
from live.halls import Halls, Room
from live.seating import Seating
from live.several import Places

Frames = AsyncIterator[tuple[bytes, Sequence[ViewerConnection]]]


async def news(halls: Halls, seating: Seating, pace: Pace) -> Frames:
    """The frames of a tick, each with those who get it."""
    places, groups = seating.several.places(), seating.several.groups()
    parts: dict[str, bytes] = {}
    for hall in halls.all:
        part = hall.take_tick()
        if part is not None:
            parts[hall.room.place] = part
            seating.follow(hall.room)
            yield _tick_of([part]), _here_alone(hall.room, places)
        await pace.give_way()
    frames: dict[Places, bytes] = {}
    for where, who in groups:
        told = frozenset(place for place in where if place in parts)
        if told:
            if told not in frames:
                frames[told] = _tick_of([parts[place] for place in sorted(told)])
            yield frames[told], who
        await pace.give_way()


def _here_alone(room: Room, places: dict[ViewerConnection, Places]) -> list[ViewerConnection]:
    """Those who are not told together with other rooms."""
    if not places:
        return list(room.viewers)
    return [viewer for viewer in room.viewers if room.place not in places.get(viewer, ())]


def _tick_of(parts: Sequence[bytes]) -> bytes:
    """A Tick of rooms that are encoded already."""
    return frame_of(b'{"type":"tick","rooms":[' + b",".join(parts) + b"]}")
