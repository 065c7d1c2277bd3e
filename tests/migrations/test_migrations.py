"""The history runs from an empty database to the newest schema, once, whoever starts it and however often."""

import asyncio
import shutil
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import asyncpg
import pytest
from alembic import command
from alembic.script import ScriptDirectory

from keel.clock import FakeClock
from keel.ids import Ids
from migrations import HERE, configuration, upgrade, upgrading
from tests.databases import Databases
from tests.eventually import eventually_async

SCHEMA: Final = """
    SELECT table_name, column_name, data_type, is_nullable, column_default FROM information_schema.columns
    WHERE table_schema = 'public' ORDER BY table_name, ordinal_position
"""
FUNCTIONS: Final = (
    "SELECT p.oid::regprocedure::text AS name FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace "
    "WHERE n.nspname = 'public' ORDER BY 1"
)
MIGRATE: Final = """
import sys
from alembic import command
from migrations import configuration

config = configuration(sys.argv[1])
config.set_main_option("script_location", sys.argv[2])
command.upgrade(config, "head")
"""
HISTORY: Final = "SELECT version_num FROM alembic_version"


@pytest.fixture
def empty_url(databases: Databases) -> Iterator[str]:
    """A database with nothing in it."""
    with databases.copied() as name:
        yield databases.url_of(name)


def scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(configuration("postgresql://nowhere"))


def ask(url: str, statement: str, *arguments: Any) -> list[tuple[Any, ...]]:
    """The rows of one statement."""

    async def run() -> list[tuple[Any, ...]]:
        return await with_connection(url, lambda connection: connection.fetch(statement, *arguments))

    return asyncio.run(run())


async def with_connection(url: str, work: Callable[[asyncpg.Connection], Awaitable[Any]]) -> list[tuple[Any, ...]]:
    connection = await asyncpg.connect(url)
    try:
        return [tuple(row) for row in await work(connection)]
    finally:
        await connection.close()


def everything(url: str) -> list[tuple[Any, ...]]:
    return ask(url, SCHEMA) + ask(url, FUNCTIONS) + ask(url, HISTORY)


def test_an_empty_database_becomes_the_newest(empty_url):
    assert everything_but_history(empty_url) == []
    upgrade(empty_url)
    tables = {name for name, *_ in ask(empty_url, SCHEMA)}
    assert tables >= {"merchant", "sale", "stock", "claim", "orders", "order_line", "outbox_event", "outbox_delivery"}
    assert {name.partition("(")[0] for (name,) in ask(empty_url, FUNCTIONS)} >= {"orders_place", "orders_lapse"}
    assert ask(empty_url, HISTORY) == [(scripts().get_current_head(),)]


def everything_but_history(url: str) -> list[tuple[Any, ...]]:
    return ask(url, SCHEMA) + ask(url, FUNCTIONS)


def test_doing_it_again_changes_nothing(empty_url):
    upgrade(empty_url)
    before = everything(empty_url)
    upgrade(empty_url)
    assert everything(empty_url) == before


def two_migrators(url: str, folder: Path) -> None:
    """Two processes that bring the same database up to date at the same time."""
    program = [sys.executable, "-c", MIGRATE, url, str(folder)]

    def migrate(_: int) -> subprocess.CompletedProcess[str]:
        return subprocess.run(program, check=False, capture_output=True, text=True, timeout=60)

    with ThreadPoolExecutor(max_workers=2) as threads:
        runs = list(threads.map(migrate, range(2)))
    assert [run.returncode for run in runs] == [0, 0], "\n".join(run.stderr for run in runs)


def test_two_migrators_at_once_do_it_once(empty_url):
    two_migrators(empty_url, HERE)
    assert len(ask(empty_url, HISTORY)) == 1


def test_two_migrators_at_once_do_every_revision_once_where_there_are_several(empty_url, tmp_path):
    """Each revision commits by itself, so the lock has to outlive the first of these commits."""
    history(tmp_path, count=3)
    two_migrators(empty_url, tmp_path)
    assert [name for name, *_ in ask(empty_url, SCHEMA)] == ["alembic_version", "t1", "t2", "t3"]


def history(folder: Path, *, count: int) -> None:
    """A line of slow revisions, run as ours are."""
    (folder / "versions").mkdir()
    shutil.copy(HERE / "env.py", folder)
    for n in range(1, count + 1):
        text = (
            "from alembic import op\n"
            f"revision, down_revision = '{n}', {str(n - 1) if n > 1 else None!r}\n"
            f"def upgrade():\n    op.execute('CREATE TABLE t{n} (id int)')\n    op.execute('SELECT pg_sleep(0.1)')\n"
        )
        (folder / "versions" / f"{n}_table.py").write_text(text)


def test_a_revision_that_fails_leaves_the_database_as_it_was(empty_url, tmp_path):
    history(tmp_path, count=2)
    broken = tmp_path / "versions" / "2_table.py"
    broken.write_text(broken.read_text().replace("SELECT pg_sleep(0.1)", "SELECT no_such_function()"))
    config = configuration(empty_url)
    config.set_main_option("script_location", str(tmp_path))
    with pytest.raises(Exception, match="no_such_function"):
        command.upgrade(config, "head")
    assert [name for name, *_ in ask(empty_url, SCHEMA)] == ["alembic_version", "t1"]
    assert ask(empty_url, HISTORY) == [("1",)]


async def test_a_migration_that_cannot_have_its_lock_tries_again_and_says_so(empty_url, monkeypatch, caplog):
    monkeypatch.setattr(upgrading, "PAUSE_S", 0.1)
    await asyncio.to_thread(upgrade, empty_url, "0004")
    somebody = await asyncpg.connect(empty_url)

    async def told() -> bool:
        return "gave way" in caplog.text

    try:
        transaction = somebody.transaction()
        await transaction.start()
        await somebody.execute("LOCK TABLE order_export IN ROW EXCLUSIVE MODE")
        migrating = asyncio.create_task(asyncio.to_thread(upgrade, empty_url))
        await eventually_async(told, within_s=20)
        assert not migrating.done()
        await transaction.rollback()
        await migrating
        assert (await somebody.fetchval(HISTORY)) == scripts().get_current_head()

        monkeypatch.setattr(upgrading, "TRIES_MAX", 1)
        async with somebody.transaction():
            await somebody.execute("UPDATE alembic_version SET version_num = '0004'")
        async with somebody.transaction():
            await somebody.execute("LOCK TABLE order_export IN ROW EXCLUSIVE MODE")
            with pytest.raises(asyncpg.LockNotAvailableError):
                await asyncio.to_thread(upgrade, empty_url)
    finally:
        await somebody.close()


def test_history_is_one_line():
    directory = scripts()
    assert len(directory.get_heads()) == 1
    assert len(directory.get_bases()) == 1
    assert all(not revision.is_branch_point and not revision.is_merge_point for revision in directory.walk_revisions())


def test_history_goes_forward_only():
    for revision in scripts().walk_revisions():
        assert not hasattr(revision.module, "downgrade"), revision.revision
        assert revision.module.upgrade.__doc__, "says what it does"


def test_the_database_itself_never_oversells(database_url):
    ids = Ids(FakeClock())
    stock = "INSERT INTO stock (item_id, merchant_id, sale_id, allocated, sold) VALUES ($1, $2, $3, 1, 2)"
    with pytest.raises(asyncpg.CheckViolationError, match="never_oversell"):
        ask(database_url, stock, ids.new(), ids.new(), ids.new())
