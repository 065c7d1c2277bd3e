"""Hooks of media servers: each speaks its own way, all of it comes to one use case.

They are no part of the documented API: nobody but a media server calls them, and docs/live.md says how it is told to.
Every server takes 2xx with `{"code": 0}` as a yes, and anything else as a no. Where there are several, each says its
name in `?server=`: nginx-rtmp counts its clients, and two servers would count alike.
"""

import hmac
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request

from keel.errors import NotSignedIn
from live import ingest as reports
from live.hooks import Said, Step, of_mediamtx, of_mediamtx_path, of_nginx, of_srs
from live.ingest import Ingest, Report

YES: Final[Mapping[str, int]] = {"code": 0}
_STEPS: Final[Mapping[Step, Callable[[Ingest, Report], Awaitable[None]]]] = {
    Step.ADMIT: reports.admit,
    Step.PUBLISHED: reports.published,
    Step.ALIVE: reports.alive,
    Step.UNPUBLISHED: reports.unpublished,
}


async def media_server(request: Request) -> Ingest:
    """Lets in who knows the hooks' secret, from `?secret=` or as a bearer token. Raises NotSignedIn, always where there
    is no secret."""
    secret: str | None = request.app.state.hook_secret
    bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
    sent = (request.query_params.get("secret") or bearer).encode("utf-8", "replace")
    if not secret or not hmac.compare_digest(secret.encode(), sent):
        raise NotSignedIn
    ingest: Ingest = request.app.state.ingest
    return ingest


FromServer = Annotated[Ingest, Depends(media_server)]

router = APIRouter(prefix="/v1/hooks", include_in_schema=False)


@router.post("/nginx-rtmp")
async def nginx_rtmp(request: Request, ingest: FromServer) -> Mapping[str, int]:
    """on_publish, on_publish_done and on_update of nginx-rtmp."""
    return await _heard(request, ingest, of_nginx(await request.body()))


@router.post("/srs")
async def srs(request: Request, ingest: FromServer) -> Mapping[str, int]:
    """http_hooks of SRS."""
    return await _heard(request, ingest, of_srs(await request.body()))


@router.post("/mediamtx/auth")
async def mediamtx_auth(request: Request, ingest: FromServer) -> Mapping[str, int]:
    """authHTTPAddress of MediaMTX: whoever may publish has not begun yet."""
    return await _heard(request, ingest, of_mediamtx(await request.body()))


@router.post("/mediamtx/ready")
async def mediamtx_ready(request: Request, ingest: FromServer) -> Mapping[str, int]:
    """runOnReady of MediaMTX."""
    return await _heard(request, ingest, of_mediamtx_path(Step.PUBLISHED, await request.body()))


@router.post("/mediamtx/not-ready")
async def mediamtx_not_ready(request: Request, ingest: FromServer) -> Mapping[str, int]:
    """runOnNotReady of MediaMTX."""
    return await _heard(request, ingest, of_mediamtx_path(Step.UNPUBLISHED, await request.body()))


async def _heard(request: Request, ingest: Ingest, said: Said) -> Mapping[str, int]:
    step, report, server = _STEPS.get(said.step), said.report, request.query_params.get("server")
    if server and report.client:
        report = replace(report, client=f"{server}:{report.client}")
    if step is not None:
        await step(ingest, report)
    return YES
