"""One home per effect: who may speak SQL, Redis and HTTP, who may ask for the time, and who may print."""

import ast
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Final

from tests.house.tree import Finding, Source, Tree

# Matched against the whole path; a star also crosses folders.
SQL_HOMES: Final = (
    "*/store*.py", "*/tables*.py", "*/ledger*.py", "keel/database.py", "keel/outbox*.py", "migrations/*.py",
    "millpond/engines/*.py",
)  # fmt: skip
REDIS_HOMES: Final = ("*/gate*.py", "*/lua.py", "live/roomlog.py", "live/feed.py", "live/headcount.py", "millpond/*.py")
HTTP_HOMES: Final = ("*/routes*.py", "*/place_route.py", "millpond/*.py", "keel/http.py", "keel/identity.py")
CLOCK_HOME: Final = "keel/clock.py"
SETTINGS_HOME: Final = "millpond/settings.py"
PRINT_HOMES: Final = ("millpond/cli*.py",)

# What may be held and passed on anywhere, because nothing can be asked of the engine with the name alone.
HANDLES: Final = {
    "asyncpg.Connection", "asyncpg.Pool",
    "redis.asyncio.Redis", "redis.asyncio.RedisCluster",
    "sqlalchemy.ext.asyncio.AsyncConnection", "sqlalchemy.ext.asyncio.AsyncEngine",
    "sqlalchemy.ext.asyncio.AsyncSession", "sqlalchemy.ext.asyncio.async_sessionmaker",
}  # fmt: skip
SQL_LIBRARIES: Final = {"sqlalchemy", "asyncpg", "psycopg"}
REDIS_LIBRARIES: Final = {"redis", "valkey", "hiredis"}
HTTP_LIBRARIES: Final = {"fastapi", "starlette", "uvicorn"}

SQL_TEXT: Final = re.compile(
    r"\s*(?:SELECT\s.+\sFROM|SELECT\s+[\w.]+\(|INSERT\s+INTO|UPDATE\s+\w+\s+SET|DELETE\s+FROM|CREATE\s+\w+|ALTER\s+\w+"
    r"|TRUNCATE\s|LOCK\s+TABLE|WITH\s+\w+\s+AS\s*\()",
    re.DOTALL,
)
REDIS_HANDLE: Final = re.compile(r"_?(?:redis|valkey)(?:_client)?")
SQL_NOW: Final = re.compile(
    r"\b(?:now\(\)|(?:clock|statement|transaction)_timestamp\(\)|current_(?:timestamp|date|time)\b)",
    re.IGNORECASE,
)
LUA_TIME: Final = re.compile(r"""call\(\s*['"]time['"]|os\.(?:time|clock)""", re.IGNORECASE)
WALL_CLOCKS: Final = {
    "datetime.now", "datetime.utcnow", "datetime.today", "date.today", "time.time", "time.time_ns", "time.localtime",
    "time.gmtime", "time.ctime",
}  # fmt: skip


def sql_home(tree: Tree) -> Iterator[Finding]:
    """SQL is written in store, ledger and tables (and migrations), so that every lock is found in one place."""
    for source in tree.inside:
        if _at_home(source, SQL_HOMES):
            continue
        yield from _foreign(source, SQL_LIBRARIES)
        for text, _ in _sql_texts(source):
            yield source.finding(text, "SQL text far from its home")


def redis_home(tree: Tree) -> Iterator[Finding]:
    """Redis is spoken to beside its Lua only, so that the gate's law has one author."""
    for source in tree.inside:
        if _at_home(source, REDIS_HOMES):
            continue
        yield from _foreign(source, REDIS_LIBRARIES)
        for call in source.every(ast.Call):
            if _calls_redis(call.func):
                yield source.finding(call, "a Redis command far from its home")


def http_home(tree: Tree) -> Iterator[Finding]:
    """HTTP is known in routes only: a use case is the same over the socket."""
    for source in tree.inside:
        if not _at_home(source, HTTP_HOMES):
            yield from _foreign(source, HTTP_LIBRARIES)


def wall_clock(tree: Tree) -> Iterator[Finding]:
    """Time is an argument, from keel.clock, also in SQL and Lua. Durations (perf_counter, monotonic) are free."""
    for source in tree.sources:
        if source.path == CLOCK_HOME or source.package == "loadtests":
            continue
        for call in source.every(ast.Call):
            if _tail(call.func) in WALL_CLOCKS:
                yield source.finding(call, f"{_tail(call.func)}() outside {CLOCK_HOME}")
        for line, name in source.imports():
            if name in WALL_CLOCKS:
                yield source.finding(line, f"{name} imported outside {CLOCK_HOME}")


def engine_clock(tree: Tree) -> Iterator[Finding]:
    """No now() in SQL and no TIME in Lua: a statement is given its moment, or tests cannot move it."""
    for path, line, asked in (*_asked_in_scripts(tree), *_asked_in_python(tree)):
        yield Finding(path, line, f"{asked} asks the engine for the time")


def _asked_in_scripts(tree: Tree) -> Iterator[tuple[str, int, str]]:
    for path, text in (*tree.of_kind(".sql"), *tree.of_kind(".lua")):
        pattern = LUA_TIME if path.endswith(".lua") else SQL_NOW
        for number, line in enumerate(text.splitlines(), start=1):
            if match := pattern.search(line.split("--")[0]):
                yield path, number, match[0]


def _asked_in_python(tree: Tree) -> Iterator[tuple[str, int, str]]:
    for source in tree.inside:
        for text_node, sql in _sql_texts(source):
            if match := SQL_NOW.search(sql):
                yield source.path, text_node.lineno, match[0]
        for use in source.every(ast.Attribute):
            if _tail(use) in {"func.now", "func.current_timestamp", "func.clock_timestamp"}:
                yield source.path, use.lineno, _tail(use)


def environment_home(tree: Tree) -> Iterator[Finding]:
    """Settings are read in one place, and passed on."""
    for source in tree.inside:
        if source.path == SETTINGS_HOME:
            continue
        for use in source.every(ast.Attribute):
            if _tail(use) in {"os.environ", "os.getenv"}:
                yield source.finding(use, f"{_tail(use)} outside {SETTINGS_HOME}")
        for line, name in source.imports():
            if name in {"os.environ", "os.getenv"} or name.startswith("pydantic_settings"):
                yield source.finding(line, f"{name} outside {SETTINGS_HOME}")


def print_home(tree: Tree) -> Iterator[Finding]:
    """Only the command line prints; everything else logs."""
    for source in tree.inside:
        for call in source.every(ast.Call):
            if _tail(call.func) == "print" and not _at_home(source, PRINT_HOMES):
                yield source.finding(call, f"print outside {', '.join(PRINT_HOMES)}")


def _at_home(source: Source, homes: tuple[str, ...]) -> bool:
    return any(fnmatchcase(source.path, home) for home in homes)


def _foreign(source: Source, libraries: set[str]) -> Iterator[Finding]:
    for line, name in source.imports():
        if name.split(".")[0] in libraries and name not in HANDLES:
            yield source.finding(line, f"{name} is imported far from its home")


def _sql_texts(source: Source) -> Iterator[tuple[ast.Constant, str]]:
    """Literals that read like a statement, f-strings by their first piece."""
    for text in source.every(ast.Constant):
        if isinstance(text.value, str) and SQL_TEXT.match(text.value):
            yield text, text.value


def _calls_redis(called: ast.expr) -> bool:
    """True for x.redis.get(…) and redis.get(…): a command on something that is called redis."""
    if not isinstance(called, ast.Attribute):
        return False
    return REDIS_HANDLE.fullmatch(_tail(called.value).rpartition(".")[2]) is not None


def _tail(node: ast.expr) -> str:
    """The last two names of a dotted expression: `a.b.c` gives "b.c", `print` gives "print"."""
    if isinstance(node, ast.Attribute):
        return f"{_tail(node.value).rpartition('.')[2]}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""
