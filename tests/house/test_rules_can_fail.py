"""A rule that cannot fail guards nothing: each one is shown something bad, and something good beside it."""

import pytest

from tests.house.rules import RULES, bad_escapes, too_many_escapes
from tests.house.tree import Tree

FINE = "def fine():\n" + "    x = 1\n" * 20
EVERY_TEN = "".join(f"def f{n}():\n" + "    x = 1\n" * 10 for n in range(10))
# In pieces, so that the rule does not find them here.
HOME, REGISTRY, TRAILER = "/".join(["", "home", "me"]), ".".join(["pypi", "org"]), "-".join(["Co", "authored", "by"])
LONG = "\n".join(["def long():", *["    x = 1"] * 41, ""])
REFUSAL = "class SoldOut(Refusal):\n    title: ClassVar = 'No stock'\n"
LUA = "-- Hold.\n--\n-- KEYS  free\n-- ARGV  id\n-- Reply {outcome}\nreturn redis.call('hget', KEYS[1], ARGV[1])\n"

BAD = {
    "file-size": {"orders/service.py": "x = 1\n" * 251},
    "function-size": {"orders/service.py": LONG},
    "median-function": {"orders/service.py": EVERY_TEN},
    "sql-home": {
        "orders/service.py": "from sqlalchemy import select\n",
        "orders/loops.py": "await c.fetch('SELECT id FROM orders')\n",
        "orders/model.py": "import asyncpg\n",
    },
    "redis-home": {"orders/service.py": "import redis.asyncio\n", "orders/loops.py": "await self._redis.get('k')\n"},
    "http-home": {"orders/service.py": "from fastapi import Request\n", "keel/loops.py": "import starlette\n"},
    "wall-clock": {
        "orders/service.py": "x = datetime.now(UTC)\n",
        "orders/loops.py": "import time\nx = time.time()\n",
        "orders/model.py": "from time import time_ns\n",
        "tests/orders/test_x.py": "x = datetime.datetime.utcnow()\n",
    },
    "engine-clock": {
        "migrations/versions/claim.sql": "select now();\n",
        "inventory/lua/hold.lua": "local t = redis.call('TIME')\n",
        "orders/store.py": "text('UPDATE orders SET at = clock_timestamp()')\n",
        "orders/tables.py": "x = mapped_column(server_default=func.now())\n",
    },
    "environment-home": {"keel/database.py": "x = os.environ['A']\n", "keel/logs.py": "from os import getenv\n"},
    "print-home": {"orders/service.py": "print('here')\n"},
    "inner-import": {"orders/service.py": "def f():\n    import json\n"},
    "type-checking": {
        "orders/service.py": "from typing import TYPE_CHECKING\n",
        "orders/model.py": "if typing.TYPE_CHECKING:\n    import x\n",
    },
    "vague-name": {"orders/utils.py": "", "orders/order_helpers.py": "", "keel/common/x.py": ""},
    "package-docstring": {"orders/__init__.py": "x = 1\n", "live/rooms.py": ""},
    "module-docstring": {"orders/service.py": "x = 1\n"},
    "broad-except": {
        "orders/service.py": "try:\n    f()\nexcept Exception:\n    pass\n",
        "orders/loops.py": "try:\n    f()\nexcept:\n    pass\n",
        "orders/model.py": "try:\n    f()\nexcept (KeyError, BaseException):\n    pass\n",
        "orders/store.py": "with contextlib.suppress(Exception):\n    f()\n",
    },
    "stray-task": {
        "orders/service.py": "asyncio.create_task(f())\n",
        "orders/loops.py": "from asyncio import ensure_future\n",
        "orders/model.py": "asyncio.get_running_loop().create_task(f())\n",
    },
    "sleeping-test": {"tests/orders/test_service.py": "await asyncio.sleep(0.1)\n"},
    "lua-contract": {
        "inventory/lua/hold.lua": LUA.replace("-- Reply", "-- "),
        "inventory/lua/words.lua": "local x = 1\n",
    },
    "mirrored-test": {
        "orders/service.py": LONG,
        "orders/placement.py": LONG,
        "tests/inventory/test_x.py": "from orders.service import long\n",
    },
    "documented-refusal": {"orders/errors.py": REFUSAL, "docs/problems.md": "urn:millpond:problem:gone-long-ago\n"},
    "foreign-word": {
        "README.md": f"see {HOME}/notes\n",
        "docs/a.md": f"from {REGISTRY}\n",
        "docs/b.md": f"{TRAILER}: x\n",
    },
}

GOOD = {
    "orders/__init__.py": '"""Orders."""\n',
    "orders/service.py": f'"""S."""\nfrom sqlalchemy.ext.asyncio import AsyncSession\nx = clock.now()\n{FINE}',
    "orders/store.py": '"""S."""\nfrom sqlalchemy import select\nx = "SELECT id FROM orders"\n',
    "orders/errors.py": f'"""E."""\n{REFUSAL}',
    "docs/problems.md": "## `urn:millpond:problem:sold-out`\n",
    "inventory/__init__.py": '"""Inventory."""\n',
    "inventory/gate.py": '"""G."""\nimport redis.asyncio\nx = await self._redis.get("k")\n',
    "inventory/lua/hold.lua": LUA,
    "keel/__init__.py": '"""Keel."""\n',
    "keel/clock.py": '"""C."""\nimport time\nx = time.time_ns()\n',
    "keel/batching.py": '"""B."""\ntry:\n    f()\nexcept BaseException:\n    g()\n    raise\n',
    "keel/loops.py": '"""L."""\nimport time\nx = time.monotonic()\ngroup.create_task(f())\n',
    "tests/orders/test_promises.py": "from orders.service import fine\nawait asyncio.sleep(0)\n",
}


def test_every_rule_is_shown_something_bad():
    assert BAD.keys() == RULES.keys()


@pytest.mark.parametrize(("name", "path"), [(name, path) for name, files in BAD.items() for path in files])
def test_a_rule_finds_what_is_bad(name, path):
    found = {finding.path for finding in RULES[name].broken(Tree(BAD[name]))}
    bystander = path == "tests/inventory/test_x.py"  # there to show that a test elsewhere does not count
    assert bystander or path in found or f"{path.split('/')[0]}/__init__.py" in found


@pytest.mark.parametrize("name", RULES)
def test_a_rule_lets_good_code_be(name):
    assert RULES[name].broken(Tree(GOOD)) == []


@pytest.mark.parametrize("place", ["above", "beside"])
def test_an_escape_with_a_reason_is_taken(place):
    note = "# house: print-home because it is asked for"
    text = f"{note}\nprint(1)\n" if place == "above" else f"print(1)  {note}\n"
    assert RULES["print-home"].broken(Tree({"orders/a.py": text})) == []


@pytest.mark.parametrize(
    "text",
    [
        "print(1)  # house: print-home\n",
        "print(1)  # house: no-such-rule because of that\n",
        "x = 1  # house: print-home because it once printed\n",
    ],
)
def test_an_escape_without_rule_reason_or_need_is_found(text):
    assert len(list(bad_escapes(Tree({"orders/a.py": text})))) == 1


def test_an_escape_in_a_string_is_none():
    assert Tree({"orders/a.py": 'x = "# house: print-home because"\n'}).escapes == []


def test_escapes_are_counted_over_the_whole_repository():
    note = "# house: http-home because x\n"
    assert too_many_escapes(Tree({f"orders/{n}.py": note for n in "ab"})) == {}
    assert list(too_many_escapes(Tree({f"orders/{n}.py": note for n in "abc"}))) == ["http-home"]
