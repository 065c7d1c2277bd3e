"""What happens with each message: read, admitted, handed to whom it is for, answered. One client's fault is its own."""

import asyncio
import inspect
import logging
import time
from collections.abc import Awaitable
from typing import Final

from keel.errors import Internal, NotSignedIn, Refusal, TooManyRequests
from live.close_codes import CloseCode
from live.connection import ViewerConnection
from live.conversation import Conversation, Goodbye, Limits, Refused
from live.farewell import say_bye
from live.frames import frame_of
from live.gateway_metrics import MESSAGES, REFUSED
from live.messages import Answer, Done, Hello, Join, Leave, Problem, Request
from live.registry import Registry
from live.seating import Seating
from live.viewers import Caller

log = logging.getLogger(__name__)

IN_FLIGHT_MAX: Final = 16  # requests of one socket that are not answered yet


class Answering:
    """Takes every message of every socket. `group` owns what takes longer than a call."""

    def __init__(self, *, registry: Registry, seating: Seating, limits: Limits, group: asyncio.TaskGroup) -> None:
        self._registry, self._seating, self._limits, self._group = registry, seating, limits, group
        self._decode = registry.decoder().decode
        self._counted = {entry.message: MESSAGES.labels(type=entry.name) for entry in registry}

    def begin(self, connection: ViewerConnection) -> None:
        """A socket has opened."""
        connection.conversation = Conversation(self._decode, self._limits, now_s=time.monotonic())
        connection.hear = self.hear

    def hear(self, connection: ViewerConnection, text: bytes) -> None:
        """A whole text message came. Nothing is raised: this is the socket's outermost frame."""
        try:
            now_s, address = time.monotonic(), connection.address_messages
            self._take(connection, connection.conversation.receive(text, now_s=now_s, address=address))
        except Refused as refused:
            _refuse(connection, refused.refusal, refused.ref)
        except Goodbye as bye:
            say_bye(connection, bye.code, bye.refusal)
        except Exception:  # house: broad-except because one viewer's fault must never end another's socket
            log.exception("a message could not be handled")
            say_bye(connection, CloseCode.FAULT, Internal())

    def _take(self, connection: ViewerConnection, message: Request) -> None:
        if isinstance(message, Hello):
            self._seating.greet(connection, message)
            return
        if connection.in_flight >= IN_FLIGHT_MAX:
            raise Refused(TooManyRequests(retry_after_s=1.0), message.ref)
        connection.in_flight += 1
        try:
            self._hand_on(connection, message)
        except Exception as error:  # house: broad-except because whatever a handler raises is an answer, or a fault
            self._settle(connection, message.ref, error)

    def _hand_on(self, connection: ViewerConnection, message: Request) -> None:
        match message:
            case Join():
                self._reply(connection, message.ref, self._seating.join(connection, message))
            case Leave():
                self._reply(connection, message.ref, self._seating.leave(connection, message))
            case _:
                self._command(connection, message)

    def _command(self, connection: ViewerConnection, message: Request) -> None:
        entry, viewer = self._registry.of(message), connection.viewer
        assert viewer is not None, "nothing but hello passes the conversation before it"
        entry.admit(viewer)
        if not self._seating.reception.still_good(viewer):
            raise NotSignedIn
        self._counted[entry.message].inc()
        caller = Caller(viewer, connection.address, connection.seats)
        entry.handle(caller, message, lambda result: self._reply(connection, message.ref, result))

    def _reply(self, connection: ViewerConnection, ref: str | None, result: object) -> None:
        """Answer now, or when the work that is given is done."""
        if inspect.iscoroutine(result):
            self._group.create_task(self._work(connection, ref, result))
        else:
            self._settle(connection, ref, result)

    async def _work(self, connection: ViewerConnection, ref: str | None, work: Awaitable[object]) -> None:
        try:
            result = await work
        except Exception as error:  # house: broad-except because one request's fault must never end another's
            result = error
        self._settle(connection, ref, result)

    def _settle(self, connection: ViewerConnection, ref: str | None, result: object) -> None:
        connection.in_flight -= 1
        match result:
            case Answer():
                connection.say(result)
            case bytes():
                connection.push(frame_of(result))
            case Refusal():
                _refuse(connection, result, ref)
            case Refused():
                _refuse(connection, result.refusal, ref)
            case Exception():
                log.error("a request failed", exc_info=result)
                _refuse(connection, Internal(), ref)
            case _:
                connection.say(Done(ref=ref, result=result))


def _refuse(connection: ViewerConnection, refusal: Refusal, ref: str | None) -> None:
    REFUSED.labels(problem=refusal.slug()).inc()
    connection.say(Problem(problem=refusal.document(), ref=ref))
