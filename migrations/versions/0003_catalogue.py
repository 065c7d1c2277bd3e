"""The catalogue grows up: versions against lost updates, low-stock marks, sale templates, and jobs."""

from operator import methodcaller
from pathlib import Path

from alembic import op

revision = "0003"
down_revision = "0002"

SQL = Path(__file__).parent.parent / "sql"


def upgrade() -> None:
    """Add columns with constant defaults and new tables; nothing is rewritten."""
    connection = op.get_bind().connection.dbapi_connection
    assert connection is not None
    connection.run_async(methodcaller("execute", (SQL / "0003_catalogue.sql").read_text()))
