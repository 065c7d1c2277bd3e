"""Mapped classes of accounts. The migrations define the schema; a test holds these columns against it."""

from typing import Annotated

from sqlalchemy import LargeBinary, Text
from sqlalchemy.orm import Mapped, mapped_column

from keel.database import Table
from keel.tables_columns import Id, Key, Moment, Word

Digest = Annotated[bytes, mapped_column(LargeBinary)]


class MerchantRow(Table):
    """A shop."""

    __tablename__ = "merchant"

    id: Mapped[Key]
    name: Mapped[Word]
    time_zone: Mapped[Word]
    created_at: Mapped[Moment]
    archived_at: Mapped[Moment | None]


class StaffRow(Table):
    """A person who works for a merchant; without a `password_hash` until the invitation is accepted."""

    __tablename__ = "staff"

    id: Mapped[Key]
    merchant_id: Mapped[Id]
    email: Mapped[Word]
    name: Mapped[Word]
    role: Mapped[Word]
    password_hash: Mapped[Word | None]
    invitation_digest: Mapped[Digest | None]
    invitation_until: Mapped[Moment | None]
    created_at: Mapped[Moment]
    disabled_at: Mapped[Moment | None]


class SignInRow(Table):
    """One sign-in on one device; digests of the refresh token that it is worth now."""

    __tablename__ = "sign_in"

    id: Mapped[Key]
    merchant_id: Mapped[Id]
    kind: Mapped[Word]
    subject_id: Mapped[Id]
    family_digest: Mapped[Digest]
    current_digest: Mapped[Digest]
    previous_digest: Mapped[Digest | None]
    salt: Mapped[Digest | None]
    rotated_at: Mapped[Moment]
    created_at: Mapped[Moment]
    expires_at: Mapped[Moment]
    revoked_at: Mapped[Moment | None]


class DenialRow(Table):
    """Access tokens of this sign-in, or of this person, are refused."""

    __tablename__ = "denial"

    id: Mapped[Key]
    merchant_id: Mapped[Id]
    at: Mapped[Moment]
    until: Mapped[Moment]


class AppRow(Table):
    """A client application of a merchant."""

    __tablename__ = "app"

    id: Mapped[Key]
    merchant_id: Mapped[Id]
    provider: Mapped[Word]
    app_id: Mapped[Word]
    created_at: Mapped[Moment]
    archived_at: Mapped[Moment | None]


class CustomerRow(Table):
    """Somebody who buys, under a pseudonym; a guest while no identity is theirs."""

    __tablename__ = "customer"

    id: Mapped[Key]
    merchant_id: Mapped[Id]
    created_at: Mapped[Moment]
    erased_at: Mapped[Moment | None]
    blocked_at: Mapped[Moment | None]


class IdentityRow(Table):
    """Who a provider says somebody is, in one app."""

    __tablename__ = "identity"

    app_id: Mapped[Key]
    subject: Mapped[str] = mapped_column(Text, primary_key=True)
    merchant_id: Mapped[Id]
    customer_id: Mapped[Id]
    union_id: Mapped[Word | None]
    created_at: Mapped[Moment]


class CustomerGuestRow(Table):
    """A customer who was a guest with an id of its own before."""

    __tablename__ = "customer_guest"

    merchant_id: Mapped[Id]
    guest_id: Mapped[Key]
    customer_id: Mapped[Id]
    at: Mapped[Moment]
