"""How refusals leave over HTTP: RFC 9457 documents with real status codes."""

import logging
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from keel.errors import PROBLEM_MEDIA_TYPE, Internal, Malformed, MethodNotAllowed, NotFound, Refusal

log = logging.getLogger(__name__)


def problem(refusal: Refusal) -> JSONResponse:
    """The response of a refusal."""
    return JSONResponse(
        refusal.document(), status_code=refusal.status, headers=refusal.headers(), media_type=PROBLEM_MEDIA_TYPE
    )


def _where(error: dict[str, Any]) -> str:
    place = ".".join(str(part) for part in error["loc"][1:])
    return f"{place}: {error['msg']}" if place else str(error["msg"])


async def on_refusal(_: Request, error: Exception) -> JSONResponse:
    """Refusals that a route raised."""
    assert isinstance(error, Refusal)
    return problem(error)


async def on_invalid(_: Request, error: Exception) -> JSONResponse:
    """A body, path or query that does not fit its schema. What was sent is not repeated."""
    assert isinstance(error, RequestValidationError)
    return problem(Malformed(detail="; ".join(_where(e) for e in error.errors()[:5])[:500]))


async def on_http(_: Request, error: Exception) -> JSONResponse:
    """What the framework says no to by itself: unknown paths and methods."""
    assert isinstance(error, HTTPException)
    match error.status_code:
        case 400:
            return problem(Malformed(detail=error.detail))
        case 404:
            return problem(NotFound(what="path"))
        case 405:
            return problem(MethodNotAllowed(allow=(error.headers or {}).get("Allow", "")))
    body = {"type": "about:blank", "title": error.detail, "status": error.status_code}
    return JSONResponse(body, status_code=error.status_code, headers=error.headers, media_type=PROBLEM_MEDIA_TYPE)


async def on_fault(_: Request, error: Exception) -> JSONResponse:
    """A fault of ours: the log has it, the client learns nothing."""
    log.error("unhandled fault", exc_info=error)
    return problem(Internal())


def install(app: FastAPI) -> None:
    """Make every refusal of this app a problem document."""
    app.add_exception_handler(Refusal, on_refusal)
    app.add_exception_handler(RequestValidationError, on_invalid)
    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(Exception, on_fault)
