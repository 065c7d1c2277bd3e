"""The AsyncAPI 3 document of the socket, made of the messages themselves: `python -m millpond.asyncapi` prints it.

docs/asyncapi.json is what it prints; a test holds the two together. docs/protocol.md tells the same in words.
"""

import json
import sys
from typing import Any, Final

import msgspec

from live.close_codes import MEANING, STANDARD, come_back
from live.connection import FRAME_BYTES_MAX
from live.conversation import HELLO_WITHIN_S
from live.handshake import PATH
from live.messages import Answer, Bye, Done, Hello, Join, Joined, Leave, Left, Problem, Request, Tick, Welcome
from live.registry import Registry, Who
from live.studio import Studio
from millpond.gateway import registry_of
from millpond.socket_orders import SocketOrders
from millpond.socket_talk import SocketTalk

OWN_ANSWERS: Final[dict[type[Request], type[Answer]]] = {Hello: Welcome, Join: Joined, Leave: Left}
UNASKED: Final[tuple[type[Answer], ...]] = (Tick, Bye, Left, Problem, Done)
_REF: Final = "#/components/schemas/{name}"


def documented_registry() -> Registry:
    """What a gateway understands, with nothing behind it."""
    nobody: Any = None
    orders = SocketOrders(nobody, nobody, customers=nobody, addresses=nobody)
    return registry_of(orders, SocketTalk(nobody, nobody, nobody, nobody, nobody), Studio(nobody))


def document() -> dict[str, Any]:
    """The whole document."""
    registry = documented_registry()
    requests: list[type[msgspec.Struct]] = [*OWN_ANSWERS, *(entry.message for entry in registry)]
    answers: set[type[Answer]] = {
        *OWN_ANSWERS.values(),
        *UNASKED,
        *(entry.answer for entry in registry if entry.answer),
    }
    spoken = sorted(answers, key=_type)
    _, schemas = msgspec.json.schema_components([*requests, *spoken], ref_template=_REF)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Millpond, the live room",
            "version": "1",
            "description": "One socket per viewer. docs/protocol.md tells the order of things.",
        },
        "defaultContentType": "application/json",
        "channels": {"live": _channel([*requests, *spoken])},
        "operations": _operations(registry, spoken),
        "components": {
            "messages": {_type(one): _message(one) for one in (*requests, *spoken)},
            "schemas": schemas,
        },
        "x-close-codes": _close_codes(),
        "x-limits": {"frame_bytes_max": FRAME_BYTES_MAX, "hello_within_s": HELLO_WITHIN_S},
    }


def _channel(known: list[type[msgspec.Struct]]) -> dict[str, Any]:
    return {
        "address": PATH,
        "description": "Text frames with one JSON object each. Compression is off.",
        "messages": {_type(one): {"$ref": f"#/components/messages/{_type(one)}"} for one in known},
    }


def _operations(registry: Registry, spoken: list[type[Answer]]) -> dict[str, Any]:
    """From the gateway's side: it receives what clients send."""
    unasked = [_in_channel(one) for one in spoken if one in UNASKED]
    operations = {"tell": {"action": "send", "channel": {"$ref": "#/channels/live"}, "messages": unasked}}
    for request, answer in OWN_ANSWERS.items():
        operations[_type(request)] = _receive(request, answer, Who.ANYBODY.value)
    for entry in registry:
        who = ", ".join(sorted(entry.roles)) if entry.who is Who.STAFF else entry.who.value
        operations[entry.name] = _receive(entry.message, entry.answer or Done, who)
    return operations


def _receive(request: type[Request], answer: type[Answer], who: str) -> dict[str, Any]:
    return {
        "action": "receive",
        "channel": {"$ref": "#/channels/live"},
        "summary": _summary(request),
        "messages": [_in_channel(request)],
        "reply": {"channel": {"$ref": "#/channels/live"}, "messages": [_in_channel(answer), _in_channel(Problem)]},
        "x-who": who,
    }


def _message(one: type[msgspec.Struct]) -> dict[str, Any]:
    return {
        "name": _type(one),
        "summary": _summary(one),
        "payload": {"$ref": _REF.format(name=one.__name__)},
    }


def _in_channel(one: type[msgspec.Struct]) -> dict[str, str]:
    return {"$ref": f"#/channels/live/messages/{_type(one)}"}


def _close_codes() -> dict[str, dict[str, str]]:
    codes = {int(code): meaning for code, meaning in MEANING.items()}
    codes |= {code: meaning for code, (_, meaning) in STANDARD.items()}
    return {str(code): {"come_back": come_back(code).value, "meaning": codes[code]} for code in sorted(codes)}


def _type(one: type[msgspec.Struct]) -> str:
    return str(one.__struct_config__.tag)


def _summary(one: type[msgspec.Struct]) -> str:
    return " ".join((one.__doc__ or "").split())


def text() -> str:
    """The document as it is written to docs/asyncapi.json."""
    return json.dumps(document(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(text())
