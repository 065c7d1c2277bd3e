"""How viewers came into a room: visits through shares that the gateway hears of, brought to `referrals`."""

from live.messages import Join
from live.viewers import Seat, Viewer
from referrals.gathering import Touches
from referrals.model import channel_of, is_community


class SocketShares:
    """A witness of the gateway's seating. What is not understood is passed over: nobody is kept out by it."""

    def __init__(self, touches: Touches) -> None:
        self._touches = touches

    def arrived(self, viewer: Viewer, seat: Seat, join: Join) -> None:
        """A viewer came into a room, perhaps through a share. What is rehearsed counts for nobody."""
        if join.share is None or seat.place != seat.room_id:
            return
        community = join.community if join.community is not None and is_community(join.community) else None
        self._touches.visited(
            seat.merchant_id,
            join.share,
            viewer.id,
            channel=channel_of(join.channel),
            community=community,
            session_id=seat.session_id,
        )

    def became(self, guest: Viewer, viewer: Viewer) -> None:
        """What the guest came through, the customer came through."""
        if viewer.claims is not None:
            self._touches.signed_in(viewer.claims.mid, guest.id, viewer.id)
