"""The order path: people, catalogue, sales, stock, claims, orders, outbox, and the ledger's server-side functions."""

from operator import methodcaller
from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None

SQL = Path(__file__).parent.parent / "sql"


def upgrade() -> None:
    """Install the schema and the functions, which are kept as SQL beside this file and never edited afterwards."""
    connection = op.get_bind().connection.dbapi_connection
    assert connection is not None
    for name in ("0001_schema.sql", "0001_inventory.sql", "0001_orders.sql"):
        script = (SQL / name).read_text()
        connection.run_async(methodcaller("execute", script))
