"""How something spread, over HTTP: for staff, of sessions and rooms; and what sharers brought, for themselves."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import StreamingResponse

from accounts.tokens import Claims
from inventory.ledger import Ledger
from keel.identity import EVERYBODY, Principal, staff_as
from keel.ids import ID_PATTERN
from keel.paging import next_of
from keel.spreadsheets import MEDIA_TYPE
from orders.routes import customer
from referrals import sharing, store_ranks, tree_export, trees
from referrals.model import COMMUNITY_CHARS_MAX, PAGE_MAX
from referrals.routes import Here
from referrals.schemas_trees import (
    BroughtOut,
    BroughtPage,
    CommunityOut,
    CommunityPage,
    GraphOut,
    SharerOut,
    SharerPage,
    TreeOut,
)
from referrals.spreading import Ranking, Ranks
from referrals.store_ranks import NOTHING, After, Community, Sharer
from referrals.store_trees import Place

_CSV: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": {"text/csv": {"schema": {"type": "string"}}}, "description": "UTF-8 with a byte order mark"}
}
_GRAPH: Final[dict[int | str, dict[str, Any]]] = {200: {"model": GraphOut, "description": "The whole tree"}}
_CURSOR: Final = r"^\d{1,18}-"
Below = Annotated[str | None, Query(pattern=ID_PATTERN)]
Count = Annotated[int, Query(ge=1, le=PAGE_MAX)]
Currency = Annotated[str, Query(pattern="^[A-Z]{3}$", description="Which money counts, where one ranks by money.")]
PathId = Annotated[str, Path(pattern=ID_PATTERN)]
AfterSharer = Annotated[str | None, Query(pattern=_CURSOR + ID_PATTERN.removeprefix("^"))]
AfterCommunity = Annotated[str | None, Query(pattern=rf"{_CURSOR}[\x21-\x7e]{{1,{COMMUNITY_CHARS_MAX}}}$")]


async def ledger_of(request: Request) -> Ledger:
    """What is read from, as wired by millpond."""
    here: Ledger = request.app.state.sharing.ledger
    return here


Who = Annotated[Claims, Depends(customer)]
Reader = Annotated[Principal, Depends(staff_as(EVERYBODY))]
Tables = Annotated[Ledger, Depends(ledger_of)]


async def session_place(by: Reader, session_id: PathId) -> Place:
    """The tree of a session."""
    return Place(by.merchant_id, session_id, is_room=False)


async def room_place(by: Reader, room_id: PathId) -> Place:
    """The tree of a room."""
    return Place(by.merchant_id, room_id, is_room=True)


async def ranks_of(by: Ranking = Ranking.BUYERS, currency: Currency = "CNY") -> Ranks:
    """By what sharers are ranked."""
    return Ranks(by, currency)


Ranked = Annotated[Ranks, Depends(ranks_of)]

own = APIRouter(prefix="/v1/shares", tags=["sharing"])


@own.get("/mine")
async def list_brought(here: Here, who: Who, below: Below = None, count: Count = 20) -> BroughtPage:
    """What you shared, newest first, and who came through it."""
    shares = await sharing.page(here, who, below=below, count=count)
    brought = await store_ranks.brought(here.ledger, who.mid, [each.node.id for each in shares])
    page = [
        BroughtOut.model_validate(
            {name: getattr(share, name) for name in ("code", "kind", "campaign", "created_at")}
            | {"id": share.target_id}
            | asdict(brought.get(share.node.id, NOTHING))
        )
        for share in shares
    ]
    return BroughtPage(shares=page, next=next_of([each.node for each in shares], count))


def _trees_of(prefix: str, of: Callable[..., Awaitable[Place]]) -> APIRouter:
    """The same readings of sessions and of rooms."""
    router = APIRouter(prefix=f"/v1/staff/{prefix}/dissemination", tags=["staff"])

    @router.get("")
    async def tree(ledger: Tables, place: Annotated[Place, Depends(of)]) -> TreeOut:
        """How it spread: generations, channels, time, money, and the greatest trees. A room: over all its sessions and
        off air."""
        return TreeOut.model_validate(await trees.summary(ledger, place))

    @router.get("/sharers")
    async def sharers(
        ledger: Tables,
        place: Annotated[Place, Depends(of)],
        ranks: Ranked,
        after: AfterSharer = None,
        count: Count = 20,
    ) -> SharerPage:
        """Who brought most, and how deep it went."""
        page = await trees.sharers(ledger, place, ranks, after=_after(after), count=count)
        return SharerPage(sharers=[SharerOut.model_validate(each) for each in page], next=_next(page, count))

    @router.get("/communities")
    async def communities(
        ledger: Tables, place: Annotated[Place, Depends(of)], after: AfterCommunity = None, count: Count = 20
    ) -> CommunityPage:
        """Which groups visitors came from."""
        page = await trees.communities(ledger, place, after=_after(after), count=count)
        return CommunityPage(communities=[CommunityOut.model_validate(each) for each in page], next=_next(page, count))

    _add_files(router, of)
    return router


def _add_files(router: APIRouter, of: Callable[..., Awaitable[Place]]) -> None:
    @router.get(".csv", response_class=StreamingResponse, responses=_CSV)
    async def csv(ledger: Tables, place: Annotated[Place, Depends(of)]) -> StreamingResponse:
        """Every share of the tree, a line each."""
        return StreamingResponse(await tree_export.csv(ledger, place), media_type=MEDIA_TYPE, headers=_as_file("csv"))

    @router.get(".json", response_class=StreamingResponse, responses=_GRAPH)
    async def graph(ledger: Tables, place: Annotated[Place, Depends(of)]) -> StreamingResponse:
        """The same as a graph: nodes, and edges from each share to those that grew under it."""
        lines = await tree_export.graph(ledger, place)
        return StreamingResponse(lines, media_type="application/json", headers=_as_file("json"))


of_sessions = _trees_of("sessions/{session_id}", session_place)
of_rooms = _trees_of("rooms/{room_id}", room_place)


def _after(text: str | None) -> After | None:
    if text is None:
        return None
    value, _, name = text.partition("-")
    return After(int(value), name)


def _next(page: Sequence[Sharer | Community], count: int) -> str | None:
    return f"{page[-1].value}-{page[-1].id}" if len(page) == count else None


def _as_file(kind: str) -> dict[str, str]:
    return {"content-disposition": f'attachment; filename="dissemination.{kind}"', "cache-control": "no-store"}
