"""The database's history: one linear line of alembic revisions, forward only."""

from migrations.upgrading import HERE, configuration, upgrade

__all__ = ["HERE", "configuration", "upgrade"]
