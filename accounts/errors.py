"""What accounts says no to."""

from dataclasses import dataclass
from typing import ClassVar

from keel.errors import Refusal


@dataclass(eq=False)
class SignInRefused(Refusal):
    """Wrong password, unknown e-mail, disabled, blocked, a used or foreign refresh token, a code that its provider does
    not know. Which of these is not said."""

    status: ClassVar = 401
    title: ClassVar = "These credentials are not good, or not any more"

    def headers(self) -> dict[str, str]:
        return {"WWW-Authenticate": "Bearer"}
