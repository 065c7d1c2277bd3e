"""Files of orders on the wire."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from orders.schemas_staff import Wanted


class ExportWish(Wanted):
    """Which orders, and whether recipients are masked or plain; plain ones are for those who may see them."""

    recipients: Literal["masked", "plain"] = "masked"


class ExportOut(BaseModel):
    """A file in the making: `waiting`, `running`, `done` or `failed` (`error` says why).

    First the orders are counted (`rows_counted` so far), then `rows_total` is known and `rows_done` goes up. The file
    has the orders placed before it was asked for, each as it was when its line was written. It is deleted seven days
    after it was made, and one with plain recipients after one day.
    """

    model_config = ConfigDict(from_attributes=True)

    id: str
    state: Literal["waiting", "running", "done", "failed"]
    plain: bool
    filter: dict[str, Any]
    rows_counted: int
    rows_done: int
    rows_total: int | None
    bytes: int
    error: str | None
    asked_by: str
    created_at: datetime
    ended_at: datetime | None


class ExportList(BaseModel):
    """The exports that are kept, newest first."""

    exports: list[ExportOut]
