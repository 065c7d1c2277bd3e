"""Viewers: they watch, speak, like, lose the network and come back. Without a customer's token they watch and like."""

import random
from typing import Final

from locust import User, between, task

from loadtests.locust_seats import Seat
from loadtests.locust_stage import standing

LIKES_MAX: Final = 20
MOMENT_S: Final = 2.0  # how often a viewer may do something, on average


class Viewer(User):
    """Somebody who watches."""

    weight = 8
    wait_time = between(0.5 * MOMENT_S, 1.5 * MOMENT_S)

    def on_start(self) -> None:
        """Come into the room. Raises StopUser where there is none."""
        self.token = standing.next_token()
        self.seat = Seat(self.environment, standing.stage.door, self.token)
        self.seat.take()

    def on_stop(self) -> None:
        """Go."""
        if hasattr(self, "seat"):
            self.seat.leave()

    @task
    def watch(self) -> None:
        """A moment in the room."""
        options = self.environment.parsed_options
        self.seat.keep()
        if happens(options.drop_every):
            self.seat.lose_network(random.uniform(0, options.away_max))
        if happens(options.like_every):
            self._like()
        if self.token is not None and happens(options.comment_every):
            self._comment()

    def _like(self) -> None:
        place = standing.stage.session_id
        self.seat.ask("like", type="like", place=place, count=random.randint(1, LIKES_MAX))

    def _comment(self) -> None:
        place = standing.stage.session_id
        self.seat.ask("comment", type="comment", place=place, text=f"I like no. {random.randint(1, 10**9)}")


def happens(every_s: float) -> bool:
    """Whether something that happens every so many seconds happens in this moment; never with 0."""
    return every_s > 0 and random.random() < MOMENT_S / every_s
