"""Millpond over the socket: the same shop with `millpond gateway`, and buyers who are in a room of it."""

import resource
from contextlib import AbstractAsyncContextManager
from dataclasses import replace

from keel.clock import FollowingClock
from keel.ids import Ids
from loadtests.side_millpond import PROGRAM, MillpondSide
from loadtests.sides import UNITS_PER_CUSTOMER, Crowd
from loadtests.socket_crowd import crowd_on_sockets
from loadtests.stack import FD, Plan, Stack


class SocketSide(MillpondSide):
    """See `loadtests.sides.Side`. The API opens sales and the room, and has nothing to do with orders."""

    name = "socket"

    def plan(self) -> Plan:
        """One gateway beside them."""
        _raise_file_limit()
        plan = super().plan()
        return replace(plan, commands={**plan.commands, "gateway": [*PROGRAM, "gateway", "--fd", FD]})

    def crowd(self, stack: Stack, *, wishes_max: int) -> AbstractAsyncContextManager[Crowd]:
        """As many buyers as may have so many units, each in the room on a socket of his own."""
        room = self._ask(stack, "rooms", title="Rush")
        count = -(-wishes_max // UNITS_PER_CUSTOMER)
        ids = Ids(FollowingClock())
        return crowd_on_sockets(stack.targets["gateway"], room["id"], self._buyers, count=count, ids=ids)


def _raise_file_limit() -> None:
    """Sockets of thousands of buyers, here and in the gateway, which inherits the limit."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
