"""The commands `millpond staff …`: who works for a merchant, by the hand of whoever runs the server.

This is how the first owner comes in, and how one comes in again whose password is forgotten.
"""

import asyncio
import secrets
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Annotated, Final

import typer

from accounts import members, staff_sign_in
from accounts.passwords import Passwords
from accounts.people import People
from accounts.schemas import MemberWish, NewPassword, Sent
from accounts.tokens import Tokens
from keel.errors import Refusal
from keel.identity import Principal, Role
from keel.ids import is_id
from millpond.servers import connected
from millpond.settings import Settings, SettingsRefused
from millpond.settings_read import read_settings
from millpond.wiring import parts_for

ACTOR: Final = "command line"

app = typer.Typer(help="Who works for a merchant, and as what.", no_args_is_help=True)

Email = Annotated[str, typer.Argument(help="The e-mail to sign in with.")]
Merchant = Annotated[str | None, typer.Option(help="The merchant's id; without it, the one of the settings.")]
Work = Callable[[People, Principal], Awaitable[None]]


class _Typed(Sent):
    """A model, so that what is wrong with it is said by its name."""

    password: NewPassword


@app.command()
def add(
    email: Email,
    role: Annotated[Role, typer.Option(help="What they are to the merchant.")] = Role.OWNER,
    name: Annotated[str, typer.Option(help="Their name; without it, what stands before the @.")] = "",
    merchant: Merchant = None,
    invite: Annotated[bool, typer.Option("--invite", help="Print an invitation instead of asking for a password.")] = (
        False
    ),
) -> None:
    """Add somebody. The password is asked for, or read from the first line of standard input."""
    wish = MemberWish(email=email, name=name or email.partition("@")[0], role=role)
    password = None if invite else _password()

    async def work(people: People, by: Principal) -> None:
        await members.merchant(people, by)
        invited = await members.invite(people, by, email=wish.email, name=wish.name, role=wish.role)
        if password is None:
            return typer.echo(invited.invitation)
        await staff_sign_in.set_password(people, by, invited.member.id, password)
        return typer.echo(f"{wish.email} is {wish.role} of merchant {by.merchant_id}")

    _run(merchant, work)


@app.command("list")
def show(merchant: Merchant = None) -> None:
    """Print everybody: id, e-mail, role, and whether they can sign in."""

    async def work(people: People, by: Principal) -> None:
        below = None
        while page := await members.page(people, by, below=below, count=members.PAGE_MAX):
            for each in page:
                state = "disabled" if each.disabled_at else "active" if each.password_hash else "invited"
                typer.echo(f"{each.id}  {each.email}  {each.role}  {state}")
            below = page[-1].id

    _run(merchant, work)


@app.command()
def disable(email: Email, merchant: Merchant = None) -> None:
    """Let somebody in no more, on every server within five seconds."""

    async def work(people: People, by: Principal) -> None:
        member = await members.by_email(people, by, email.lower())
        await members.disable(people, by, member.id)
        typer.echo(f"{member.email} is out")

    _run(merchant, work)


@app.command()
def passwd(email: Email, merchant: Merchant = None) -> None:
    """Give somebody a new password, and end their sign-ins."""
    password = _password()

    async def work(people: People, by: Principal) -> None:
        member = await members.by_email(people, by, email.lower())
        await staff_sign_in.set_password(people, by, member.id, password)
        typer.echo(f"{member.email} has a new password")

    _run(merchant, work)


def _password() -> str:
    """What is typed twice at a terminal, or the first line of whatever else standard input is."""
    if sys.stdin.isatty():
        typed: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    else:
        typed = sys.stdin.readline().removesuffix("\n")
    return _Typed(password=typed).password


def _run(merchant: str | None, work: Work) -> None:
    """Do the work for a merchant. A refusal is one line and exit code 1."""
    settings = read_settings()
    merchant_id = merchant or settings.with_secrets().staff_tokens[0].merchant_id
    if not is_id(merchant_id):
        raise SettingsRefused("A merchant's id is a UUID in lower case.")

    async def with_people(reachable: Settings) -> None:
        async with _people(reachable) as people:
            await work(people, Principal(merchant_id, ACTOR, Role.OWNER))

    with connected(settings) as reachable:
        try:
            asyncio.run(with_people(reachable))
        except Refusal as refusal:
            typer.echo(_said(refusal), err=True)
            raise typer.Exit(1) from refusal


@asynccontextmanager
async def _people(settings: Settings) -> AsyncIterator[People]:
    """The use cases, without anybody's tokens: nobody signs in here."""
    async with parts_for(settings) as parts:
        await parts.follow_clock()
        unused = Tokens({"unused": secrets.token_urlsafe()}, parts.clock)
        yield People(parts.sessions, parts.ids, parts.clock, unused, Passwords(), {})


def _said(refusal: Refusal) -> str:
    document = refusal.document()
    return f"{refusal.title}: {document.get('detail') or document.get('what') or refusal.slug()}"
