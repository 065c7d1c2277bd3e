"""What can go wrong with a call to the ledger or the gate. Unknown is not failed, so every fault has a name:

NotSent      the call surely never left: no connection could be had
RolledBack   PostgreSQL said no, the transaction is gone: EpochOver and StockShort by rule, Contended by
             locks and timeouts, Unfit where it cannot write at all, anything else by itself
Unknown      sent, and no answer: it may have been committed
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import asyncpg  # house: sql-home because this is where the driver's errors get names

from keel.database import Connection, Pool

RETRY_STATES: Final = {"40P01", "40001"}  # deadlock detected, serialization failure
_CONTENDED_STATES: Final = {"55P03", "57014", *RETRY_STATES}  # lock not available, statement timeout
_UNFIT: Final = ("25006", "53")  # read-only (a demoted primary), out of connections, memory or disk
# InternalClientError is what the driver says of a connection that broke while it was being opened.
DRIVER_ERRORS: Final = (
    asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError,
)  # fmt: skip
ACQUIRE_TIMEOUT_S: Final = 2.0
_UNSURE_CLASSES: Final = ("08", "57P", "58", "XX")  # connection, operator intervention, system, internal


_SAID_WRONG: Final = ("22", "23")  # data exception, integrity constraint violation


class LedgerFault(Exception):
    """Base of the four."""


class NotSent(LedgerFault):
    """The call surely never left."""


class Unknown(LedgerFault):
    """Sent, and no answer came: it may have happened."""


class RolledBack(LedgerFault):
    """PostgreSQL refused; nothing of the call stays."""


class Contended(RolledBack):
    """Refused for a lock, a deadlock or a timeout: another try may pass."""


class Unfit(RolledBack):
    """Refused because PostgreSQL cannot write now, whatever the call: read-only, or out of resources."""


class EpochOver(RolledBack):
    """MP001: the hold's epoch is no longer the ledger's."""


class StockShort(RolledBack):
    """MP002: allocated units do not suffice. Unreachable by the rules, so an alarm."""


_NAMED: Final[dict[str, type[RolledBack]]] = {"MP001": EpochOver, "MP002": StockShort}


def fault_of(error: BaseException) -> LedgerFault:
    """Which of the faults an error of a sent call is."""
    state: str | None = getattr(error, "sqlstate", None)
    said = f"{type(error).__name__} {state or ''}".strip()
    if state in _NAMED:
        return _NAMED[state](str(error))
    if state in _CONTENDED_STATES:
        return Contended(said)
    if state is not None and state.startswith(_UNFIT):
        return Unfit(said)
    if isinstance(error, asyncpg.PostgresError) and state and not state.startswith(_UNSURE_CLASSES):
        return RolledBack(said)
    return Unknown(said)


def is_said_wrong(error: BaseException) -> bool:
    """Whether an error is the values' own fault: the same call would be refused at any time, by an engine that is well.

    The driver gives what it cannot encode a state of these, too.
    """
    return str(getattr(error, "sqlstate", None) or "").startswith(_SAID_WRONG)


@asynccontextmanager
async def borrowed(pool: Pool) -> AsyncIterator[Connection]:
    """A connection of a pool for a block of several statements. Raises LedgerFault, also for what the block meets."""
    try:
        connection = await pool.acquire(timeout=ACQUIRE_TIMEOUT_S)
    except DRIVER_ERRORS as error:
        raise NotSent(type(error).__name__) from error
    try:
        try:
            yield connection
        finally:
            await pool.release(connection)
    except DRIVER_ERRORS as error:
        raise fault_of(error) from error


class GateSilent(Exception):
    """No answer from the engine: unknown is not failed."""


class GateFull(GateSilent):
    """The engine is out of memory and refused the script before its first line."""
