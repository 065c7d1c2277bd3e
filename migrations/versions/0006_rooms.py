"""Rooms and sessions grow up: states with their history, who may act in a room, and who sends the picture."""

from operator import methodcaller
from pathlib import Path

from alembic import op

revision = "0006"
down_revision = "0005"

SQL = Path(__file__).parent.parent / "sql"


def upgrade() -> None:
    """Add columns with constant defaults and new tables; nothing is rewritten."""
    connection = op.get_bind().connection.dbapi_connection
    assert connection is not None
    connection.run_async(methodcaller("execute", (SQL / "0006_rooms.sql").read_text()))
