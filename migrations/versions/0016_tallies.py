"""Tallies of trees by merchant, none of whom waits for another one; and those of a room with all its broadcasts."""

from operator import methodcaller
from pathlib import Path

from alembic import op

revision = "0016"
down_revision = "0015"

SQL = Path(__file__).parent.parent / "sql"


def upgrade() -> None:
    """An index that stops nobody; then, while no worker counts, a table, functions, and sums for rooms."""
    with op.get_context().autocommit_block():
        for statement in (SQL / "0016_tallies_indexes.sql").read_text().split(";\n"):
            if statement.strip():
                op.execute(statement)
    connection = op.get_bind().connection.dbapi_connection
    assert connection is not None
    for name in ("0016_tallies.sql", "0016_families.sql"):
        connection.run_async(methodcaller("execute", (SQL / name).read_text()))
