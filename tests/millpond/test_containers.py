"""The Dockerfile and the composition say the same as the settings and the command line, without Docker to ask."""

import json
import re
import shlex
from typing import Any

import pytest
import typer
import yaml

from millpond.cli import app
from millpond.settings import PREFIX, Settings
from tests.house.tree import ROOT
from tests.millpond.commands import run

COMPOSITION: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSITION["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
SETTINGS = {str(field.validation_alias or PREFIX + name.upper()) for name, field in Settings.model_fields.items()}
COMMANDS = set(typer.main.get_command(app).commands)  # type: ignore[attr-defined]  # a group, for there are several
OURS = {name: service for name, service in SERVICES.items() if service["image"].startswith("millpond:")}


def lines(word: str) -> list[str]:
    """The arguments of every such instruction."""
    return re.findall(rf"(?m)^{word} +(.*)$", DOCKERFILE)


def test_every_process_has_a_service():
    assert set(OURS) == {"migrate", "api", "gateway", "worker"}
    assert set(SERVICES) - set(OURS) == {"postgres", "valkey"}


@pytest.mark.parametrize("name", OURS)
def test_a_service_runs_a_command_that_there_is(name):
    (command,) = OURS[name]["command"]
    assert command in COMMANDS


def test_every_setting_that_is_named_exists():
    named = {name for service in OURS.values() for name in service["environment"]}
    named |= set(re.findall(rf"\b{PREFIX}[A-Z_]+", DOCKERFILE))
    assert {"DATABASE_URL", "REDIS_URL"} <= named
    assert named <= SETTINGS


def test_whatever_stands_in_the_env_file_reaches_every_process():
    for service in OURS.values():
        assert [file["path"] for file in service["env_file"]] == [".env"]
        fixed = {name for name, value in service["environment"].items() if "${" not in value}
        assert fixed == {"REDIS_URL", "MILLPOND_METRICS_PORT"}  # the rest is the operator's


def test_images_are_pinned_by_version_and_ours_is_this_one():
    froms = [line.split(" AS ")[0] for line in lines("FROM")]
    for image in [*froms, *(service["image"] for service in SERVICES.values())]:
        assert re.search(r":\d+\.\d+(\.\d+)?(-\w+)*$", image), image
    version = re.search(r'(?m)^version = "(.*)"$', (ROOT / "pyproject.toml").read_text())
    assert version is not None
    assert {service["image"] for service in OURS.values()} == {f"millpond:{version[1]}"}


def test_the_image_is_made_from_the_lock_in_stages_and_runs_as_nobody_special():
    assert len(lines("FROM")) == 2
    assert any("--require-hashes" in line and "requirements.lock" in line for line in lines("RUN"))
    last = DOCKERFILE.rpartition("\nFROM ")[2]
    assert re.search(r"(?m)^USER (\S+)$", last)[1] == "10001"  # type: ignore[index]  # a None fails the test as well
    assert json.loads(lines("ENTRYPOINT")[0]) == ["millpond"]
    assert set(json.loads(lines("CMD")[0])) <= COMMANDS


def test_every_package_is_in_the_image():
    copied = {line.split()[0] for line in lines("COPY")} - {"--from=build"}
    shipped = re.search(r"(?m)^packages = \[(.*)\]$", (ROOT / "pyproject.toml").read_text())
    assert shipped is not None
    assert set(re.findall(r'"(\w+)"', shipped[1])) <= copied
    sent = set(re.findall(r"(?m)^!(\S+)$", (ROOT / ".dockerignore").read_text()))
    assert {word for line in lines("COPY") if "--from" not in line for word in line.split()[:-1]} == sent


def test_what_runs_on_is_healthy_or_started_again():
    for name, service in SERVICES.items():
        lasts = name != "migrate"
        assert ("healthcheck" in service) is lasts, name
        assert service["restart"] == ("unless-stopped" if lasts else "no")
    for name in ("api", "gateway", "worker"):
        assert SERVICES[name]["depends_on"]["migrate"]["condition"] == "service_completed_successfully"


def test_the_ledger_has_a_volume_and_the_gate_never_evicts():
    assert [mount.split(":")[0] for mount in SERVICES["postgres"]["volumes"]] == list(COMPOSITION["volumes"])
    command = SERVICES["valkey"]["command"]
    assert command[command.index("--maxmemory-policy") + 1] == "noeviction"


def test_no_secret_is_in_the_file():
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            if re.search("PASSWORD|KEYS|TOKENS|DATABASE_URL", name):
                assert re.search(r"\$\{\w+:\?", value), name


def test_the_secrets_it_asks_for_are_those_that_millpond_makes(monkeypatch):
    wanted = set(re.findall(r"\$\{(\w+):\?", json.dumps(COMPOSITION)))
    printed = run("secrets").stdout
    made = dict(shlex.split(line)[0].split("=", 1) for line in printed.splitlines())
    assert wanted <= set(made)
    assert all(line.split("=", 1)[1].strip("'").count("'") == 0 for line in printed.splitlines())
    for name in set(made) & SETTINGS:
        monkeypatch.setenv(name, made[name])
    settings = Settings()
    assert settings.staff_tokens[0].merchant_id == settings.seed_merchant_id
    assert run("secrets").stdout != printed
