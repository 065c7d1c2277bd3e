"""The options of a load test, on the command line and on locust's page."""

import shlex
import sys
from typing import Final

from locust.argument_parser import LocustArgumentParser

SOCKET_URL: Final = "ws://127.0.0.1:8001/v1/live"


def add_options(parser: LocustArgumentParser) -> None:
    """Locust calls this. Seconds between two are a mean of one user; 0 is never."""
    parser.add_argument("--socket-url", default=SOCKET_URL, help="The gateway's, as viewers open it")
    parser.add_argument("--room", default="", help="Rehearse in this room, by id. Without it, in one made for the test")
    parser.add_argument(
        "--staff-token",
        default="",
        env_var="MILLPOND_STAFF_TOKEN",
        is_secret=True,
        help="Of an owner or operator. Without it, what `millpond token --staff` prints",
    )
    parser.add_argument(
        "--millpond",
        default=shlex.join([sys.executable, "-m", "millpond"]),
        include_in_web_ui=False,
        help="The command `millpond` with the deployment's settings: `docker compose exec -T api millpond`, say",
    )
    parser.add_argument("--customers", type=int, default=2_000, help="Customers there are: each takes part once")
    parser.add_argument("--units", type=int, default=10_000, help="Unreal units of each item")
    parser.add_argument("--items", type=int, default=3, help="Items on the shelf")
    parser.add_argument("--order-every", type=float, default=5.0, help="Seconds between two orders of a buyer")
    parser.add_argument(
        "--again-share", type=float, default=0.1, help="Of the orders, those sent again under their key"
    )
    parser.add_argument(
        "--cut-share", type=float, default=0.05, help="Of orders over sockets, those cut before the answer"
    )
    parser.add_argument("--comment-every", type=float, default=60.0, help="Seconds between two comments of a viewer")
    parser.add_argument("--like-every", type=float, default=15.0, help="Seconds between two likes of a viewer")
    parser.add_argument(
        "--drop-every", type=float, default=120.0, help="Seconds after which a viewer loses the network"
    )
    parser.add_argument("--away-max", type=float, default=5.0, help="Seconds for which it is lost, at most")
    parser.add_argument("--host-every", type=float, default=2.0, help="Seconds between two things that the host does")
