"""Talk, shelf and pins of the room; purchase tickets of sales."""

from operator import methodcaller
from pathlib import Path

from alembic import op

revision = "0007"
down_revision = "0006"

SQL = Path(__file__).parent.parent / "sql" / "0007_talk_and_shelf.sql"


def upgrade() -> None:
    """New tables, and columns that may be null: no lock that lasts. Several statements, so in the simple protocol."""
    connection = op.get_bind().connection.dbapi_connection
    assert connection is not None
    connection.run_async(methodcaller("execute", SQL.read_text()))
