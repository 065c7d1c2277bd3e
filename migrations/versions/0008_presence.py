"""Who watched what: intervals, the viewers of a session, its counts, and the lives of gateways."""

from operator import methodcaller
from pathlib import Path

from alembic import op

revision = "0008"
down_revision = "0007"

SQL = Path(__file__).parent.parent / "sql"


def upgrade() -> None:
    """New tables only."""
    connection = op.get_bind().connection.dbapi_connection
    assert connection is not None
    connection.run_async(methodcaller("execute", (SQL / "0008_presence.sql").read_text()))
