"""Accounts: staff, sign-ins with their refresh tokens, what is denied, customers who were guests, blocked customers."""

from operator import methodcaller
from pathlib import Path

from alembic import op

revision = "0002"
down_revision = "0001"

SQL = Path(__file__).parent.parent / "sql"


def upgrade() -> None:
    """New tables only, and a column that is empty at first: nothing waits long."""
    connection = op.get_bind().connection.dbapi_connection
    assert connection is not None
    connection.run_async(methodcaller("execute", (SQL / "0002_accounts.sql").read_text()))
