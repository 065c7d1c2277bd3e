"""What referrals counts."""

from typing import Final

from prometheus_client import Counter, Gauge

TOUCHES: Final = Counter("millpond_touches_total", "Visits through shares that were stored, repetitions among them")
TOUCHES_LOST: Final = Counter("millpond_touches_lost_total", "Visits that were not stored, for too many waited")
TOUCHES_REFUSED: Final = Counter(
    "millpond_touches_refused_total", "Visits and sign-ins that PostgreSQL takes in no batch"
)
TOUCHES_FORGOTTEN: Final = Counter("millpond_touches_forgotten_total", "Visits that were deleted for their age")
JUDGED: Final = Counter("millpond_orders_judged", "Orders of which it was decided who is credited", ["outcome"])
DRAWING_WAITING: Final = Gauge("millpond_drawing_jobs", "Posters and pictures that threads work on or that wait")
DRAWING_REFUSED: Final = Counter("millpond_drawing_refused_total", "Posters and pictures answered 503: too many waited")
POSTERS: Final = Counter("millpond_posters_total", "Posters asked for, by what came of it", ["outcome"])
PICTURES_LEFT_OUT: Final = Counter(
    "millpond_poster_pictures_left_out_total", "Posters drawn without their picture, by why", ["reason"]
)
MINI_CODES: Final = Counter(
    "millpond_mini_codes_total", "Questions to platforms for a mini-program's code, by the answer", ["outcome"]
)
TREE_TALLIED: Final = Counter("millpond_tree_tallied_total", "Changes that were counted into the tallies of trees")
TREE_PARKED: Final = Counter(
    "millpond_tree_parked_total", "Changes that cannot be counted into the tallies of trees, by the error", ["sqlstate"]
)
