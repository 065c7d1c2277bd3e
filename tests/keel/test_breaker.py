"""The breaker says no early after a few faults in a row, for a while, and one more fault says it again."""

from keel.breaker import FAULTS_MAX, OPEN_S, Breaker
from tests.stopwatch import Stopwatch


def broken(watch: Stopwatch) -> Breaker:
    """A breaker that has just seen enough."""
    breaker = Breaker(watch)
    for _ in range(FAULTS_MAX):
        breaker.failed()
    return breaker


def test_a_few_faults_pass():
    breaker = Breaker(Stopwatch())
    for _ in range(FAULTS_MAX - 1):
        breaker.failed()
    assert breaker.retry_after_s() == 0


def test_faults_in_a_row_open_it_and_a_success_starts_the_count_anew():
    breaker = Breaker(Stopwatch())
    for _ in range(FAULTS_MAX - 1):
        breaker.failed()
    breaker.succeeded()
    breaker.failed()
    assert breaker.retry_after_s() == 0


def test_open_it_says_how_long_to_wait():
    watch = Stopwatch()
    breaker = broken(watch)
    assert breaker.retry_after_s() == OPEN_S
    watch.s += 0.75 * OPEN_S
    assert 0 < breaker.retry_after_s() <= 0.25 * OPEN_S + 1e-9


def test_after_the_wait_everyone_may_try():
    """A try may end before it reaches the other side, and then nobody would ever report a success."""
    watch = Stopwatch()
    breaker = broken(watch)
    watch.s += OPEN_S
    assert [breaker.retry_after_s() for _ in range(100)] == [0] * 100
    breaker.succeeded()
    breaker.failed()
    assert breaker.retry_after_s() == 0


def test_a_try_that_fails_opens_it_again():
    watch = Stopwatch()
    breaker = broken(watch)
    watch.s += OPEN_S
    assert breaker.retry_after_s() == 0
    breaker.failed()
    watch.s += 0.5 * OPEN_S
    assert breaker.retry_after_s() > 0
