"""The database's history: one linear line of alembic revisions, forward only."""

from pathlib import Path

from alembic import command
from alembic.config import Config

HERE = Path(__file__).parent


def configuration(database_url: str) -> Config:
    """Alembic's configuration for one database; `database_url` in the form `postgresql://…`."""
    config = Config()
    config.set_main_option("script_location", str(HERE))
    config.attributes["database_url"] = database_url
    return config


def upgrade(database_url: str, revision: str = "head") -> None:
    """Bring a database up to `revision`. Safe to call from several processes at once: they queue on a lock."""
    command.upgrade(configuration(database_url), revision)
