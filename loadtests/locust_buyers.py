"""Buyers, over the socket and over HTTP: one unit at a time, each order under a key of its own.

Sold out is an answer, not a failure. Whoever is told to wait sends the same again, and a part of the orders is sent
again on purpose: the same key has to give the same order, whichever way it comes.
"""

import random
import time
from http import HTTPStatus
from typing import Final

import gevent
from locust import FastHttpUser, task
from locust.contrib.fasthttp import ResponseContextManager

from loadtests.locust_answers import Told, insisted
from loadtests.locust_seats import Seat, report
from loadtests.locust_stage import Wish, standing

API_URL: Final = "http://127.0.0.1:8000"
CUT_AWAY_S: Final = 1.0


class NoCustomerLeft(Exception):
    """More buyers than --customers."""


class GivenUp(Exception):
    """Told to wait until the buyer had enough of it."""


class AnotherOrder(Exception):
    """The same key gave two orders."""


class Buyer(FastHttpUser):
    """Somebody who orders, again and again."""

    abstract = True
    host = API_URL

    def wait_time(self) -> float:
        """Buyers come by themselves, not in step."""
        return random.expovariate(1 / self.environment.parsed_options.order_every)

    def on_start(self) -> None:
        """Become one of the customers. Raises StopUser where there is no stage."""
        stage = standing.stage
        token = standing.next_token()
        if token is None:
            raise NoCustomerLeft("more users than customers: raise --customers")
        self.token, self.path = token, f"/v1/sales/{stage.sale_id}/orders"

    @task
    def order(self) -> None:
        """One order, until the last word; and a part of them once more."""
        wish = standing.stage.wish()
        told = self.insist(wish)
        if told.order_id and random.random() < self.environment.parsed_options.again_share:
            insisted(lambda: self.over_http(wish, first=told), gevent.sleep)

    def insist(self, wish: Wish) -> Told:
        """The last word on an order. One that is not come to is a failure."""
        began_s = time.perf_counter()
        told = insisted(lambda: self.send(wish), gevent.sleep)
        if told.later:
            report(self.environment, "order: given up", began_s, GivenUp(told.refusal or "no answer"))
        return told

    def send(self, wish: Wish) -> Told:
        """One try."""
        raise NotImplementedError

    def over_http(self, wish: Wish, first: Told | None = None) -> Told:
        """One try over HTTP. `first`: the order that has to come back."""
        headers = {"authorization": f"Bearer {self.token}", "idempotency-key": wish.key}
        with self.client.post(self.path, json=wish.body, headers=headers, catch_response=True) as response:
            told = told_by(response)
            response.request_meta["name"] = told.name("order")
            if told.fault:
                response.failure(told.fault)
            elif first is not None and told.order_id not in {"", first.order_id}:
                response.failure(AnotherOrder(f"{wish.key}: {first.order_id} and {told.order_id}"))
            else:
                response.success()
        return told


class HttpBuyer(Buyer):
    """Orders over HTTP."""

    def send(self, wish: Wish) -> Told:
        return self.over_http(wish)


class SocketBuyer(Buyer):
    """Watches, and orders without leaving the socket."""

    def on_start(self) -> None:
        super().on_start()
        self.seat = Seat(self.environment, standing.stage.door, self.token)
        self.seat.take()

    def on_stop(self) -> None:
        """Go."""
        if hasattr(self, "seat"):
            self.seat.leave()

    @task
    def order(self) -> None:
        """As all buyers; some lose the network between the order and its answer, come back and send the same."""
        if random.random() < self.environment.parsed_options.cut_share:
            wish = standing.stage.wish()
            self.seat.keep().tell(**self._message(wish))
            self.seat.lose_network(random.uniform(0, CUT_AWAY_S))
            self.insist(wish)
        else:
            super().order()

    def send(self, wish: Wish) -> Told:
        return self.seat.ask("order", **self._message(wish))

    def _message(self, wish: Wish) -> dict[str, object]:
        return {"type": "order.place", "sale_id": standing.stage.sale_id, "key": wish.key, "order": wish.body}


def told_by(response: ResponseContextManager) -> Told:
    """What an answer of HTTP says."""
    if not response.status_code:
        return Told(0)
    try:
        body = response.json()
    except ValueError:
        return Told(response.status_code)
    if response.status_code >= HTTPStatus.BAD_REQUEST:
        return Told.refused(body, response.status_code)
    replayed = response.headers is not None and response.headers.get("idempotency-replayed") == "true"
    return Told(response.status_code, order_id=body["id"], replayed=replayed)
