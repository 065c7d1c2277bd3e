"""What may be said at a gateway: every message rightly, from the registry's own list; and much that is almost right.

Names in braces stand for what is there when it is said: `{room}`, `{sale}`, `{waiting}`…
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from hypothesis import strategies as st

from live.messages import Answer, Done, Request
from live.registry import OF_THE_SOCKET, Entry
from millpond.asyncapi import OWN_ANSWERS, UNASKED, documented_registry

ENTRIES: Final[dict[str, Entry]] = {entry.name: entry for entry in documented_registry()}
MESSAGES: Final[tuple[type[Request], ...]] = (*OF_THE_SOCKET, *(entry.message for entry in ENTRIES.values()))
REQUESTS: Final[dict[str, type[Request]]] = {str(one.__struct_config__.tag): one for one in MESSAGES}
ANSWERS: Final[frozenset[type[Answer]]] = frozenset(
    {*OWN_ANSWERS.values(), *UNASKED, *(entry.answer for entry in ENTRIES.values() if entry.answer is not None)}
)

ORDER: Final = {"lines": [{"item_id": "{item}", "quantity": 1}]}
# Said one after the other by whoever may, each of them is carried out.
RIGHTLY: Final[Mapping[str, Mapping[str, Any]]] = {
    "hello": {},
    "join": {"place": "{room}", "since": {"epoch": 1, "seq": 1}},
    "comment": {"place": "{room}", "text": "how much?"},
    "like": {"place": "{room}", "count": 3},
    "ticket": {"place": "{room}", "sale_id": "{sale}"},
    "order.place": {"sale_id": "{sale}", "key": "one", "order": ORDER},
    "order.status": {"order_id": "{order}"},
    "sale.arm": {"sale_id": "{draft}"},
    "sale.open": {"sale_id": "{draft}"},
    "sale.pause": {"sale_id": "{sale}"},
    "sale.resume": {"sale_id": "{sale}"},
    "sale.restock": {"sale_id": "{sale}", "item_id": "{item}", "add": 1},
    "pin": {"session_id": "{session}", "no": 1},
    "unpin": {"session_id": "{session}"},
    "announce": {"session_id": "{session}", "text": "Free shipping"},
    "talk.rule": {"room_id": "{room}", "slow_mode_s": 0, "review": False, "muted_all": False},
    "silence": {"room_id": "{room}", "viewer_id": "{viewer}", "kind": "mute", "for_s": 60},
    "silence.lift": {"room_id": "{room}", "silence_id": "{silence}"},
    "comment.approve": {"room_id": "{room}", "comment_id": "{waiting}"},
    "comment.reject": {"room_id": "{room}", "comment_id": "{doubtful}"},
    "comment.remove": {"room_id": "{room}", "comment_id": "{shown}"},
    "leave": {"place": "{room}"},
}

FIELDS: Final = sorted({field.encode_name for one in MESSAGES for field in msgspec.structs.fields(one)})
TYPES: Final = sorted({*REQUESTS, *(str(one.__struct_config__.tag) for one in ANSWERS), ""})
NAMES: Final = (
    "{room}", "{session}", "{sale}", "{draft}", "{item}", "{order}", "{viewer}", "{silence}", "{waiting}", "{doubtful}",
    "{shown}", "{token}", "{staff}", "{guest}", "{nobody}",
)  # fmt: skip


def answer_of(kind: str) -> type[Answer]:
    """What a request is answered with that is carried out."""
    own = OWN_ANSWERS.get(REQUESTS[kind])
    return own or ENTRIES[kind].answer or Done


def rightly(kind: str) -> dict[str, Any]:
    """A message as it should be."""
    return {"type": kind, **RIGHTLY[kind]}


def amiss(kind: str, put: Mapping[str, Any], left_out: str) -> dict[str, Any]:
    """A message with other members and one too few."""
    return {name: value for name, value in ({**rightly(kind), **put}).items() if name != left_out}


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40)
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
)
member = st.sampled_from(NAMES) | st.integers(0, 3) | st.sampled_from(["mute", "ban", "shadow", "how much?"]) | anything
members = st.dictionaries(st.sampled_from(FIELDS), member, max_size=2)
plain = st.builds(rightly, st.sampled_from(sorted(RIGHTLY)))
nearly = st.builds(amiss, st.sampled_from(sorted(RIGHTLY)), members, st.sampled_from(["", *FIELDS]))
strange = st.builds(lambda kind, rest: {"type": kind, **rest}, st.sampled_from(TYPES), members)
orders = st.builds(
    lambda key, quantity, more: amiss("order.place", {"key": key, "order": wish(quantity) | more}, ""),
    st.text(max_size=5),
    member,
    st.dictionaries(st.sampled_from(["expected_total", "recipient", "ticket", "share_code"]), member, max_size=2),
)
sayings = plain | nearly | strange | orders | anything | st.binary(max_size=100) | st.text(max_size=100)


def wish(quantity: Any) -> dict[str, Any]:
    """An order of one item, in any quantity."""
    return {"lines": [{"item_id": "{item}", "quantity": quantity}]}
