"""What the gate's scripts answer besides verdicts, and what they are sent, as typed values."""

import msgspec


class NotLoaded(msgspec.Struct, array_like=True, tag="not_loaded", frozen=True):
    """The engine forgot: somebody has to rebuild."""


class Stale(msgspec.Struct, array_like=True, frozen=True):
    """A hold that waits longer than it should."""

    field: str
    claim_id: str
    fingerprint: str
    lines: str
    no: int
    at_ms: int

    @property
    def customer_id(self) -> str:
        """Before the first colon of the field."""
        return self.field.partition(":")[0]

    @property
    def key(self) -> str:
        """The buyer's idempotency key: after the first colon."""
        return self.field.partition(":")[2]


class StaleHolds(msgspec.Struct, array_like=True, tag="ok", frozen=True):
    """Holds older than a moment, oldest first."""

    epoch: int
    holds: list[Stale]


class Outcomes(msgspec.Struct, array_like=True, tag="ok", frozen=True):
    """One word per hold: released, already or not_loaded."""

    outcomes: list[str]


class Ok(msgspec.Struct, array_like=True, tag="ok", frozen=True):
    """Done."""


class Older(msgspec.Struct, array_like=True, tag="older", frozen=True):
    """The gate has this version or epoch already, or a higher one."""

    standing: int


class NotEnoughFree(msgspec.Struct, array_like=True, tag="not_enough_free", frozen=True):
    """Fewer units are free than are to be taken away."""

    item_no: int
    free: int


class OtherEngine(msgspec.Struct, array_like=True, tag="other_engine", frozen=True):
    """The engine was restarted since its run_id was noted."""


class Incomplete(msgspec.Struct, array_like=True, tag="incomplete", frozen=True):
    """Some of what was loaded is gone."""

    entries: int


class GateItem(msgspec.Struct, array_like=True, frozen=True):
    """One item's counters at the gate; `refused` estimates the distinct customers told "sold out"."""

    no: int
    allocated: int
    free: int
    held: int
    confirmed: int
    refused: int


class GateStatus(msgspec.Struct, array_like=True, frozen=True):
    """One consistent reading of a segment. `meta` is empty-ish where nothing is loaded."""

    run_id: str
    loaded: bool
    flat_meta: list[str]
    held: int
    entries: int
    items: list[GateItem]

    @property
    def meta(self) -> dict[str, str]:
        """run_id, epoch, version, state, opens_ms, closes_ms, limit, context, no, at_ms."""
        return dict(zip(self.flat_meta[::2], self.flat_meta[1::2], strict=True))

    @property
    def epoch(self) -> int:
        """The epoch that answers; 0 where there is none."""
        return int(self.meta.get("epoch", 0))

    @property
    def version(self) -> int:
        """The configuration's version; 0 where there is none."""
        return int(self.meta.get("version", 0))


class Page(msgspec.Struct, array_like=True, tag="ok", frozen=True):
    """Some of the fields of a hash of `size` fields; `cursor` asks for the next page, "0" says there is none."""

    epoch: int
    size: int
    cursor: str
    flat: list[str]


# What is sent for one order: customer, key, claim id, fingerprint, lines, priced, above_epoch.
Ask = tuple[str, str, str, str, str, bool, int]
# What names a hold: customer, key, claim id; and with the epoch it was given in.
HoldRef = tuple[str, str, str]
HoldAt = tuple[str, str, str, int]


def entry_field(customer_id: str, key: str) -> str:
    """The field of an entry; see lua/prelude.lua for this and the next."""
    return f"{customer_id}:{key}"


def entry_text(*, state: str, claim_id: str, fingerprint: str, no: int, at_ms: int, lines: str) -> str:
    """An entry that nobody joined. State: H held, C confirmed, R released."""
    return f"{state}0{claim_id}{fingerprint}{no};{at_ms};{lines}"
