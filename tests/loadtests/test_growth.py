"""What grows with a sale's size is measured in small, and a promise that was not kept is said and ends the run so."""

import json
import sys

import pytest

from loadtests import growth
from loadtests.growth import FLAT, Size, budgets_of, measure, memory_of, missed

KEPT = {
    "open": {"seconds": 0.9},
    "rebuild": {"seconds": [9.0, 2.1, 2.9]},
    "memory": {"bytes_per_order": {"api": 12.0, "gateway": 49.9, "worker": -3.0, "valkey": 400.0}},
}


@pytest.mark.long
def test_a_small_run_measures_all_that_is_promised(tmp_path):
    size = Size(units=10_000, claims=2_000, steps=3, warm_up_steps=1, orders_per_step=200)
    document = measure(tmp_path, size)
    assert document["rebuild"]["claims"] == 2_000
    assert min(document["rebuild"]["seconds"]) >= 2.0, "so long may somebody trust the old epoch"
    memory = document["memory"]
    assert memory["orders_each_way"] == 400
    assert all(len(memory["kb"][kind]) == 3 and min(memory["kb"][kind]) > 1_000 for kind in memory["kb"])
    assert memory["kb"].keys() == {*FLAT, "valkey"}
    assert 100 < memory["bytes_per_order"]["valkey"] < 2_000, "an entry for each claim"
    assert document["budgets"].keys() == {"open_s", "rebuild_s", *(f"{kind}_bytes_per_order" for kind in FLAT)}


def test_what_an_order_adds_is_counted_from_the_warm_up_on_and_by_the_orders_that_came_that_way():
    kb = [(100, 50, 20, 10), (200, 60, 30, 20), (300, 70, 40, 30), (301, 60, 50, 40)]
    readings = [dict(zip(("api", "gateway", "worker", "valkey"), each, strict=True)) for each in kb]
    found = memory_of(readings, Size(steps=4, warm_up_steps=2, orders_per_step=512))
    assert found["orders_each_way"] == 1_024
    assert found["kb"]["api"] == [100, 200, 300, 301]
    assert found["bytes_per_order"] == {"api": 101.0, "gateway": 0.0, "worker": 10.0, "valkey": 10.0}


def test_the_middle_rebuild_counts_and_valkey_may_keep_its_entries():
    budgets = budgets_of(KEPT)
    assert budgets["rebuild_s"]["figure"] == 2.9
    assert all(budget["met"] for budget in budgets.values())
    assert not [name for name in budgets if "valkey" in name]


@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        ({"open": {"seconds": 1.1}}, "open_s is 1.1"),
        ({"rebuild": {"seconds": [3.1, 3.2, 0.1]}}, "rebuild_s is 3.1"),
        ({"memory": {"bytes_per_order": {"api": 50.1, "gateway": 0, "worker": 0}}}, "api_bytes_per_order is 50.1"),
        ({"memory": {"bytes_per_order": {"api": 0, "gateway": 66.8, "worker": 0}}}, "gateway_bytes_per_order is 66.8"),
        ({"memory": {"bytes_per_order": {"api": 0, "gateway": 0, "worker": 51}}}, "worker_bytes_per_order is 51"),
    ],
)
def test_a_promise_that_was_not_kept_is_said_and_is_the_exit_code(wrong, name, tmp_path, monkeypatch, capsys):
    """Of what was measured: the measuring itself is above."""

    def run(found) -> int:
        monkeypatch.setattr(growth, "measure", lambda *_: found | {"budgets": budgets_of(found)})
        return growth.main()

    monkeypatch.setattr(growth, "BUILD", tmp_path / "bench")
    monkeypatch.setattr(sys, "argv", ["growth"])
    assert run(KEPT) == 0
    assert "not kept" not in capsys.readouterr().err
    assert run(KEPT | wrong) == 1
    assert f"not kept: {name}, and" in capsys.readouterr().err
    assert json.loads((tmp_path / "bench/growth.json").read_text())["open"] == (KEPT | wrong)["open"]


def test_nothing_is_said_of_promises_that_were_kept():
    assert missed({"budgets": budgets_of(KEPT)}) == []
