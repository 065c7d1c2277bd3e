"""What media servers report: somebody wants to publish, does, still does, left. One use case, whatever the server.

A call names a place (the stream's name), the key that came with it, and the server's client. The key says whose it is:
until the place is read nobody knows the merchant. Calls about one place come one after the other, by its ingest's lock.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from keel.clock import to_ms
from keel.ids import is_id
from live import store_ingest, store_rooms, store_sessions
from live.errors import PublishRefused
from live.model import SessionState, Why
from live.moving import INGEST, go_live, interrupt
from live.publishers import Change, Publishers
from live.push_keys import PushKeys, Validity
from live.studio import Command, Studio
from live.tables_rooms import IngestRow

CLIENT_CHARS_MAX: Final = 200
ALIVE_EVERY: Final = timedelta(seconds=5)  # a sign of life is written down no more often


@dataclass(frozen=True, slots=True)
class Report:
    """What a media server says of one of its clients. `client` is the server's own id of it, behind the server and a
    colon; `key` is what came with the stream's name, empty where the server does not repeat it."""

    place: str
    client: str
    key: str = ""


def server_of(client: str) -> str:
    """Which media server a client is of."""
    return client.rpartition(":")[0]


@dataclass(frozen=True, slots=True)
class Ingest:
    """What these use cases need."""

    rooms: Studio
    keys: PushKeys


async def admit(ingest: Ingest, report: Report) -> None:
    """May this client publish? Nothing changes. Raises PublishRefused."""
    async with ingest.rooms.command() as command:
        row = await _locked(command, report)
        await _require(ingest, command, row, report.key)


async def published(ingest: Ingest, report: Report) -> None:
    """A client publishes: a session that waits for its picture begins, one that was interrupted goes on.

    Safe to repeat. Raises PublishRefused, and then nothing has changed.
    """
    async with ingest.rooms.command() as command:
        row = await _locked(command, report)
        await _require(ingest, command, row, report.key)
        now = ingest.rooms.clock.now()
        change, publishers = _publishers(row).came(report.client, to_ms(now))
        if change is Change.SHUT_OUT:
            raise PublishRefused(reason="gone")
        if change is Change.CAME:
            await _keep(command, row, publishers, since=now, alive_at=now if _gives_signs(row, report.client) else None)
            await show(command, row)


async def alive(ingest: Ingest, report: Report) -> None:
    """A client still publishes. One whose coming was never heard is taken as come.

    Raises PublishRefused for a key that was taken back since, or a broadcast that is over: the server then ends it.
    An expired key is good enough for who is on air already.
    """
    async with ingest.rooms.command() as command:
        row = await _locked(command, report)
        now = ingest.rooms.clock.now()
        is_on = row.client == report.client
        if report.key or not is_on:  # not every server repeats the key with a sign of life
            await _require(ingest, command, row, report.key, may_be_expired=is_on)
        else:
            await _require_broadcast(command, row)
        change, publishers = _publishers(row).lives(report.client, to_ms(now))
        if change is Change.CAME:
            await _keep(command, row, publishers, since=now, alive_at=now)
            await show(command, row)
        elif is_on and (row.alive_at is None or now - row.alive_at >= ALIVE_EVERY):
            await store_ingest.revise(command.session, row, alive_at=now)
        elif publishers != _publishers(row):
            await store_ingest.revise(command.session, row, others=publishers.others)


async def unpublished(ingest: Ingest, report: Report) -> None:
    """A client left. Where it was the picture, the session is interrupted, unless the one before it is still there: the
    media server let this one not in. Any other one's leaving is only noted."""
    async with ingest.rooms.command() as command:
        try:
            row = await _locked(command, report)
        except PublishRefused:
            return  # of a stream that is none of ours
        now = ingest.rooms.clock.now()
        change, publishers = _publishers(row).left(report.client, to_ms(now))
        if change is Change.LEFT:
            await _keep(command, row, publishers, since=None, alive_at=row.alive_at)
            await lose(command, row, Why.PICTURE_LOST)
        elif change is Change.BACK:
            await _keep(command, row, publishers, since=now, alive_at=None if row.alive_at is None else now)
        else:
            await store_ingest.revise(command.session, row, others=publishers.others)


async def show(command: Command, row: IngestRow) -> None:
    """There is a picture at a place: what is on air has it, or what waits for it begins. The ingest is locked."""
    session, now = command.session, command.studio.clock.now()
    on_air = await store_sessions.on_air_at(session, row.merchant_id, row.place)
    if on_air is None:
        waiting = await store_sessions.next_by_picture(session, row.merchant_id, row.place, due_at=now)
        if waiting is not None:
            await go_live(command, waiting, actor=INGEST, why=Why.PICTURE, with_picture=True)
    elif on_air.state == SessionState.INTERRUPTED:
        await go_live(command, on_air, actor=INGEST, why=Why.PICTURE, with_picture=True)
    elif on_air.quiet_since is not None:
        await store_sessions.revise(session, on_air, quiet_since=None)


async def lose(command: Command, row: IngestRow, why: Why) -> None:
    """The picture of a place is gone. The ingest is locked."""
    on_air = await store_sessions.on_air_at(command.session, row.merchant_id, row.place)
    if on_air is not None and on_air.state == SessionState.LIVE and on_air.quiet_since is None:
        await interrupt(command, on_air, why=why)


async def _locked(command: Command, report: Report) -> IngestRow:
    """The ingest of the place that a stream's name is, locked. Raises PublishRefused."""
    owner = await store_ingest.owner_of(command.session, report.place) if is_id(report.place) else None
    if owner is None or not 0 < len(report.client) <= CLIENT_CHARS_MAX:
        raise PublishRefused(reason="key")
    merchant_id, room_id = owner
    return await store_ingest.lock(command.session, merchant_id=merchant_id, room_id=room_id, place=report.place)


async def _require(ingest: Ingest, command: Command, row: IngestRow, key: str, *, may_be_expired: bool = False) -> None:
    now_s = ingest.rooms.clock.ms() // 1000
    validity = ingest.keys.check(key, place=row.place, key_no=row.key_no, now_s=now_s)
    if validity is Validity.NONE or (validity is Validity.EXPIRED and not may_be_expired):
        raise PublishRefused(reason="key")
    await _require_broadcast(command, row)


async def _require_broadcast(command: Command, row: IngestRow) -> None:
    """Raises PublishRefused where nothing is on air at the place and nothing is going to be."""
    room = await store_rooms.find_room(command.session, row.merchant_id, row.room_id)
    if room.archived_at is not None:
        raise PublishRefused(reason="room")
    if not await store_sessions.has_open_at(command.session, row.merchant_id, row.place):
        raise PublishRefused(reason="no_session")


def _publishers(row: IngestRow) -> Publishers:
    return Publishers.read(row.client, row.others)


def _gives_signs(row: IngestRow, client: str) -> bool:
    """Whether the media server of a client that begins gives signs of life: it did for the last one here."""
    last = row.client or next((entry[0] for entry in reversed(row.others)), "")
    return row.alive_at is not None and server_of(last) == server_of(client)


async def _keep(
    command: Command, row: IngestRow, publishers: Publishers, *, since: datetime | None, alive_at: datetime | None
) -> None:
    values = {"client": publishers.client, "others": publishers.others, "since": since, "alive_at": alive_at}
    await store_ingest.revise(command.session, row, **values)
