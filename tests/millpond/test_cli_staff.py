"""`millpond staff`: the first owner comes in by the command line, and so does one who forgot the password."""

import asyncio
import subprocess
import sys
from asyncio.subprocess import PIPE

import pytest

from accounts import staff_sign_in
from accounts.errors import SignInRefused
from keel.clock import FakeClock, FollowingClock
from keel.identity import Role
from millpond.cli_staff import ACTOR
from tests.accounts.shops import HUA, PASSWORD, open_people, principal_of
from tests.millpond import commands
from tests.millpond.stacks import COMMAND_MAX_S, HERE, planned_stack

SECOND = "another good password"


@pytest.fixture
async def shop(database_url):
    at_present = FakeClock(FollowingClock().ms())  # the command goes by the database's clock
    async with open_people(database_url, at_present) as shop:
        yield shop


@pytest.fixture
def staff(shop, database_url, redis_url):
    """Runs `millpond staff …` for the shop's merchant, with something typed."""
    environment = planned_stack(database_url, redis_url).environment

    async def run(*arguments: str, typed: str = "", merchant: str = "") -> "subprocess.CompletedProcess[str]":
        command = "staff", *arguments, "--merchant", merchant or shop.by.merchant_id
        return await asyncio.to_thread(commands.run, *command, typed=typed, environment=environment)

    return run


async def test_a_password_comes_through_the_pipe_of_a_process(shop, database_url, redis_url):
    command = [sys.executable, "-m", "millpond", "staff", "add", HUA, "--merchant", shop.by.merchant_id]
    environment = planned_stack(database_url, redis_url).environment
    process = await asyncio.create_subprocess_exec(*command, cwd=HERE, env=environment, stdin=PIPE, stderr=PIPE)
    _, errors = await asyncio.wait_for(process.communicate(PASSWORD.encode()), COMMAND_MAX_S)
    assert (process.returncode, errors) == (0, b"")
    assert principal_of(await shop.login()).role is Role.OWNER


async def test_the_first_owner_comes_in_by_the_command_line(shop, staff):
    added = await staff("add", "Hua@pond.cn", typed=PASSWORD + "\n")
    assert (added.returncode, added.stderr) == (0, ""), added
    assert PASSWORD not in added.stdout
    hua = await shop.login()
    assert principal_of(hua).role is Role.OWNER
    again = await staff("add", HUA, typed=PASSWORD)
    assert (again.returncode, "there is a member" in again.stderr) == (1, True)

    changed = await staff("passwd", HUA, typed=SECOND)
    assert changed.returncode == 0, changed
    with pytest.raises(SignInRefused):
        await staff_sign_in.refresh(shop.people, hua.refresh)
    second = await shop.login(password=SECOND)
    assert (await staff("list")).stdout.split() == [second.subject_id, HUA, "owner", "active"]
    assert {command for actor, command in await shop.commands() if actor == ACTOR} == {"staff.invite", "staff.password"}


async def test_somebody_is_invited_and_somebody_is_out(shop, staff):
    invited = await staff("add", "mei@pond.cn", "--role", "host", "--invite")
    mei = await staff_sign_in.accept(shop.people, invited.stdout.strip(), PASSWORD)
    assert principal_of(mei).role is Role.HOST
    assert (await staff("disable", "mei@pond.cn")).returncode == 0
    await shop.here.hear()
    assert shop.here.staff(mei.access) is None
    assert (await staff("list")).stdout.split()[-1] == "disabled"


@pytest.mark.parametrize(
    ("arguments", "typed", "said"),
    [
        (("add", "no address"), PASSWORD, "email"),
        (("add", HUA), "short", "password: String should have at least 10"),
        (("add", HUA, "--role", "king"), PASSWORD, "king"),
        (("passwd", "nobody@pond.cn"), PASSWORD, "Not found"),
        (("disable", "nobody@pond.cn"), "", "Not found"),
    ],
)
async def test_what_cannot_be_is_one_message_and_nothing_is_stored(shop, staff, arguments, typed, said):
    refused = await staff(*arguments, typed=typed)
    assert refused.returncode != 0
    assert said in refused.stderr
    assert "Traceback" not in refused.stderr
    assert PASSWORD not in refused.stderr
    assert await shop.rows("SELECT 1 FROM staff") == []


async def test_a_merchant_that_is_not_there_is_named(shop, staff):
    refused = await staff("add", HUA, typed=PASSWORD, merchant=shop.people.ids.new())
    assert (refused.returncode, "merchant" in refused.stderr) == (1, True)
    refused = await staff("list", merchant="pond")
    assert (refused.returncode, "UUID" in refused.stderr) == (1, True)
