"""Every error of the driver has one meaning for the order path."""

import asyncpg
import pytest

from inventory.faults import (
    DRIVER_ERRORS,
    Contended,
    EpochOver,
    LedgerFault,
    RolledBack,
    StockShort,
    Unfit,
    Unknown,
    fault_of,
    is_said_wrong,
)


def of_state(sqlstate: str) -> asyncpg.PostgresError:
    """What PostgreSQL says under this code."""
    return asyncpg.PostgresError.new({"C": sqlstate, "M": "said"})


@pytest.mark.parametrize(
    ("error", "meaning"),
    [
        (of_state("MP001"), EpochOver),
        (of_state("MP002"), StockShort),
        (of_state("40P01"), Contended),
        (of_state("40001"), Contended),
        (of_state("55P03"), Contended),
        (of_state("57014"), Contended),
        (of_state("53300"), Unfit),
        (of_state("25006"), Unfit),
        (of_state("23514"), RolledBack),
        (of_state("57P01"), Unknown),
        (of_state("08006"), Unknown),
        (of_state("XX000"), Unknown),
        (asyncpg.InterfaceError("closed"), Unknown),
        (asyncpg.InternalClientError("cannot switch to state 11; another operation (2) is in progress"), Unknown),
        (ConnectionResetError(), Unknown),
        (TimeoutError(), Unknown),
    ],
)
def test_an_error_is_the_fault_it_should_be(error: Exception, meaning: type[LedgerFault]):
    assert isinstance(error, DRIVER_ERRORS)
    assert type(fault_of(error)) is meaning


@pytest.mark.parametrize(("sqlstate", "wrong"), [("22P02", True), ("23514", True), ("42P01", False), ("57014", False)])
def test_only_what_values_say_is_their_own_fault(sqlstate: str, wrong: bool):
    assert is_said_wrong(of_state(sqlstate)) is wrong
    assert not is_said_wrong(OSError("away"))
