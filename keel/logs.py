"""What the processes log: lines for people, or JSON objects for a collector. Never a secret, never personal data."""

import json
import logging
from contextvars import ContextVar
from typing import Final

from keel.clock import rfc3339

# Of the request that is being answered: what is logged meanwhile has it, and the answer too.
REQUEST_ID: Final[ContextVar[str]] = ContextVar("request_id", default="")

# They write the whole address of what they ask at level info, access tokens in it included.
TALKATIVE: Final = ("httpx", "httpcore")

_LINE: Final = "%(asctime)s %(levelname)s %(name)s %(message)s%(request)s"


def request_id_of(record: logging.LogRecord) -> str:
    """The request that a log line belongs to, or nothing."""
    given = getattr(record, "request_id", None)
    return given if isinstance(given, str) else REQUEST_ID.get()


class PlainLines(logging.Formatter):
    """A line for people, with the request at its end where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        request_id = request_id_of(record)
        record.request = f" [{request_id}]" if request_id else ""
        return super().format(record)


class JsonLines(logging.Formatter):
    """One JSON object per line: at, level, logger, message, and where there are such, request_id, and error with its
    traceback."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": rfc3339(int(record.created * 1000)),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if request_id := request_id_of(record):
            line["request_id"] = request_id
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def setup(level: str, *, as_json: bool) -> None:
    """Send everything from `level` on to standard error."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines() if as_json else PlainLines(_LINE))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
