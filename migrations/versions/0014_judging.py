"""Judging costs what somebody brought: orders that nobody brought are judged in sets, and what ends is followed."""

from operator import methodcaller
from pathlib import Path

from alembic import op

revision = "0014"
down_revision = "0013"

SQL = Path(__file__).parent.parent / "sql"


def upgrade() -> None:
    """An index without a lock that stops orders; then triggers and a view, made anew without a look at the rows."""
    with op.get_context().autocommit_block():
        for statement in (SQL / "0014_judging_indexes.sql").read_text().split(";\n"):
            if statement.strip():
                op.execute(statement)
    connection = op.get_bind().connection.dbapi_connection
    assert connection is not None
    connection.run_async(methodcaller("execute", (SQL / "0014_judging.sql").read_text()))
