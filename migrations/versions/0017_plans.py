"""What an order costs does not grow with the sale, also where nobody counted the tables since they grew."""

from operator import methodcaller
from pathlib import Path

from alembic import op

revision = "0017"
down_revision = "0016"

SQL = Path(__file__).parent.parent / "sql"


def upgrade() -> None:
    """Functions alone."""
    connection = op.get_bind().connection.dbapi_connection
    assert connection is not None
    connection.run_async(methodcaller("execute", (SQL / "0017_plans.sql").read_text()))
