"""Touches: which broadcast somebody came into, and passes that two people signed in with."""

from operator import methodcaller
from pathlib import Path

from alembic import op

revision = "0015"
down_revision = "0014"

SQL = Path(__file__).parent.parent / "sql"


def upgrade() -> None:
    """A view, a column without a default, and functions."""
    connection = op.get_bind().connection.dbapi_connection
    assert connection is not None
    connection.run_async(methodcaller("execute", (SQL / "0015_touches.sql").read_text()))
