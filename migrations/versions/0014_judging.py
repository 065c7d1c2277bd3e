"""Judging costs what somebody brought: orders that nobody brought are judged in sets."""

from operator import methodcaller
from pathlib import Path

from alembic import op

revision = "0014"
down_revision = "0013"

SQL = Path(__file__).parent.parent / "sql"


def upgrade() -> None:
    """Triggers and a view are made anew, without a look at the rows."""
    connection = op.get_bind().connection.dbapi_connection
    assert connection is not None
    connection.run_async(methodcaller("execute", (SQL / "0014_judging.sql").read_text()))
