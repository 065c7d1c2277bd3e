"""The host of the rehearsal: pins and announces, so that the room has a log to miss something of."""

import itertools
import time
from collections.abc import Iterator
from typing import Any

import gevent
from locust.env import Environment
from locust.exception import StopUser

from loadtests.locust_seats import SENT, Door, Seat
from loadtests.locust_stage import Stage


def perform(environment: Environment, stage: Stage, staff_token: str) -> None:
    """Do something every --host-every seconds, until the greenlet is killed. Runs where the test was begun."""
    options = environment.parsed_options
    assert options is not None
    seat = Seat(environment, Door(stage.socket_url, stage.session_id), staff_token)
    try:
        seat.take()
        for message in _programme(stage):
            seat.ask(f"host: {message['type']}", **message)
            gevent.sleep(options.host_every)
    except StopUser:
        return  # it is in the table of failures
    finally:
        seat.leave()


def _programme(stage: Stage) -> Iterator[dict[str, Any]]:
    """Each slot in turn is pinned and talked about, and now and then nothing is."""
    session = {"session_id": stage.session_id}
    for no in itertools.cycle(range(1, len(stage.item_ids) + 1)):
        yield {"type": "pin", "no": no, **session}
        yield {"type": "announce", "text": f"No. {no}, {SENT}{time.time():.3f}", **session}
        if no == len(stage.item_ids):
            yield {"type": "unpin", **session}
