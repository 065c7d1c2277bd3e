"""What a crowd wished for, what it was told, and the figures of that. Read after the rush, not during it."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import msgspec

NO_ANSWER: Final = 0
UNAVAILABLE: Final = 503


class Wish(NamedTuple):
    """A request as whole bytes. `buyer` and `key` say whose it is; the crowd itself never looks at them."""

    buyer: str
    key: str
    request: bytes


class _Receipt(msgspec.Struct):
    no: int = 0


class _Document(msgspec.Struct):
    """What is read of an order (`id`, its receipt's number) or of a problem (`type`)."""

    id: str = ""
    type: str = ""
    receipt: _Receipt | None = None


_read = msgspec.json.Decoder(_Document).decode


def _document(body: bytes) -> _Document:
    try:
        return _read(body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return _Document()


class Answer(NamedTuple):
    """The last word on one wish. `latency_s` runs from the first try to this answer, pauses included."""

    wish: Wish
    status: int
    latency_s: float
    tries: int
    order_id: str = ""
    no: int = 0
    problem: str = ""

    @property
    def accepted(self) -> bool:
        """Whether there is an order: a new one (201) or the one that stood under this key (200)."""
        return self.status in {200, 201}

    @property
    def kind(self) -> str:
        """`accepted`, the problem's name in snake case, `no_answer`, or `http_<status>`."""
        if self.accepted:
            return "accepted"
        if self.status == NO_ANSWER:
            return "no_answer"
        return self.problem.rpartition(":")[2].replace("-", "_") or f"http_{self.status}"


def read_answer(wish: Wish, status: int, latency_s: float, tries: int, body: bytes) -> Answer:
    """An answer with what its body says; a body that is no document says nothing."""
    document = _document(body)
    no = document.receipt.no if document.receipt else 0
    return Answer(wish, status, latency_s, tries, document.id, no, document.type)


@dataclass(frozen=True, slots=True)
class Result:
    """A rush that is over: one answer per wish, in the order of the wishes."""

    answers: Sequence[Answer]
    elapsed_s: float
    retries: int

    @property
    def accepted(self) -> list[Answer]:
        """The answers with an order."""
        return [answer for answer in self.answers if answer.accepted]

    def by_kind(self) -> Counter[str]:
        """How many answers of each kind."""
        return Counter(answer.kind for answer in self.answers)

    def per_s(self) -> float:
        """Accepted orders per second."""
        return len(self.accepted) / self.elapsed_s if self.elapsed_s else 0.0


def percentile(values: Iterable[float], share: float) -> float:
    """The smallest value that `share` (0 to 1) of all values do not exceed; 0 for no values."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else 0.0
