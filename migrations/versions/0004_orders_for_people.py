"""Orders for people: what the list of staff is found by, notes, and files of orders."""

from operator import methodcaller
from pathlib import Path

from alembic import op

revision = "0004"
down_revision = "0003"

SQL = Path(__file__).parent.parent / "sql"


def upgrade() -> None:
    """Indexes without a lock that stops orders, each by itself; then the new tables, with the revision's mark."""
    with op.get_context().autocommit_block():
        for statement in (SQL / "0004_orders_indexes.sql").read_text().split(";\n"):
            if statement.strip():
                op.execute(statement)
    connection = op.get_bind().connection.dbapi_connection
    assert connection is not None
    connection.run_async(methodcaller("execute", (SQL / "0004_orders_for_people.sql").read_text()))
