"""What may be asked for twice: files counted piece by piece, units received under a key."""

from operator import methodcaller
from pathlib import Path

from alembic import op

revision = "0005"
down_revision = "0004"

SQL = Path(__file__).parent.parent / "sql"


def upgrade() -> None:
    """Columns that no row is rewritten for; then, with those committed, an index that stops nobody."""
    connection = op.get_bind().connection.dbapi_connection
    assert connection is not None
    connection.run_async(methodcaller("execute", (SQL / "0005_safe_retries.sql").read_text()))
    with op.get_context().autocommit_block():
        for statement in (SQL / "0005_safe_retries_indexes.sql").read_text().split(";\n"):
            if statement.strip():
                op.execute(statement)
