"""Hello: who is there. The signature, the time and the deny-list decide, as on every other door."""

from collections.abc import Container
from typing import Final

from msgspec import structs

from accounts.staff import StaffDoor
from accounts.tokens import LEEWAY_S, STAFF, Claims, Tokens
from keel.clock import Clock, rfc3339
from keel.errors import NotSignedIn
from live.guests import GuestPasses
from live.messages import Hello, Welcome
from live.viewers import Viewer

_BEARER: Final = "Bearer "


class Reception:
    """Tells viewers by what they say hello with."""

    def __init__(
        self, *, tokens: Tokens, staff: StaffDoor, guests: GuestPasses, denied: Container[str], clock: Clock
    ) -> None:
        self._tokens, self._staff, self._guests = tokens, staff, guests
        self._denied, self._clock = denied, clock

    def greet(self, hello: Hello) -> tuple[Viewer, Welcome]:
        """Who it is, and what is answered. Raises NotSignedIn, and Unavailable where staff cannot be told just now."""
        if hello.token is not None:
            viewer, guest = self._known(hello.token), None
        else:
            guest = self._guests.new() if hello.guest is None else hello.guest
            viewer = Viewer(self._guests.read(guest))
            guest = self._guests.renewed(viewer.id)
        return viewer, self._welcome(viewer, guest, hello.ref)

    def guest_before(self, hello: Hello) -> Viewer | None:
        """The guest who comes back with a token, where his pass says so. A spare one says nothing, nor one not good."""
        if hello.token is None or hello.guest is None:
            return None
        try:
            return None if self._guests.is_spare(hello.guest) else Viewer(self._guests.read(hello.guest))
        except NotSignedIn:
            return None

    def with_spare_pass(self, welcome: Welcome, hello: Hello, *, is_new_name: bool) -> Welcome:
        """The same for a customer who was a guest: who watches there once he has signed out may be somebody else.

        Whoever brings his spare pass keeps it: a client that sends its pass with every hello gets no other each time.
        """
        if is_new_name:
            return structs.replace(welcome, guest=self._guests.spare())
        return structs.replace(welcome, guest=self._guests.spare(hello.guest)) if self._has_spare(hello) else welcome

    def still_good(self, viewer: Viewer) -> bool:
        """Whether the token that this viewer said hello with would pass now. Guests and fixed tokens always are."""
        if self.is_denied(viewer):
            return False
        return viewer.token is None or self._clock.ms() // 1000 < viewer.token.exp + LEEWAY_S

    def may_stay(self, viewer: Viewer) -> bool:
        """Whether this viewer may go on watching. Staff see what is not public, so they leave with their token; to
        everybody else the show goes on without one, until somebody shuts them out."""
        return not self.is_denied(viewer) if viewer.principal is None else self.still_good(viewer)

    def is_denied(self, viewer: Viewer) -> bool:
        """Whether this person or sign-in was shut out since."""
        token, denied = viewer.token, self._denied
        return token is not None and (token.sid in denied or token.sub in denied)

    def _has_spare(self, hello: Hello) -> bool:
        """Whether somebody with a token keeps a pass for whoever watches after him."""
        if hello.token is None or hello.guest is None:
            return False
        try:
            return self._guests.is_spare(hello.guest)
        except NotSignedIn:
            return False

    def _known(self, token: str) -> Viewer:
        header = _BEARER + token
        if not token.isascii():
            raise NotSignedIn
        try:
            claims = self._tokens.check(header.encode())
        except NotSignedIn:
            principal = self._staff.authenticate(header)
            if principal is None:
                raise
            return Viewer(principal.subject, self._of_staff(header), principal)
        return Viewer(claims.sub, claims)

    def _of_staff(self, header: str) -> Claims | None:
        """When and by what the sign-in of staff ends; a fixed token has neither."""
        try:
            return self._tokens.check(header.encode(), STAFF)
        except NotSignedIn:
            return None

    def _welcome(self, viewer: Viewer, guest: str | None, ref: str | None) -> Welcome:
        return Welcome(
            viewer_id=viewer.id,
            server_time=rfc3339(self._clock.ms()),
            ref=ref,
            guest=guest,
            role=None if viewer.principal is None else viewer.principal.role.value,
            until=None if viewer.token is None else rfc3339(viewer.token.exp * 1000),
        )
