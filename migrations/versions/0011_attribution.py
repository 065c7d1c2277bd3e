"""Who is credited with an order: rules, judgements and credits."""

from operator import methodcaller
from pathlib import Path

from alembic import op

revision = "0011"
down_revision = "0010"

SQL = Path(__file__).parent.parent / "sql"


def upgrade() -> None:
    """New tables only, and a view of what there is to judge."""
    connection = op.get_bind().connection.dbapi_connection
    assert connection is not None
    connection.run_async(methodcaller("execute", (SQL / "0011_attribution.sql").read_text()))
