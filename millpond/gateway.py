"""The process `millpond gateway`: viewers' sockets, fan-out, and orders over the socket."""

import asyncio
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import uvloop

from keel.buckets import Rate, TokenBuckets
from keel.loops import run_every
from live.answering import Answering
from live.conversation import Limits
from live.feed import Feed
from live.gateway import Gateway
from live.guests import GuestPasses
from live.halls import Halls, Snapshot
from live.handshake import Handshake, SocketLimits
from live.headcount import BEAT_EVERY_S, Headcount
from live.invitations import Invitations
from live.parts import parts_of
from live.places import Places
from live.presence import TELL_EVERY_S as COUNTS_EVERY_S
from live.presence import Presence
from live.reception import Reception
from live.registry import Registry
from live.roomlog import RoomLog
from live.seating import Seating
from live.snapshots import Readers, snapshot
from live.stock_left import TELL_EVERY_S, StockLeft, StockTold
from live.studio import Studio
from live.talking import said_at
from millpond.api import DRAIN_MAX_S, upkeep_of
from millpond.heap import settle
from millpond.listeners import bound_socket
from millpond.metrics import metrics_at
from millpond.proxies import address_of, is_proxy_of
from millpond.readiness import FINE, NotReady, Readiness
from millpond.settings import Settings
from millpond.socket_moderation import SocketModeration
from millpond.socket_orders import SocketOrders
from millpond.socket_sales import register_sales
from millpond.socket_shares import SocketShares
from millpond.socket_shelf import register_shelf
from millpond.socket_talk import SocketTalk, Voices, voices_of
from millpond.wiring import SUBSCRIPTIONS, Parts, parts_for, placement_of, staff_door_of, tokens_of
from orders.placement import Placement
from orders.service import Orders


def registry_of(orders: SocketOrders, talk: SocketTalk, studio: Studio) -> Registry:
    """Everything that the gateway understands beside hello, join and leave."""
    registry = Registry()
    orders.register(registry)
    talk.register(registry)
    register_sales(registry, studio.selling)
    register_shelf(registry, studio)
    SocketModeration(studio).register(registry)
    return registry


def _orders_of(parts: Parts, settings: Settings, placement: Placement, addresses: TokenBuckets) -> SocketOrders:
    return SocketOrders(
        placement,
        Orders(parts.reader, parts.clock, SUBSCRIPTIONS["order.lapsed"]),
        customers=TokenBuckets(per_s=settings.rate_customer_per_s, burst=settings.rate_customer_burst),
        addresses=addresses,
    )


class GatewayReadiness:
    """Whether viewers should be sent here: the engines' checks, and whether this gateway hears the rooms."""

    def __init__(self, parts: Parts, feed: Feed) -> None:
        self._engines, self._feed = Readiness(parts), feed
        self.gateway: Gateway | None = None

    async def checks(self) -> dict[str, Any]:
        """Every check and that it is fine. Raises NotReady."""
        own = {"feed": FINE if self._feed.healthy else "does not hear itself"}
        if self.gateway is not None and self.gateway.draining:
            own["draining"] = "is about to stop"
        checks = own | await self._engines.checks()
        if any(said != FINE for said in own.values()):
            raise NotReady(checks=checks)
        return checks


async def serve_until(stop: asyncio.Event, listener: socket.socket, parts: Parts, settings: Settings) -> None:
    """Serve viewers on this socket until `stop`; requests in flight finish first."""
    placement = placement_of(parts, settings)
    log = parts.room_log
    name = parts.ids.new()
    feed = Feed(parts.redis, log, name)
    voices = voices_of(parts, settings)
    presence = _presence_of(parts, name, voices)
    readiness = GatewayReadiness(parts, feed)
    addresses = TokenBuckets(per_s=settings.rate_address_per_s, burst=settings.rate_address_burst)
    ended = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(feed.run(ended))
        group.create_task(run_every("presence", BEAT_EVERY_S, ended, presence.beat))
        group.create_task(run_every("counts", COUNTS_EVERY_S, ended, presence.tell))
        voices.start(group, ended)
        said = partial(said_at, parts.pool)
        halls = Halls(feed=feed, room_log=log, snapshot=_snapshot_of(parts, log), said=said, group=group)
        group.create_task(run_every("stock", TELL_EVERY_S, ended, _stock_of(parts, halls).tick))
        seating = _seating_of(parts, settings, voices, halls=halls, presence=presence, addresses=addresses)
        limits = Limits(Rate(settings.gateway_messages_per_s, settings.gateway_messages_burst))
        talk = SocketTalk(voices, parts.studio(), halls.session_at, halls.sales_at, addresses)
        registry = registry_of(_orders_of(parts, settings, placement, addresses), talk, parts.studio())
        answering = Answering(registry=registry, seating=seating, limits=limits, group=group)
        handshake = _handshake_of(settings, readiness)
        gateway = Gateway(handshake=handshake, answering=answering, seating=seating, halls=halls, feed=feed)
        readiness.gateway = gateway
        try:
            await gateway.run(listener, stop)
            await asyncio.wait_for(placement.drained(), DRAIN_MAX_S)
            await voices.close()
            await presence.close()
        finally:
            halls.close()
            ended.set()


def _seating_of(
    parts: Parts, settings: Settings, voices: Voices, *, halls: Halls, presence: Presence, addresses: TokenBuckets
) -> Seating:
    return Seating(
        reception=_reception_of(parts, settings),
        places=_places_of(parts, settings, voices, addresses),
        halls=halls,
        presence=presence,
        clock=parts.clock,
        talk_at=voices.book.known,
        witness=SocketShares(parts.touches),
    )


def _places_of(parts: Parts, settings: Settings, voices: Voices, addresses: TokenBuckets) -> Places:
    return Places(
        reader=parts.reader,
        talk=voices.book.get,
        invitations=Invitations(settings.token_secrets, parts.clock),
        addresses=addresses,
        clock=parts.clock,
    )


def _presence_of(parts: Parts, name: str, voices: Voices) -> Presence:
    return Presence(
        pool=parts.pool,
        headcount=Headcount(parts.redis, name, parts.clock),
        room_log=parts.room_log,
        ids=parts.ids,
        clock=parts.clock,
        likes=voices.likes.told,
    )


def _stock_of(parts: Parts, halls: Halls) -> StockTold:
    return StockTold(StockLeft(gate=parts.gate, book=parts.viewers_book), lambda: halls.rooms)


def _snapshot_of(parts: Parts, log: RoomLog) -> Snapshot:
    """Parts of the scene that other packages own are added to `parts` here, one line each."""
    return partial(snapshot, Readers(room_log=log, reader=parts.reader, parts=parts_of(parts.reader)))


def _reception_of(parts: Parts, settings: Settings) -> Reception:
    tokens = tokens_of(settings, parts.clock, parts.denials.denied)
    return Reception(
        tokens=tokens,
        staff=staff_door_of(settings, tokens, parts.denials),
        guests=GuestPasses(settings.token_secrets, parts.clock, parts.ids),
        denied=parts.denials.denied,
        clock=parts.clock,
    )


def _handshake_of(settings: Settings, readiness: GatewayReadiness) -> Handshake:
    messages = Rate(settings.gateway_address_messages_per_s, settings.gateway_address_messages_burst)
    limits = SocketLimits(settings.gateway_sockets, settings.gateway_sockets_per_address, messages)
    return Handshake(
        origins=settings.cors_origins,
        limits=limits,
        address_of=address_of(settings.trusted_proxies),
        is_proxy=is_proxy_of(settings.trusted_proxies),
        ready=readiness.checks,
    )


async def run(settings: Settings, fd: int | None) -> None:
    """Serve until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for sign in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sign, stop.set)
    with _listener(settings, fd) as listener:
        async with parts_for(settings) as parts, upkeep_of(parts):
            settle()  # a collection with thousands of sockets is what spoils handshakes
            await serve_until(stop, listener, parts, settings)


@contextmanager
def _listener(settings: Settings, fd: int | None) -> Iterator[socket.socket]:
    """The inherited socket, or one of our own."""
    if fd is not None:
        with socket.socket(fileno=fd) as inherited:
            yield inherited
        return
    with bound_socket("GATEWAY", settings.gateway_host, settings.gateway_port) as listener:
        yield listener


def serve(settings: Settings, *, fd: int | None = None) -> None:
    """The process's whole life."""
    with metrics_at(settings.metrics_port):
        uvloop.run(run(settings, fd))
