"""What the API says to PostgreSQL, as it is sent, and which merchants' rows a statement could reach."""

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Final
from unittest.mock import patch

import asyncpg
from sqlalchemy import event
from sqlalchemy.engine import Engine

ASKING: Final = ("execute", "executemany", "fetch", "fetchrow", "fetchval")
_TABLE: Final = re.compile(r"\b(?:(?:UPDATE|INTO)\s+([a-z_]+)|(?:FROM|JOIN)\s+([a-z_]+)\b(?!\s*\())", re.IGNORECASE)


@contextmanager
def listening() -> Iterator[set[str]]:
    """Every statement that is sent meanwhile, whitespace made one: through SQLAlchemy, and through bare asyncpg."""
    heard: set[str] = set()

    def note(statement: str) -> None:
        heard.add(" ".join(statement.split()))

    def on_cursor(_: Any, __: Any, statement: str, *rest: Any) -> None:
        note(statement)

    event.listen(Engine, "before_cursor_execute", on_cursor)
    with ExitStack() as stack:
        stack.callback(event.remove, Engine, "before_cursor_execute", on_cursor)
        for name in ASKING:
            stack.enter_context(_overheard(name, note))
        yield heard


def _overheard(name: str, note: Any) -> Any:
    original = getattr(asyncpg.Connection, name)

    async def ask(self: asyncpg.Connection, statement: str, *arguments: Any, **options: Any) -> Any:
        note(statement)
        return await original(self, statement, *arguments, **options)

    return patch.object(asyncpg.Connection, name, ask)


def tables_in(statement: str) -> set[str]:
    """The tables that a statement reads or writes; functions are not among them."""
    return {(written or read).lower() for written, read in _TABLE.findall(statement)}


def condition_of(statement: str) -> str:
    """What chooses the rows: everything but the columns that are listed, set or returned; all of an INSERT."""
    if statement.upper().startswith("INSERT"):
        return statement
    after = re.split(r"\bFROM\b|\bWHERE\b", statement, maxsplit=1)
    return re.split(r"\bRETURNING\b", after[-1], maxsplit=1)[0]
