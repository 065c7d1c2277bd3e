"""Posters: a merchant's template, the codes that platforms made, and what is shown on them."""

from operator import methodcaller
from pathlib import Path

from alembic import op

revision = "0012"
down_revision = "0011"

SQL = Path(__file__).parent.parent / "sql"


def upgrade() -> None:
    """New tables only, and a function."""
    connection = op.get_bind().connection.dbapi_connection
    assert connection is not None
    connection.run_async(methodcaller("execute", (SQL / "0012_posters.sql").read_text()))
