"""The benchmark's arithmetic, and one very small run of every side."""

import secrets
from contextlib import nullcontext

import psutil
import pytest
import uvloop

from keel.clock import FollowingClock
from keel.ids import Ids
from loadtests.budgets import Budget
from loadtests.phases import Sizes, one_round
from loadtests.profiling import top_frames
from loadtests.progress import tell
from loadtests.report import broken, closing_words, document_of, medians
from loadtests.rush import AGAIN_MAX, QUICK, Bench, data_folder
from loadtests.side_baseline import BaselineSide
from loadtests.side_millpond import MillpondSide
from loadtests.side_socket import SocketSide
from loadtests.sides import Buyers, Faults, told_twice
from loadtests.stack import running
from loadtests.yardstick import empty_201_cpu_us
from millpond.crowd_answers import Answer, Wish

TINY = Sizes(warm_up=5, orders=60, timed=30, replays=10, refusals=40, rush_buyers=60, rush_units=21)


def answer(buyer: str, key: str, order_id: str) -> Answer:
    return Answer(Wish(buyer, key, b""), 201, 0.1, 1, order_id)


def figures(**changes):
    usual = {
        "accepted": 10,
        "not_accepted": {},
        "refused": {"sold_out": 5},
        "empty_201_cpu_us": 48.0,
        "orders_per_s": 800.0,
        "latency_ms": {"p99": 10.0},
        "cpu_us_per_order": {"total": 100.0, "with_judging": 130.0},
        "cpu_us_per_refusal": {"total": 60.0},
        "noise": {"others_share": 0.01, "stolen_share": 0.0},
        "faults": vars(Faults()),
    }
    return usual | changes


def rounds(**changes):
    slow = figures(orders_per_s=100.0, latency_ms={"p99": 100.0})
    return [
        played("millpond", figures(**changes)),
        played("baseline", slow),
        played("socket", figures(orders_per_s=1_200.0)),
    ]


def played(side, found, *, counted=True):
    return {"round": 1, "side": side, "figures": found, "counted": counted}


@pytest.mark.long
@pytest.mark.parametrize("kind", [MillpondSide, BaselineSide, SocketSide])
def test_a_small_round_breaks_no_promise(kind):
    buyers = Buyers(Ids(FollowingClock()).new(), secrets.token_urlsafe(32))
    side = kind(buyers)
    with data_folder() as folder, running(folder / side.name, side.plan()) as stack:
        found = uvloop.run(one_round(side, stack, TINY, tell, nullcontext))
    assert (found["accepted"], found["not_accepted"]) == (60, {})
    assert found["refused"] == {"sold_out": 40}
    assert found["replayed"] == 10
    assert (found["rush"]["accepted"], found["rush"]["refused"]) == (21, {"sold_out": 39})
    assert found["faults"] == vars(Faults())
    cpu_us, kinds = found["cpu_us_per_order"], {"valkey", "postgres", "total", *side.plan().commands}
    assert cpu_us.keys() == {*kinds, "with_judging"}
    assert found["cpu_us_per_refusal"].keys() == kinds
    assert cpu_us["with_judging"] == pytest.approx(cpu_us["total"] + found["judging_cpu_us_per_order"], abs=0.11)
    assert found["noise"].keys() == {"others_share", "stolen_share"}


def test_the_yardstick_is_a_server_that_works_and_is_gone_in_the_end():
    assert 1 < uvloop.run(empty_201_cpu_us(requests=300)) < 10_000
    assert not [child for child in psutil.Process().children() if "loadtests.yardstick" in child.cmdline()]


def test_a_slow_machine_is_held_against_its_own_yardstick():
    slow = {name: {"total": 2.5 * figures()[name]["total"]} for name in ("cpu_us_per_order", "cpu_us_per_refusal")}
    budgets = document_of({}, rounds(empty_201_cpu_us=120.0, **slow))["budgets"]
    assert not budgets["cpu_us_per_order"]["met"]
    assert (budgets["order_in_empty_201s"]["figure"], budgets["order_in_empty_201s"]["met"]) == (2.08, True)
    assert (budgets["refusal_in_empty_201s"]["at_most"], budgets["refusal_in_empty_201s"]["met"]) == (1.88, True)


def test_an_order_over_the_socket_has_a_budget_of_its_own():
    dear = figures(orders_per_s=1_199.0, cpu_us_per_order={"total": 110.1}, empty_201_cpu_us=47.0)
    budgets = document_of({}, [*rounds()[:2], played("socket", dear)])["budgets"]
    missed = {name for name, budget in budgets.items() if not budget["met"]}
    assert missed == {"socket_ratio", "socket_cpu_us_per_order", "socket_order_in_empty_201s"}


def test_medians_keep_the_shape():
    assert medians([{"a": 1, "b": {"c": 5}}, {"a": 3, "b": {"c": 1}}, {"a": 2, "b": {}}]) == {"a": 2, "b": {"c": 3}}


def test_the_document_says_what_was_met():
    document = document_of({"cores": 2}, rounds())
    assert (document["ratio"], document["oversold"], broken(document)) == (8.0, 0, [])
    assert (document["socket_ratio"], document["budgets"]["socket_ratio"]["met"]) == (12.0, True)
    assert all(budget["met"] for budget in document["budgets"].values())


@pytest.mark.parametrize(
    "changes",
    [
        {"faults": vars(Faults(lost=1))},
        {"faults": vars(Faults(audit=1))},
        {"not_accepted": {"no_answer": 1}},
        {"refused": {"sold_out": 4, "http_500": 1}},
        {"rush": {"accepted": 22, "units": 21, "refused": {}}},
    ],
)
def test_whatever_must_not_be_is_reported(changes):
    assert len(broken(document_of({}, rounds(**changes)))) == 1


LOUD = {"others_share": 0.02, "stolen_share": 0.09}
LOUDER = {"others_share": 0.2, "stolen_share": 0.3}
QUIET = {"others_share": 0.05, "stolen_share": 0.05}


def tries_with(monkeypatch, tmp_path, *noises):
    """What one round of the first side makes of a machine with these noises, one after the other."""
    left = [figures(noise=noise) for noise in noises]
    monkeypatch.setattr(Bench, "_round", lambda *_: left.pop(0))
    bench = Bench(tmp_path, QUICK, profile=False, pool_size=None)
    return [(one["figures"]["noise"], one["counted"]) for one in bench._tries(1, bench._sides[0])]


def test_a_round_of_a_busy_machine_is_played_again_until_it_is_quiet(monkeypatch, tmp_path, capsys):
    assert tries_with(monkeypatch, tmp_path, QUIET) == [(QUIET, True)]
    assert "busy" not in capsys.readouterr().err
    assert tries_with(monkeypatch, tmp_path, LOUDER, QUIET) == [(LOUDER, False), (QUIET, True)]
    assert "once more" in capsys.readouterr().err


def test_of_a_machine_that_stays_busy_the_quietest_round_counts(monkeypatch, tmp_path, capsys):
    noises = [LOUDER, LOUD, *[LOUDER] * (AGAIN_MAX - 1)]
    assert tries_with(monkeypatch, tmp_path, *noises) == [(noise, noise is LOUD) for noise in noises]
    assert "left as it is" in capsys.readouterr().err


def test_a_round_that_does_not_count_makes_no_figure_and_breaks_promises_all_the_same():
    slow = figures(orders_per_s=1.0, faults=vars(Faults(lost=1)), noise=LOUDER)
    document = document_of({}, [*rounds(), played("millpond", slow, counted=False)])
    assert (document["ratio"], document["lost"], len(document["rounds"])) == (8.0, 1, 4)
    assert not [budget for budget in document["budgets"].values() if "loud" in budget]


def test_what_rests_on_rounds_of_a_busy_machine_says_so():
    baseline = rounds()[1]
    loud = played("baseline", baseline["figures"] | {"noise": LOUD})
    document = document_of({}, [*rounds(), loud])
    assert {name for name, budget in document["budgets"].items() if budget.get("loud")} == {
        "ratio", "p99_share", "socket_ratio",
    }  # fmt: skip
    assert document["budgets"]["ratio"]["met"], "beside whether it was met"
    words = "\n".join(closing_words(document))
    assert "do not trust: ratio" in words
    assert "round 1, baseline: the machine was busy elsewhere" in words
    assert "do not trust" not in "\n".join(closing_words(document_of({}, rounds())))


def test_the_price_of_an_order_is_told_with_what_is_judged_later_and_held_against_its_budget_without():
    document = document_of({}, rounds())
    assert document["sides"]["millpond"]["cpu_us_per_order"] == {"total": 100.0, "with_judging": 130.0}
    assert document["budgets"]["cpu_us_per_order"]["figure"] == 100.0
    assert "millpond: 100.0 µs an order, 130.0 with the judging" in "\n".join(closing_words(document))


def test_being_told_two_orders_is_seen():
    assert told_twice([answer("a", "k", "1"), answer("a", "k", "1"), answer("b", "k", "2")]) == 0
    assert told_twice([answer("a", "k", "1"), answer("a", "k", "2")]) == 1
    assert told_twice([answer("a", "k", "1"), answer("b", "k", "1")]) == 1


def test_a_budget_has_a_side():
    assert Budget(8.0, 8.0, at_least=True).met
    assert not Budget(7.9, 8.0, at_least=True).met
    assert Budget(150.0, 150.0).document() == {"figure": 150.0, "at_most": 150.0, "met": True}


def test_the_hottest_frames_are_those_that_ran_themselves(tmp_path):
    stacks = tmp_path / "stacks.txt"
    stacks.write_text("main;place 3\nmain 1\n")
    assert top_frames(stacks) == [("place", 0.75), ("main", 0.25)]
