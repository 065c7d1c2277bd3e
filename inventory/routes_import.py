"""The catalogue as a file, over HTTP, for staff."""

import asyncio
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse
from starlette.requests import ClientDisconnect

from inventory.importing import FILE_BYTES_MAX, KIND, export_lines
from inventory.routes import Manager, Reader, Shop
from keel.bodies import read_within
from keel.errors import Malformed, TooLarge, WrongEncoding, WrongMediaType
from keel.idempotency import KEY_PARAMETER
from keel.routes_jobs import JobOut, JobsHere, Key
from keel.spreadsheets import MEDIA_TYPE, decoded

PATH: Final = "/v1/staff/catalogue"
IMPORT_PATH: Final = f"{PATH}/import"
_UTF_8: Final = {"utf-8", "utf8", "us-ascii"}
_FILE: Final[dict[str, Any]] = {
    "parameters": [KEY_PARAMETER],
    "requestBody": {"required": True, "content": {MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}}},
}
_EXPORTED: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": {MEDIA_TYPE: {"schema": {"type": "string"}}}, "description": "UTF-8 with a byte order mark"}
}

router = APIRouter(prefix=PATH, tags=["staff"])


@router.post("/import", status_code=202, openapi_extra=_FILE)
async def import_file(
    *, jobs: JobsHere, by: Manager, key: Key, request: Request, response: Response, dry_run: bool = False
) -> JobOut:
    """Take in a CSV file; a worker checks every line and stores all of them, or none. With `dry_run` it only checks."""
    _require_utf_8_csv(request.headers.get("content-type", ""))
    body = await _body(request)
    await asyncio.to_thread(decoded, body)  # refused at once; too long for the loop that buyers share
    job = await jobs.ask(by, KIND, key=key, options={"dry_run": dry_run}, body=body)
    response.headers["location"] = f"/v1/staff/jobs/{job.id}"
    return JobOut.model_validate(job)


@router.get("/export", response_class=StreamingResponse, responses=_EXPORTED)
async def export_file(shop: Shop, by: Reader) -> StreamingResponse:
    """The catalogue as CSV, without what is archived; a file that can be imported unchanged."""
    lines = export_lines(shop, by)
    first = await anext(lines)  # what is refused is refused before the answer begins

    async def pieces() -> Any:
        yield first
        async for piece in lines:
            yield piece

    headers = {"content-disposition": 'attachment; filename="catalogue.csv"'}
    return StreamingResponse(pieces(), media_type=f"{MEDIA_TYPE}; charset=utf-8", headers=headers)


def _require_utf_8_csv(content_type: str) -> None:
    kind, _, rest = content_type.partition(";")
    if kind.strip().lower() != MEDIA_TYPE:
        raise WrongMediaType(wanted=MEDIA_TYPE)
    name, _, charset = rest.partition("=")
    said = charset.strip().strip('"').lower()
    if name.strip().lower() == "charset" and said not in _UTF_8:
        raise WrongEncoding(detail="the header says another encoding", looks_like=said[:40])


async def _body(request: Request) -> bytes:
    """The whole file, which nobody read before the caller was known. Raises TooLarge and Malformed."""
    try:
        body = await read_within(request.stream(), bytes_max=FILE_BYTES_MAX)
    except ClientDisconnect as gone:
        raise Malformed(detail="the body ended too early") from gone
    if body is None:
        raise TooLarge(bytes_max=FILE_BYTES_MAX)
    return body
