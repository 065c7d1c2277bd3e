"""What the gate says, as typed values. On the hot path a verdict is a value; the edge turns it into a refusal."""

import msgspec


class Held(msgspec.Struct, array_like=True, tag="held", frozen=True):
    """The units are held under the id that was sent; `no` is the verdict's number, `at_ms` the gate's time."""

    no: int
    at_ms: int


class Own(msgspec.Struct, array_like=True, tag="own", frozen=True):
    """The id that was sent stands already: the call was repeated. `state` H held, C confirmed, R released."""

    no: int
    at_ms: int
    state: str


class Repeated(msgspec.Struct, array_like=True, tag="repeated", frozen=True):
    """The key stands under another id. Never an answer: the claim has to be read."""

    no: int
    at_ms: int
    state: str
    claim_id: str


class KeyReused(msgspec.Struct, array_like=True, tag="key_reused", frozen=True):
    """The key stands with another body."""


class SoldOutVerdict(msgspec.Struct, array_like=True, tag="sold_out", frozen=True):
    """Item `no` has only `left` units; `served` is the last number that was given."""

    item_no: int
    left: int
    served: int


class OverLimitVerdict(msgspec.Struct, array_like=True, tag="over_limit", frozen=True):
    """The buyer holds or bought `bought` of at most `limit`, of item `item_no` or (0) of the whole sale."""

    item_no: int
    limit: int
    bought: int


class NotOpenVerdict(msgspec.Struct, array_like=True, tag="not_open", frozen=True):
    """Too early; `opens_ms` is 0 where a hand opens the sale."""

    opens_ms: int


class PausedVerdict(msgspec.Struct, array_like=True, tag="paused", frozen=True):
    """Paused by staff."""


class EndedVerdict(msgspec.Struct, array_like=True, tag="ended", frozen=True):
    """Closed, or past its window."""


class UnknownItemVerdict(msgspec.Struct, array_like=True, tag="unknown_item", frozen=True):
    """The gate knows no such item of this sale."""

    item_no: int


class StaleConfig(msgspec.Struct, array_like=True, tag="stale_config", frozen=True):
    """The caller's configuration has another version than the gate's."""


class PriceChangedVerdict(msgspec.Struct, array_like=True, tag="price_changed", frozen=True):
    """The buyer expected another total."""


class BelowEpoch(msgspec.Struct, array_like=True, tag="not_loaded", frozen=True):
    """This gate is not above the epoch that the ledger refused: of no use to this order yet."""


Verdict = (
    Held
    | Own
    | Repeated
    | KeyReused
    | SoldOutVerdict
    | OverLimitVerdict
    | NotOpenVerdict
    | PausedVerdict
    | EndedVerdict
    | UnknownItemVerdict
    | StaleConfig
    | PriceChangedVerdict
    | BelowEpoch
)


class Verdicts(msgspec.Struct, array_like=True, tag="ok", frozen=True):
    """The gate's answer to a batch: epoch, version of the configuration, what is pinned (JSON or empty), verdicts."""

    epoch: int
    version: int
    context: str
    verdicts: list[Verdict]
