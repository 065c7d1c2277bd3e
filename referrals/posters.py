"""Use cases of posters: one's own, for a share; and for staff how they look."""

import hashlib
from dataclasses import dataclass, replace
from typing import Final

from accounts.tokens import Claims
from inventory.ledger import Ledger
from keel.audit import Audited
from keel.database import edge
from keel.errors import Conflict, NotFound, Unavailable
from keel.identity import Principal
from referrals import store_posters as store
from referrals.code_shelf import CodeShelf
from referrals.drawing_room import DrawingRoom
from referrals.errors import BadPicture, PictureRefused
from referrals.limits import PosterLimits
from referrals.links import LinkTemplates, links_of
from referrals.metrics import PICTURES_LEFT_OUT, POSTERS
from referrals.model import TargetKind, is_code
from referrals.picture_reading import picture_of
from referrals.pictures import Pictures
from referrals.poster_codes import code_image, qr_of
from referrals.poster_drawing import REVISION, draw
from referrals.poster_template import CodeKind, Prices, Subject, Template
from referrals.showing import NO_CODE
from referrals.store_shares import Share

SAMPLE: Final = Subject("池塘边的好物", "刷子", Prices("CNY", 14_900, 14_900), None, "小花")


@dataclass(frozen=True, slots=True)
class Posters(Audited):
    """What the use cases need."""

    ledger: Ledger
    room: DrawingRoom
    pictures: Pictures
    codes: CodeShelf
    links: LinkTemplates
    limits: PosterLimits


@dataclass(frozen=True, slots=True)
class Plan:
    """A poster before it is drawn: all that it is made of, but for what has to be fetched."""

    share: Share
    subject: Subject
    template: Template
    code: CodeKind
    leads_to: str

    @property
    def tag(self) -> str:
        """The same for posters that look the same, as long as pictures do not change under their address."""
        parts = (REVISION, self.subject, self.template, self.code, self.leads_to)
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]

    @property
    def picture_url(self) -> str | None:
        """Of the picture that it shows."""
        return _picture_url(self.template, self.subject)


@dataclass(frozen=True, slots=True)
class Poster:
    """A poster that was drawn, as a JPEG. `whole`: with its picture, where it has one."""

    data: bytes
    whole: bool


async def plan(here: Posters, who: Claims, code: str, kind: CodeKind) -> Plan:
    """The poster of one's own share. Raises NotFound, Conflict, CodeNotMade, TooManyRequests and LedgerFault."""
    here.limits.person(who.sub)
    found = await store.poster(here.ledger, who.mid, code, here.clock.now()) if is_code(code) else None
    if found is None or found[0].node.sharer_id not in who.people:
        raise NotFound(what="share")
    share, subject, template = found
    if not subject.title:
        raise NotFound(what=share.kind)
    return Plan(share, subject, template, kind, _leads_to(here, share, kind))


async def poster(here: Posters, planned: Plan) -> Poster:
    """The poster itself; without its picture where that cannot be had. Raises CodeNotMade, Unavailable, Conflict and
    LedgerFault."""
    picture = await _picture_or_none(here, planned.picture_url)
    code: str | bytes = planned.leads_to
    if planned.code is CodeKind.MINI_PROGRAM:
        code = await here.codes.get(here.codes.app_of(planned.share.merchant_id), planned.share)
    data = await here.room.run(_drawn, planned.template, planned.subject, picture, code)
    whole = picture is not None or planned.picture_url is None
    POSTERS.labels("whole" if whole else "without_picture").inc()
    return Poster(data, whole)


async def template(here: Posters, by: Principal) -> tuple[Template, int]:
    """The merchant's template and its version; the house's own, at 0, where he has none."""
    async with edge(here.sessions) as session:
        return await store.find_template(session, by.merchant_id)


async def put_template(here: Posters, by: Principal, new: Template, *, version: int) -> int:
    """Change how the merchant's posters look; the new version. Raises Conflict, PictureRefused and Unavailable."""
    if new.picture_url is not None:
        here.limits.person(by.subject)
        await _good_picture(here, new.picture_url)
    async with edge(here.sessions) as session:
        written = await store.put_template(session, by.merchant_id, new, version=version, at=here.clock.now())
        here.audit(session, by, "poster_template.put", by.merchant_id, version=written)
    return written


async def preview(here: Posters, by: Principal, look: Template | None, of: tuple[TargetKind, str] | None) -> bytes:
    """A poster as it would be, of something to be shared or of a sample, whose code leads nowhere.

    Raises NotFound, PictureRefused, TooManyRequests, Unavailable and LedgerFault.
    """
    here.limits.person(by.subject)
    shown = look or (await template(here, by))[0]
    subject = SAMPLE if of is None else await _target(here, by, *of)
    url = _picture_url(shown, subject)
    picture = None if url is None else await _good_picture(here, url)
    links = links_of(here.links, NO_CODE, TargetKind.ROOM, NO_CODE)
    return await here.room.run(_drawn, shown, subject, picture, links.short or links.h5 or links.mini_program)


async def _target(here: Posters, by: Principal, kind: TargetKind, target_id: str) -> Subject:
    subject = await store.target(here.ledger, by.merchant_id, kind, target_id, here.clock.now())
    if subject is None:
        raise NotFound(what=kind)
    return replace(subject, sharer_name=SAMPLE.sharer_name)


def _leads_to(here: Posters, share: Share, kind: CodeKind) -> str:
    """What the code of a poster opens. Raises Conflict and CodeNotMade where there is no such thing."""
    if kind is CodeKind.MINI_PROGRAM:
        app = here.codes.app_of(share.merchant_id)
        return f"{app.app_id} {app.version} {app.page_for(share.kind)} {share.code}"
    links = links_of(here.links, share.code, share.kind, share.target_id)
    link = links.short or links.h5
    if link is None:
        raise Conflict(detail="this server has no page of the web that a poster could lead to")
    return link


async def _good_picture(here: Posters, url: str) -> bytes:
    """The picture, for staff, who can choose another one. Raises PictureRefused and Unavailable."""
    try:
        return await here.pictures.get(url)
    except BadPicture as bad:
        raise PictureRefused(reason=bad.reason) from bad


async def _picture_or_none(here: Posters, url: str | None) -> bytes | None:
    """The picture; none where it is refused or does not come in time, for a poster without it is better than none."""
    try:
        return None if url is None else await here.pictures.get(url)
    except BadPicture as bad:
        PICTURES_LEFT_OUT.labels(bad.reason).inc()
    except Unavailable:
        PICTURES_LEFT_OUT.labels("busy").inc()
    return None


def _picture_url(look: Template, subject: Subject) -> str | None:
    return (subject.picture_url or look.picture_url) if look.show_picture else None


def _drawn(look: Template, subject: Subject, picture: bytes | None, code: str | bytes) -> bytes:
    """What a thread does. `code`: the link of one, or a platform's image."""
    image = qr_of(code) if isinstance(code, str) else code_image(code)
    return draw(look, subject, None if picture is None else picture_of(picture), image)
