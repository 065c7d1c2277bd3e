"""How things spread: tallies of trees, kept up by a worker from what is due."""

from operator import methodcaller
from pathlib import Path

from alembic import op

revision = "0013"
down_revision = "0012"

SQL = Path(__file__).parent.parent / "sql"


def upgrade() -> None:
    """New tables, and triggers on those of referrals and on who watches."""
    connection = op.get_bind().connection.dbapi_connection
    assert connection is not None
    connection.run_async(methodcaller("execute", (SQL / "0013_dissemination.sql").read_text()))
