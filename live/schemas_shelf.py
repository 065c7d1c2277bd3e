"""What staff send and see of shelf and pins. Prices in minor units, times in RFC 3339."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StringConstraints

from keel.ids import ID_PATTERN
from live.shelf import SLOT_NO_MAX, SLOTS_MAX

Id = Annotated[str, StringConstraints(pattern=ID_PATTERN)]
SlotNo = Annotated[int, Field(strict=True, ge=1, le=SLOT_NO_MAX)]
Version = Annotated[int, Field(strict=True, ge=0, le=2**62)]


class _Wish(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SlotPut(_Wish):
    """An item of one of the session's sales, under the number that is said on air."""

    no: SlotNo
    item_id: Id
    hidden: StrictBool = False


class ShelfPut(_Wish):
    """The whole shelf in its order; with `version`, refused when it was changed since."""

    slots: Annotated[list[SlotPut], Field(max_length=SLOTS_MAX)]
    version: Version | None = None


class SlotChange(_Wish):
    """Hide a slot from viewers, or show it."""

    hidden: StrictBool
    version: Version | None = None


class PinWish(_Wish):
    """The number of the slot to hold up."""

    no: SlotNo


class UnpinWish(_Wish):
    """With `pin_id`, refused when something else is pinned by now."""

    pin_id: Id | None = None


class PinOut(BaseModel):
    """What was held up from when to when; still is, where `to_at` is null."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    no: int
    sale_id: str
    item_id: str
    from_at: datetime
    to_at: datetime | None
    pinned_by: str


class SlotOut(BaseModel):
    """A slot with what stands in it."""

    model_config = ConfigDict(from_attributes=True)

    no: int
    sale_id: str
    item_id: str
    hidden: bool
    title: str
    price: int
    currency: str
    picture_url: str | None


class ShelfOut(BaseModel):
    """The shelf in its order, hidden slots included, and what is pinned."""

    model_config = ConfigDict(from_attributes=True)

    version: int
    slots: list[SlotOut]
    pin: PinOut | None


class PinPage(BaseModel):
    """Newest first; `next` is the `below` of the page after this one."""

    pins: list[PinOut]
    next: str | None
