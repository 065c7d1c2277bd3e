"""Tallies of trees by merchant: no merchant waits for another one, and a row that cannot be counted is parked."""

from operator import methodcaller
from pathlib import Path

from alembic import op

revision = "0016"
down_revision = "0015"

SQL = Path(__file__).parent.parent / "sql"


def upgrade() -> None:
    """An index that stops nobody; then, while no worker counts, a table and functions."""
    with op.get_context().autocommit_block():
        for statement in (SQL / "0016_tallies_indexes.sql").read_text().split(";\n"):
            if statement.strip():
                op.execute(statement)
    connection = op.get_bind().connection.dbapi_connection
    assert connection is not None
    connection.run_async(methodcaller("execute", (SQL / "0016_tallies.sql").read_text()))
