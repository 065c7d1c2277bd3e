"""Why a picture is not taken."""

from dataclasses import dataclass
from typing import ClassVar

from keel.errors import Refusal


@dataclass(eq=False)
class PublishRefused(Refusal):
    """A media server asks whether an encoder may publish, and it may not. `reason`: key (wrong, expired or taken
    back), gone (this very client left before), room (archived), no_session (nothing on air and nothing planned)."""

    reason: str
    status: ClassVar = 403
    title: ClassVar = "This picture is not taken"
