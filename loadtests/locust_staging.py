"""The stage of a load test, made over the API that staff have, judged by the audit, and put away.

Nothing here goes around the deployment: the staff token is a member's, customers and the audit come from the command
`millpond` with the deployment's own settings, wherever that runs.
"""

import logging
import shlex
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import gevent
import httpx
from gevent import subprocess

from live.invitations import TTL_S_MAX
from loadtests.locust_stage import Stage

log = logging.getLogger(__name__)
logging.getLogger("httpx").setLevel(logging.WARNING)  # a line for each request

TITLE: Final = "Load test"
CURRENCY: Final = "CNY"
PRICE: Final = 9_900  # minor units; nobody pays in a rehearsal
ANSWER_MAX_S: Final = 15.0
COMMAND_MAX_S: Final = 300.0
AUDIT_HOLDS: Final = 0  # exit codes of `millpond audit`, as docs/runbook.md has them
AUDIT_BROKEN: Final = 1
TOKEN_MINUTES: Final = "1440"  # as long as `millpond token` makes them
QUIET_WAIT_S: Final = 30  # that the audit waits until nothing is under way
TRIES_MAX: Final = 60
AGAIN_AFTER_S: Final = 0.5
AGAIN: Final = (409, 429, 503)  # a closed sale can be put away once its units are back


class StageFailed(Exception):
    """The stage could not be made; the text says which step, and what was said."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is asked for."""

    api_url: str
    socket_url: str
    millpond: str
    staff_token: str
    room_id: str
    customers: int
    units: int
    items: int


def millpond(command: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """A command of the deployment, ended. Raises StageFailed where it cannot be run."""
    words = [*shlex.split(command), *arguments]
    try:
        return subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=COMMAND_MAX_S)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise StageFailed(f"{shlex.join(words[:3])}: {error}") from error


def said(command: str, *arguments: str) -> str:
    """What it prints. Raises StageFailed where its exit code is not 0."""
    done = millpond(command, *arguments)
    if done.returncode:
        raise StageFailed(f"millpond {arguments[0]} ended with {done.returncode}: {done.stderr.strip()[-1000:]}")
    return str(done.stdout).strip()


@dataclass
class Staging:
    """One stage, from nothing to nothing. What was made is written down as it is made, so that it is put away."""

    plan: Plan
    undo: list[Callable[[], object]] = field(default_factory=list)
    sale_id: str = ""

    def __post_init__(self) -> None:
        self.staff_token = self.plan.staff_token or said(self.plan.millpond, "token", "--staff")
        bearer = {"authorization": f"Bearer {self.staff_token}"}
        self._http = httpx.Client(base_url=f"{self.plan.api_url}/v1/staff", headers=bearer, timeout=ANSWER_MAX_S)

    def make(self) -> Stage:
        """A rehearsal on air with an open sale. Raises StageFailed."""
        room_id = self.plan.room_id or self._make_room()
        item_ids = self._make_sale()
        session_id = self._make_session(room_id, item_ids)
        invited = self.ask("POST", f"sessions/{session_id}/invitation", {"ttl_s": TTL_S_MAX})
        return Stage(self.plan.socket_url, session_id, self.sale_id, item_ids, PRICE, invited["invitation"])

    def customers(self) -> list[str]:
        """Tokens of customers of the shop whose staff we are. Raises StageFailed."""
        merchant_id = self.ask("GET", "me")["merchant_id"]
        count = ("--count", str(self.plan.customers), "--minutes", TOKEN_MINUTES, "--merchant", merchant_id)
        return said(self.plan.millpond, "token", *count).split()

    def audit(self) -> tuple[int, str]:
        """The exit code of `millpond audit`, and its report. Raises StageFailed."""
        done = millpond(self.plan.millpond, "audit", self.sale_id, "--wait", str(QUIET_WAIT_S))
        return done.returncode, f"{done.stdout}{done.stderr}".strip()

    def put_away(self) -> None:
        """Undo what was done, last first; what cannot be is said, and the rest is tried all the same."""
        while self.undo:
            try:
                self.undo.pop()()
            except StageFailed as failed:
                log.error("could not be put away: %s", failed)
        self._http.close()

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """What the API answers to staff. Raises StageFailed."""
        tries = 0
        while (answer := self._ask(method, path, body)).status_code in AGAIN and tries < TRIES_MAX:
            tries += 1
            gevent.sleep(AGAIN_AFTER_S)
        if answer.is_error:
            raise StageFailed(f"{method} {answer.url}: {answer.status_code} {answer.text[:500]}")
        return dict(answer.json()) if answer.content else {}

    def _ask(self, method: str, path: str, body: dict[str, Any] | None) -> httpx.Response:
        try:
            return self._http.request(method, path, json=body)
        except httpx.HTTPError as error:
            raise StageFailed(f"{method} {self._http.base_url}{path}: {error}") from error

    def _make_room(self) -> str:
        room_id: str = self.ask("POST", "rooms", {"title": TITLE})["id"]
        self._later("POST", f"rooms/{room_id}/archive")
        return room_id

    def _make_sale(self) -> tuple[str, ...]:
        """Open, with the items; their ids."""
        self.sale_id = self.ask("POST", "sales", {"title": TITLE, "currency": CURRENCY, "rehearsal": True})["id"]
        sale = f"sales/{self.sale_id}"
        item_ids = tuple(self._make_item(sale, no) for no in range(1, self.plan.items + 1))
        self._later("POST", f"{sale}/archive")
        self._later("POST", f"{sale}/close")
        self.ask("POST", f"{sale}/schedule")
        self.ask("POST", f"{sale}/open")
        return item_ids

    def _make_item(self, sale: str, no: int) -> str:
        sku = {
            "title": f"{TITLE} {no}",
            "code": f"LOAD-{self.sale_id[-12:]}-{no}",
            "price": PRICE,
            "currency": CURRENCY,
        }
        sku_id = self.ask("POST", "skus", {**sku, "units": self.plan.units, "needs_recipient": False})["id"]
        self._later("POST", f"skus/{sku_id}/archive")
        item = {"sku_id": sku_id, "price": PRICE, "units": self.plan.units}
        return str(self.ask("POST", f"{sale}/items", item)["id"])

    def _make_session(self, room_id: str, item_ids: tuple[str, ...]) -> str:
        """On air, with the sale on its shelf."""
        wish = {"title": TITLE, "rehearsal": True, "autostart": False}
        session_id: str = self.ask("POST", f"rooms/{room_id}/sessions", wish)["id"]
        self._later("POST", f"sessions/{session_id}/stop")
        self.ask("PUT", f"sessions/{session_id}/sales/{self.sale_id}")
        slots = [{"no": no, "item_id": item_id} for no, item_id in enumerate(item_ids, start=1)]
        self.ask("PUT", f"sessions/{session_id}/shelf", {"slots": slots})
        self.ask("POST", f"sessions/{session_id}/start")
        return session_id

    def _later(self, method: str, path: str) -> None:
        """To be done in the end."""
        self.undo.append(lambda: self.ask(method, path))
