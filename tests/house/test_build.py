"""What pyproject.toml says about the packages is what the repository has; the lock has what pyproject.toml asks for."""

import re
import tomllib
from fnmatch import fnmatchcase
from typing import Any

import pytest
from packaging.requirements import Requirement

from tests.house.tree import OUTSIDE, ROOT, repository

STORAGE = ("*.tables*", "*.store*")  # a ledger is a port
SHARED_STORAGE = "keel"  # what keel stores, it stores for everybody
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCK = (ROOT / "requirements.lock").read_text()


def packages() -> set[str]:
    return {source.package for source in repository().inside}


def contract(kind: str) -> list[dict[str, Any]]:
    return [each for each in PROJECT["tool"]["importlinter"]["contracts"] if each["type"] == kind]


def test_every_package_is_shipped_and_no_other():
    shipped = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert set(shipped) == packages()


def test_every_package_has_its_layer():
    (layers,) = (each["layers"] for each in contract("layers") if "containers" not in each)
    placed = {name for layer in layers for name in re.findall(r"(?<!\()\b\w+\b(?!\))", layer)}
    assert placed == packages()
    assert set(PROJECT["tool"]["importlinter"]["root_packages"]) == packages()


def test_no_package_may_go_in_a_circle():
    (circles,) = contract("acyclic_siblings")
    assert set(circles["ancestors"]) == packages() - {"migrations"}


def test_every_storage_module_is_kept_from_other_packages():
    modules = {source.module for source in repository().inside if source.package != SHARED_STORAGE}
    storage = {module for module in modules if any(fnmatchcase(module, pattern) for pattern in STORAGE)}
    kept = {module: each for each in contract("protected") for module in each["protected_modules"]}
    assert set(kept) == storage, "name each in a `protected` contract of pyproject.toml"
    for module, each in kept.items():
        assert set(each["allowed_importers"]) == {module.split(".")[0], "console", "migrations"}


@pytest.mark.parametrize("line", [*PROJECT["project"]["dependencies"], *PROJECT["dependency-groups"]["dev"]])
def test_the_lock_has_what_the_project_asks_for(line):
    wanted = Requirement(line)
    locked = re.search(rf"^{re.escape(wanted.name)}==([^\s;]+)", LOCK, re.MULTILINE)
    assert locked is not None, f"{wanted.name} is not locked: compile requirements.lock again, its first lines say how"
    assert wanted.specifier.contains(locked[1])


def test_every_locked_file_has_its_hash():
    blocks = re.split(r"\n(?=[a-z0-9])", LOCK)[1:]
    assert blocks
    assert [block.split("==")[0] for block in blocks if "--hash=sha256:" not in block] == []


def test_outside_folders_are_not_shipped():
    assert not OUTSIDE & packages()
