"""What people and staff send and are shown. Times in RFC 3339; nothing unnamed is taken."""

from datetime import datetime
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, StrictBool, StringConstraints

from accounts.refresh_tokens import TOKEN_PATTERN
from accounts.tokens import ACCESS_TTL_S
from keel.identity import Role
from keel.ids import ID_PATTERN
from keel.texts import printable

PASSWORD_CHARS_MIN: Final = 10
PASSWORD_CHARS_MAX: Final = 200
# What a person types as an address; whether somebody reads it there, only a letter would show.
EMAIL_PATTERN: Final = r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*$"


Id = Annotated[str, StringConstraints(pattern=ID_PATTERN)]
Email = Annotated[str, StringConstraints(pattern=EMAIL_PATTERN, min_length=3, max_length=254, to_lower=True)]
Password = Annotated[str, StringConstraints(min_length=1, max_length=PASSWORD_CHARS_MAX), AfterValidator(printable)]
NewPassword = Annotated[
    str,
    StringConstraints(min_length=PASSWORD_CHARS_MIN, max_length=PASSWORD_CHARS_MAX),
    AfterValidator(printable),
]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), AfterValidator(printable)]
Refresh = Annotated[str, StringConstraints(pattern=TOKEN_PATTERN)]
Invitation = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{43}$")]
CodeText = Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,1024}$")]
ProviderName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
ProviderAppId = Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,128}$")]


class Sent(BaseModel):
    """What is sent: nothing but the fields named, and no secret in any message about it."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class LoginWish(Sent):
    """E-mail and password; the merchant, where this e-mail works for several."""

    email: Email
    password: Password
    merchant_id: Id | None = None


class RefreshWish(Sent):
    """The refresh token that came last."""

    refresh_token: Refresh


class LogoutWish(RefreshWish):
    """Here, or on every device."""

    everywhere: StrictBool = False


class AcceptWish(Sent):
    """An invitation, and the password from now on."""

    invitation: Invitation
    password: NewPassword


class PasswordWish(Sent):
    """The password until now, and the one from now on."""

    password: Password
    new_password: NewPassword


class MemberWish(Sent):
    """Somebody to invite."""

    email: Email
    name: Name
    role: Role


class RoleWish(Sent):
    """What a member is from now on."""

    role: Role


class AppWish(Sent):
    """An app of the merchant, by its provider and the id it has there."""

    provider: ProviderName
    app_id: ProviderAppId


class GuestWish(Sent):
    """The app's public id."""

    app_id: Id


class CustomerLoginWish(GuestWish):
    """What the client's platform gave it; `anonymous` where the person is not signed in there."""

    code: CodeText
    anonymous: StrictBool = False


class TokenPair(BaseModel):
    """`access_token` goes with requests as `Bearer`; `refresh_token` is good once, for the next pair."""

    access_token: str
    refresh_token: str
    expires_in_s: int = ACCESS_TTL_S
    merchant_id: str


class StaffPair(TokenPair):
    """Of a member of staff."""

    staff_id: str
    role: Role


class CustomerPair(TokenPair):
    """Of a customer, who may be a guest."""

    customer_id: str


class Shown(BaseModel):
    """What is shown of a row."""

    model_config = ConfigDict(from_attributes=True)


class MemberOut(Shown):
    """A member of staff; `pending` until the invitation is accepted."""

    id: str
    email: str
    name: str
    role: Role
    pending: bool
    created_at: datetime
    disabled_at: datetime | None


class InvitedOut(MemberOut):
    """A member, and the invitation to hand over: it is shown this once."""

    invitation: str
    invitation_until: datetime


class MemberPage(BaseModel):
    """Newest first; `next` is the `below` of the page after this one."""

    members: list[MemberOut]
    next: str | None


class Me(BaseModel):
    """Who one is here."""

    subject: str
    merchant_id: str
    role: Role


class MerchantOut(Shown):
    """The merchant one works for."""

    id: str
    name: str
    time_zone: str
    created_at: datetime


class AuditOut(Shown):
    """One command of staff."""

    id: str
    actor: str
    command: str
    subject_id: str | None
    detail: dict[str, Any]
    at: datetime


class AuditPage(BaseModel):
    """Newest first; `next` is the `below` of the page after this one."""

    commands: list[AuditOut]
    next: str | None


class AppOut(Shown):
    """An app; clients name it by `id`."""

    id: str
    provider: str
    app_id: str
    created_at: datetime
    archived_at: datetime | None


class AppPage(BaseModel):
    """Newest first; `next` is the `below` of the page after this one."""

    apps: list[AppOut]
    next: str | None
