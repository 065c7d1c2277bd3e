"""Posters put together for the API: pictures from outside, codes from platforms, and threads to draw in."""

from fastapi import FastAPI

from millpond.settings import Settings
from millpond.wiring import Parts
from referrals import routes_posters
from referrals.code_shelf import CodeShelf, Shelf
from referrals.limits import PosterLimits
from referrals.pictures import Pictures
from referrals.posters import Posters
from referrals.wechat_codes import WechatCodes


def add_posters(app: FastAPI, parts: Parts, settings: Settings) -> None:
    """The routes, and what they need."""
    wechat = WechatCodes(settings.wechat_secrets(), home=settings.wechat_api_url)
    shelf = Shelf(parts.reader, parts.ids, parts.clock, parts.drawing, wechat, settings.mini_apps())
    app.state.posters = Posters(
        ledger=parts.reader,
        sessions=parts.sessions,
        ids=parts.ids,
        clock=parts.clock,
        room=parts.drawing,
        pictures=Pictures(parts.drawing, settings.picture_hosts_inside),
        codes=CodeShelf(shelf),
        links=settings.link_templates(),
        limits=PosterLimits(),
    )
    for router in (routes_posters.router, routes_posters.staff):
        app.include_router(router)
