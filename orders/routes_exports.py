"""Files of orders over HTTP, for staff."""

from typing import Any, Final

from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from orders import exporting
from orders.routes_staff import Here, PathId, Reader
from orders.schemas_export import ExportList, ExportOut, ExportWish

_FILE: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": {"text/csv": {"schema": {"type": "string"}}}, "description": "UTF-8 with a byte order mark"}
}

router = APIRouter(prefix="/v1/staff/orders/exports", tags=["staff"])


@router.post("", status_code=202)
async def ask(here: Here, by: Reader, wish: ExportWish) -> ExportOut:
    """Ask for a CSV file of the orders that fit. It is made in the background."""
    export = await exporting.ask_export(here, by, wish.filter(), plain=wish.recipients == "plain")
    return ExportOut.model_validate(export)


@router.get("")
async def list_all(here: Here, by: Reader) -> ExportList:
    """Exports, newest first."""
    exports = await exporting.list_exports(here, by)
    return ExportList(exports=[ExportOut.model_validate(export) for export in exports])


@router.get("/{export_id}")
async def show(here: Here, by: Reader, export_id: PathId) -> ExportOut:
    """How far a file is."""
    return ExportOut.model_validate(await exporting.read_export(here, by, export_id))


@router.delete("/{export_id}", status_code=204)
async def delete(here: Here, by: Reader, export_id: PathId) -> None:
    """Delete a file, made or in the making: one's own, or as an owner anybody's. To others it is not there."""
    await exporting.delete_export(here, by, export_id)


@router.get("/{export_id}/file", response_class=StreamingResponse, responses=_FILE)
async def fetch(here: Here, by: Reader, export_id: PathId) -> StreamingResponse:
    """The file: UTF-8 with a byte order mark, so that spreadsheets read every script; one line for each order."""
    export = await exporting.fetch_export(here, by, export_id)
    headers = {
        "content-length": str(export.bytes),
        "content-disposition": f'attachment; filename="orders-{export.id}.csv"',
        "cache-control": "private, no-store",
        "x-content-type-options": "nosniff",
    }
    return StreamingResponse(exporting.pieces(here, export), media_type="text/csv; charset=utf-8", headers=headers)
