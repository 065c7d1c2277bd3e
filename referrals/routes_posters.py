"""Posters over HTTP: of one's own shares, and for staff how they look."""

from dataclasses import asdict
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request, Response

from accounts.tokens import Claims
from keel.identity import EVERYBODY, MANAGERS, Principal, staff_as
from orders.routes import customer
from referrals import posters
from referrals.metrics import POSTERS
from referrals.poster_template import CodeKind, Template
from referrals.posters import Posters
from referrals.routes import PathCode
from referrals.schemas_posters import PreviewWish, TemplateOut, TemplatePut

IMAGE: Final = "image/jpeg"
LEFT_OUT: Final = "X-Poster-Left-Out"
_IMAGE: Final[dict[str, Any]] = {IMAGE: {"schema": {"type": "string", "format": "binary"}}}
_POSTER: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "The poster",
        "content": _IMAGE,
        "headers": {
            LEFT_OUT: {
                "description": "`picture`: that could not be had, and the poster was drawn without it",
                "schema": {"type": "string"},
            }
        },
    },
    304: {"description": "What `If-None-Match` names is still the poster"},
}
_PREVIEW: Final[dict[int | str, dict[str, Any]]] = {200: {"description": "The poster", "content": _IMAGE}}


async def posters_of(request: Request) -> Posters:
    """What the use cases need, as wired by millpond."""
    here: Posters = request.app.state.posters
    return here


Who = Annotated[Claims, Depends(customer)]
Here = Annotated[Posters, Depends(posters_of)]
Reader = Annotated[Principal, Depends(staff_as(EVERYBODY))]
Manager = Annotated[Principal, Depends(staff_as(MANAGERS))]
Kind = Annotated[CodeKind, Query(description="What the code opens: a page of the web, or the mini-program itself.")]

router = APIRouter(prefix="/v1/shares", tags=["sharing"])
staff = APIRouter(prefix="/v1/staff/poster-template", tags=["staff"])


@router.get("/{share_code}/poster", response_class=Response, responses=_POSTER)
async def show(request: Request, here: Here, who: Who, share_code: PathCode, kind: Kind = CodeKind.H5) -> Response:
    """The poster of one of your own shares. With `If-None-Match`, nothing where it is still the same."""
    planned = await posters.plan(here, who, share_code, kind)
    tag = f'"{planned.tag}"'
    head = {"etag": tag, "cache-control": "private, no-cache"}
    if tag in request.headers.get("if-none-match", ""):
        POSTERS.labels("unchanged").inc()
        return Response(status_code=304, headers=head)
    poster = await posters.poster(here, planned)
    if not poster.whole:
        head = {LEFT_OUT: "picture", "cache-control": "no-store"}
    return Response(poster.data, media_type=IMAGE, headers=head)


@staff.get("")
async def show_template(here: Here, by: Reader) -> TemplateOut:
    """How the merchant's posters look."""
    template, version = await posters.template(here, by)
    return _shown(template, version)


@staff.put("")
async def put_template(here: Here, by: Manager, wish: TemplatePut) -> TemplateOut:
    """Change how they look, over the version that you read."""
    template = wish.template()
    return _shown(template, await posters.put_template(here, by, template, version=wish.version))


@staff.post("/preview", response_class=Response, responses=_PREVIEW)
async def preview(here: Here, by: Manager, wish: PreviewWish) -> Response:
    """A poster as it would be. Its code leads nowhere, and nothing is stored."""
    template = None if wish.template is None else wish.template.template()
    data = await posters.preview(here, by, template, wish.target())
    return Response(data, media_type=IMAGE, headers={"cache-control": "no-store"})


def _shown(template: Template, version: int) -> TemplateOut:
    return TemplateOut(**asdict(template), version=version)
