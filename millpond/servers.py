"""The servers a process works with: those of the settings, or embedded ones where a URL is missing."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from millpond.engines import LOCK_MAX_S, EngineFailed, Engines, is_owned
from millpond.settings import Settings

JOIN_MAX_S: Final = 20.0  # somebody waits for a command's answer, and engines that run answer, or stand still

# Nothing listens at these, but whoever listens "everywhere" is found there from this machine.
_EVERYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104


def host_from_here(host: str) -> str:
    """Where something that listens at `host` is called from this machine."""
    return _EVERYWHERE.get(host, host)


def open_engines(settings: Settings, *, share: bool = True, patience_s: float = LOCK_MAX_S) -> Engines:
    """The engines for the URLs that `settings` leaves out. Raises EngineFailed."""
    return Engines.open(
        settings.data_dir,
        postgres=settings.database_url is None,
        valkey=settings.redis_url is None,
        postgres_options={"shared_buffers": f"{settings.embedded_postgres_buffers_mb}MB"},
        valkey_options={"maxmemory": f"{settings.embedded_valkey_memory_mb}mb"},
        share=share,
        patience_s=patience_s,
    )


def with_urls(settings: Settings, engines: Engines) -> Settings:
    """The settings with both URLs filled in."""
    update = {
        "database_url": settings.database_url or engines.database_url,
        "redis_url": settings.redis_url or engines.redis_url,
    }
    return settings.model_copy(update=update)


@contextmanager
def connected(settings: Settings) -> Iterator[Settings]:
    """Settings with both URLs, whose servers run at least as long as the block."""
    with open_engines(settings) as engines:
        yield with_urls(settings, engines)


@contextmanager
def joined(settings: Settings) -> Iterator[Settings]:
    """`connected` to servers that somebody else runs. Raises EngineFailed where they would have to be started, and
    where they do not answer for JOIN_MAX_S."""
    given = settings.database_url is not None and settings.redis_url is not None
    if not given and not is_owned(settings.data_dir):
        raise EngineFailed(f"Nothing runs in {settings.data_dir}: start `millpond up` first, in another terminal.")
    with open_engines(settings, patience_s=JOIN_MAX_S) as engines:
        yield with_urls(settings, engines)
