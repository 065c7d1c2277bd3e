"""Who brought whom: campaigns, shares, touches, and how far touches are stored."""

from operator import methodcaller
from pathlib import Path

from alembic import op

revision = "0010"
down_revision = "0009"

SQL = Path(__file__).parent.parent / "sql"


def upgrade() -> None:
    """New tables only, and a view of what can be shared."""
    connection = op.get_bind().connection.dbapi_connection
    assert connection is not None
    connection.run_async(methodcaller("execute", (SQL / "0010_referrals.sql").read_text()))
