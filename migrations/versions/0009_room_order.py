"""What is told of a place is numbered in the order of its commits, and a sale knows with which link it came."""

from operator import methodcaller
from pathlib import Path

from alembic import op

revision = "0009"
down_revision = "0008"

SQL = Path(__file__).parent.parent / "sql"


def upgrade() -> None:
    """A new table, and a column whose default rewrites nothing."""
    connection = op.get_bind().connection.dbapi_connection
    assert connection is not None
    connection.run_async(methodcaller("execute", (SQL / "0009_room_order.sql").read_text()))
