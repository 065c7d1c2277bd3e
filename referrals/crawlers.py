"""Visits that are nobody's: browsers that fetch ahead, and programs that look at links."""

import re
from collections.abc import Mapping
from typing import Final

# "Cubot" makes phones.
_PROGRAMS: Final = re.compile(
    r"(?<!cu)bot\b|bot[/_;-]|crawler|spider|slurp|facebookexternalhit|embedly|preview|headlesschrome|lighthouse"
    r"|pingdom|uptimerobot|python-requests|curl/|wget/|go-http-client|scrapy",
    re.IGNORECASE,
)
_AHEAD: Final = re.compile(r"prefetch|prerender|preview", re.IGNORECASE)
_PURPOSES: Final = ("sec-purpose", "purpose", "x-purpose", "x-moz")


def is_nobody(headers: Mapping[str, str]) -> bool:
    """Whether a request with these headers, whose names are in lower case, shows that no person opened something."""
    if any(_AHEAD.search(headers.get(name, "")) for name in _PURPOSES):
        return True
    return _PROGRAMS.search(headers.get("user-agent", "")) is not None
