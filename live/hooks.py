"""What each media server says, read into what it means: `Said`, a step and who it is about.

    nginx-rtmp   form: call, name, clientid, and the arguments of the stream's URL among them
    SRS          JSON: action, server_id, stream, client_id, param ("?key=…")
    MediaMTX     JSON of its authentication: action, path, id, query; and what its runOnReady and runOnNotReady send, a
                 form: path, id, query

Whatever else they report (plays, connections) is fine with us: Step.OTHER.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Final, TypeVar
from urllib.parse import parse_qs

import msgspec

from keel.errors import Malformed
from live.ingest import Report
from live.push_keys import PARAMETER

FIELDS_MAX: Final = 100


class Step(Enum):
    """What a report is about."""

    ADMIT = "admit"
    PUBLISHED = "published"
    ALIVE = "alive"
    UNPUBLISHED = "unpublished"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Said:
    """A step of one client."""

    step: Step
    report: Report


NGINX_STEPS: Final = {"publish": Step.PUBLISHED, "publish_done": Step.UNPUBLISHED, "update_publish": Step.ALIVE}
SRS_STEPS: Final = {"on_publish": Step.PUBLISHED, "on_unpublish": Step.UNPUBLISHED, "on_hls": Step.ALIVE}
MEDIAMTX_STEPS: Final = {"publish": Step.ADMIT}
Short = Annotated[str, msgspec.Meta(max_length=4_000)]


class SrsCall(msgspec.Struct):
    """What SRS posts; its ids were numbers once."""

    action: Short
    client_id: Short | int = ""
    server_id: Short | int = ""
    stream: Short = ""
    param: Short = ""


class MediamtxCall(msgspec.Struct):
    """What MediaMTX asks before it lets somebody in."""

    action: Short
    path: Short = ""
    id: Short | None = None
    query: Short = ""


def of_nginx(body: bytes) -> Said:
    """A call of nginx-rtmp. Raises Malformed."""
    fields = _form(body)
    step = NGINX_STEPS.get(fields.get("call", ""), Step.OTHER)
    return Said(step, _report("nginx", fields.get("name", ""), fields.get("clientid", ""), fields.get(PARAMETER, "")))


def of_srs(body: bytes) -> Said:
    """A call of SRS. Raises Malformed."""
    call = _json(body, SrsCall)
    step = SRS_STEPS.get(call.action, Step.OTHER)
    server = f"srs:{call.server_id}" if call.server_id else "srs"
    return Said(step, _report(server, call.stream, str(call.client_id), _key(call.param)))


def of_mediamtx(body: bytes) -> Said:
    """A question of MediaMTX. Raises Malformed."""
    call = _json(body, MediamtxCall)
    step = MEDIAMTX_STEPS.get(call.action, Step.OTHER)
    return Said(step, _report("mediamtx", call.path, call.id or "", _key(call.query)))


def of_mediamtx_path(step: Step, body: bytes) -> Said:
    """What MediaMTX's runOnReady and runOnNotReady send. Raises Malformed."""
    fields = _form(body)
    return Said(step, _report("mediamtx", fields.get("path", ""), fields.get("id", ""), _key(fields.get("query", ""))))


def _report(server: str, path: str, client: str, key: str) -> Report:
    """The stream's name is the last part of its path. A client without an id is none that could leave."""
    place = path.partition("?")[0].rpartition("/")[2]
    return Report(place=place, client=f"{server}:{client}" if client else "", key=key)


def _key(query: str) -> str:
    return _first(query.removeprefix("?")).get(PARAMETER, "")


def _form(body: bytes) -> Mapping[str, str]:
    try:
        return _first(body.decode("ascii"))
    except UnicodeDecodeError as error:
        raise Malformed(detail="the form is not ASCII") from error


def _first(text: str) -> dict[str, str]:
    """The first value of each field: what a server says itself stands before what somebody put into the URL."""
    try:
        return {name: values[0] for name, values in parse_qs(text, max_num_fields=FIELDS_MAX).items()}
    except ValueError as error:
        raise Malformed(detail="the form has too many fields") from error


Call = TypeVar("Call", SrsCall, MediamtxCall)


def _json(body: bytes, kind: type[Call]) -> Call:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Malformed(detail="the body is not what this media server sends") from error
