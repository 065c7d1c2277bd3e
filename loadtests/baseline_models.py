"""The baseline's wire: pydantic models and its refusal."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field


class LineWish(BaseModel):
    """Units of one item."""

    model_config = ConfigDict(extra="forbid")

    item_id: UUID
    quantity: Annotated[int, Field(ge=1, le=100)]


class OrderWish(BaseModel):
    """What a buyer sends."""

    model_config = ConfigDict(extra="forbid")

    lines: Annotated[list[LineWish], Field(min_length=1, max_length=1)]


class LineShown(BaseModel):
    """A line as sold."""

    item_id: UUID
    quantity: int
    unit_price: int
    amount: int


class Receipt(BaseModel):
    """The place in the queue."""

    no: int
    of: int
    served_at: datetime


class OrderShown(BaseModel):
    """What a buyer gets."""

    id: UUID
    sale_id: UUID
    state: str
    currency: str
    total: int
    lines: list[LineShown]
    placed_at: datetime
    expires_at: datetime
    receipt: Receipt


@dataclass(frozen=True, slots=True)
class Customer:
    """Who orders, as the token says."""

    id: UUID
    merchant_id: UUID


class Refused(Exception):
    """A refusal: HTTP status, kind and what else the problem document says."""

    def __init__(self, http_status: int, kind: str, **fields: Any) -> None:
        super().__init__(kind)
        self.http_status, self.kind, self.fields = http_status, kind, fields
