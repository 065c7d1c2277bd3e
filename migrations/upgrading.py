"""Bringing a database up to date, beside those who use it."""

import logging
import time
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from asyncpg.exceptions import LockNotAvailableError
from sqlalchemy.exc import DBAPIError

log = logging.getLogger(__name__)

HERE = Path(__file__).parent
TRIES_MAX: Final = 6
PAUSE_S: Final = 2.0


def configuration(database_url: str) -> Config:
    """Alembic's configuration for one database; `database_url` in the form `postgresql://…`."""
    config = Config()
    config.set_main_option("script_location", str(HERE))
    config.attributes["database_url"] = database_url
    return config


def upgrade(database_url: str, revision: str = "head") -> None:
    """Bring a database up to `revision`. Safe to call from several processes at once: they queue on a lock.

    A revision that cannot have its lock gives way to the orders, and is tried again; those before it stand.
    """
    for left in reversed(range(TRIES_MAX)):
        try:
            command.upgrade(configuration(database_url), revision)
        except (LockNotAvailableError, DBAPIError) as error:
            if not left or not _is_for_lock(error):
                raise
            log.warning(
                "a migration gave way to those who use its table; %d more tries, the next in %s s", left, PAUSE_S
            )
            time.sleep(PAUSE_S)
        else:
            return


def _is_for_lock(error: Exception) -> bool:
    cause = error.orig if isinstance(error, DBAPIError) else error
    return getattr(cause, "sqlstate", None) == LockNotAvailableError.sqlstate
