"""Posters over HTTP: whoever shares gets his own, with or without its picture; staff say how they look, and see it."""

import asyncio
import io
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from PIL import Image

from inventory.catalogue import NewVariant
from inventory.products import create_product
from referrals.limits import POSTERS_BURST
from referrals.poster_drawing import HEIGHT_PX, PICTURE_BOX, WIDTH_PX
from referrals.poster_template import Template
from referrals.posters import SAMPLE
from tests.inventory.selling import make_merchant
from tests.orders.serving import STAFF, Served, problem_of, serve
from tests.referrals.posters import APP_ID, APP_SECRET, Host, Wechat, gallery, picture, platform

BY = {"authorization": f"Bearer {STAFF}"}
HOME = "/v1/staff/poster-template"
CALL = "/wxa/getwxacodeunlimit"
PERSON = "INSERT INTO customer (id, merchant_id, created_at) VALUES ($1, $2, $3)"
PROFILE = "INSERT INTO customer_profile (merchant_id, customer_id, display_name, phone) VALUES ($1, $2, $3, '1')"


@dataclass(frozen=True)
class Wall:
    """Where posters are made: the API, a host of pictures inside, and WeChat."""

    served: Served
    host: Host
    wechat: Wechat

    @property
    def merchant_id(self) -> str:
        return self.served.shop.staff.merchant_id

    async def person(self, name: str = "", merchant_id: str = "") -> dict[str, str]:
        """The header of a customer, with a display name where one is given."""
        pool, merchant_id, customer_id = (
            self.served.parts.pool,
            merchant_id or self.merchant_id,
            self.served.shop.ids.new(),
        )
        await pool.execute(PERSON, customer_id, merchant_id, self.served.shop.clock.now())
        if name:
            await pool.execute(PROFILE, merchant_id, customer_id, name)
        return self.served.authorization(customer_id, merchant_id)

    async def product(self, path: str = "/brush.jpg") -> str:
        """A product whose picture is at the host of pictures."""
        shop = self.served.shop
        variant = NewVariant(shop.next_code(), 14_900, "CNY", picture_url=self.host.url(path))
        return await create_product(shop.selling, shop.staff, "竹刷 Brush", [variant])

    async def shared(self, who: dict[str, str], product_id: str) -> str:
        wish = {"kind": "product", "id": product_id}
        answer = await self.served.client.post("/v1/shares", json=wish, headers=who)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["code"])

    async def poster(self, who: dict[str, str], code: str, kind: str = "", **headers: str) -> httpx.Response:
        query = {"kind": kind} if kind else {}
        return await self.served.client.get(f"/v1/shares/{code}/poster", params=query, headers=who | headers)

    async def put(self, **wish: Any) -> httpx.Response:
        return await self.served.client.put(HOME, json={"version": 0} | wish, headers=BY)

    async def preview(self, **wish: Any) -> httpx.Response:
        return await self.served.client.post(f"{HOME}/preview", json=wish, headers=BY)


@pytest.fixture
async def wall(database_url: str, redis_url: str) -> AsyncIterator[Wall]:
    async with gallery() as host, platform() as wechat:
        host.shows["/brush.jpg"] = picture()
        settings: dict[str, Any] = {
            "share_h5_url": "https://shop.example/{kind}/{id}?s={code}",
            "picture_hosts_inside": [host.origin],
            "wechat_api_url": f"http://{wechat.origin}",
        }
        async with serve(database_url, redis_url, **settings) as served:
            yield Wall(served, host, wechat)


@pytest.fixture
async def with_app(wall: Wall, database_url: str, redis_url: str) -> AsyncIterator[Wall]:
    """The same shop, served by a process that knows the merchant's mini-program."""
    app = {"merchant_id": wall.merchant_id, "app_id": APP_ID, "secret": APP_SECRET}
    url = f"http://{wall.wechat.origin}"
    async with serve(database_url, redis_url, wechat_apps=[app], wechat_api_url=url) as served:
        shop = wall.served.shop
        yield Wall(
            Served(shop, served.parts, served.port, served.client, served.tokens, served.upkeep), wall.host, wall.wechat
        )


def image_of(answer: httpx.Response) -> Image.Image:
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg"), answer.text
    image = Image.open(io.BytesIO(answer.content))
    image.load()
    assert image.size == (WIDTH_PX, HEIGHT_PX)
    return image


def is_blue(image: Image.Image) -> bool:
    """Whether the picture of these tests is on it."""
    colour: Any = image.getpixel((PICTURE_BOX[0] + 9, PICTURE_BOX[1] + 9))
    return all(abs(here - there) < 8 for here, there in zip(colour, (0x3A, 0x6E, 0xA5), strict=True))


async def test_who_shares_gets_a_poster_and_is_not_sent_it_twice(wall: Wall):
    who = await wall.person("小花")
    code = await wall.shared(who, await wall.product())
    first = await wall.poster(who, code)
    assert is_blue(image_of(first))
    assert first.headers["cache-control"] == "private, no-cache"
    again = await wall.poster(who, code, **{"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    await wall.put(accent="#00aa00")
    other = await wall.poster(who, code, **{"if-none-match": first.headers["etag"]})
    assert image_of(other).tobytes() != image_of(first).tobytes()


async def test_only_the_sharer_himself_gets_his_poster(wall: Wall):
    who, other = await wall.person("小花"), await wall.person()
    elsewhere = (await make_merchant(wall.served.shop.selling, "Another pond")).merchant_id
    code = await wall.shared(who, await wall.product())
    for somebody in (other, await wall.person(merchant_id=elsewhere)):
        problem_of(await wall.poster(somebody, code), 404, "not-found")
    problem_of(await wall.poster(who, "ZZZZZZZZZ"), 404, "not-found")
    problem_of(await wall.poster(who, "no code"), 404, "not-found")
    problem_of(await wall.poster({}, code), 401, "not-signed-in")
    problem_of(await wall.poster(who, code, kind="fax"), 400, "malformed")


async def test_a_bad_picture_leaves_a_poster_that_says_so(wall: Wall):
    wall.host.shows["/bad"] = picture(size=(900, 900))[:-300]
    who = await wall.person()
    product_id = await wall.product("/bad")
    poster = await wall.poster(who, await wall.shared(who, product_id))
    assert not is_blue(image_of(poster))
    assert poster.headers["x-poster-left-out"] == "picture"
    assert poster.headers["cache-control"] == "no-store"
    assert "etag" not in poster.headers
    refused = problem_of(await wall.preview(kind="product", id=product_id), 422, "picture-refused")
    assert refused["reason"] == "damaged"


async def test_whatever_he_calls_himself_there_is_a_poster(wall: Wall):
    product_id = await wall.product()
    for name in ("\u202eHua", "Z" + "\u0334" * 9_000, "😀" * 99, "a\nb", "x" * 10_240):
        who = await wall.person(name)
        image_of(await wall.poster(who, await wall.shared(who, product_id)))


async def test_what_was_put_away_is_not_advertised(wall: Wall):
    who, product_id = await wall.person(), await wall.product()
    code = await wall.shared(who, product_id)
    await wall.served.client.post(f"/v1/staff/products/{product_id}/archive", headers=BY)
    problem_of(await wall.poster(who, code), 404, "not-found")


async def test_a_mini_program_s_code_is_asked_for_once_by_two_at_once(with_app: Wall):
    who = await with_app.person()
    code = await with_app.shared(who, await with_app.product())
    posters = await asyncio.gather(*(with_app.poster(who, code, "mini_program") for _ in range(4)))
    assert len({image_of(poster).tobytes() for poster in posters}) == 1
    assert with_app.wechat.asked[CALL] == 1
    wish = with_app.wechat.wishes[0]
    assert (wish["scene"], wish["page"]) == (code, "pages/product/index")
    problem_of(await with_app.poster(who, code), 409, "conflict")


async def test_what_the_platform_says_no_to_is_told_without_its_words(with_app: Wall):
    who = await with_app.person()
    code = await with_app.shared(who, await with_app.product())
    with_app.wechat.errors = [41030]
    refused = await with_app.poster(who, code, "mini_program")
    assert problem_of(refused, 409, "code-not-made")["reason"] == "page"
    assert "rid" not in refused.text
    assert APP_SECRET not in refused.text
    with_app.wechat.errors = [45009]
    later = await with_app.poster(who, code, "mini_program")
    problem_of(later, 503, "unavailable")
    assert later.headers["retry-after"] == "60"


async def test_without_a_mini_program_there_is_no_code_of_one(wall: Wall):
    who = await wall.person()
    answer = await wall.poster(who, await wall.shared(who, await wall.product()), "mini_program")
    assert problem_of(answer, 409, "code-not-made")["reason"] == "no_app"


async def test_a_template_is_read_changed_over_its_version_and_noted(wall: Wall):
    house = (await wall.served.client.get(HOME, headers=BY)).json()
    assert (house["version"], house["headline"]) == (0, Template().headline)
    written = await wall.put(headline="今晚八点", picture_url=wall.host.url("/brush.jpg"))
    assert (written.status_code, written.json()["version"]) == (200, 1)
    problem_of(await wall.put(headline="Late"), 409, "conflict")
    assert (await wall.served.client.get(HOME, headers=BY)).json() == written.json()
    (noted,) = await wall.served.shop.rows("SELECT command, detail FROM staff_audit WHERE command LIKE 'poster%'")
    assert noted == {"command": "poster_template.put", "detail": {"version": 1}}


async def test_a_template_that_makes_no_sense_is_refused_and_nothing_is_stored(wall: Wall):
    wishes: list[dict[str, Any]] = [
        {"accent": "red"},
        {"accent": "#ff0000\n"},
        {"headline": "x" * 41},
        {"footer": "a\nb"},
        {"picture_url": "javascript:1"},
        {"colour": "#ff0000"},
        {"version": -1},
    ]
    for wish in wishes:
        problem_of(await wall.put(**wish), 400, "malformed")
    for url in ("https://127.0.0.1/a.jpg", "http://shop.example/a.jpg", "https://169.254.169.254/"):
        assert problem_of(await wall.put(picture_url=url), 422, "picture-refused")["reason"] == "address"
    assert (await wall.served.client.get(HOME, headers=BY)).json()["version"] == 0


async def test_staff_see_a_poster_before_anybody_else_does(wall: Wall):
    sample = await wall.preview()
    red = await wall.preview(template={"background": "#ff0000", "picture_url": wall.host.url("/brush.jpg")})
    assert not is_blue(image_of(sample))
    assert is_blue(image_of(red))
    assert image_of(red).getpixel((3, 3)) == (254, 0, 0)
    assert is_blue(image_of(await wall.preview(kind="product", id=await wall.product())))
    problem_of(await wall.preview(kind="room", id=wall.merchant_id), 404, "not-found")
    problem_of(await wall.preview(kind="room"), 400, "malformed")
    assert SAMPLE.title
    assert (await wall.served.client.get(HOME, headers=BY)).json()["version"] == 0, "nothing is stored"


async def test_posters_are_rationed_by_person(wall: Wall):
    who, other = await wall.person(), await wall.person()
    code = await wall.shared(who, await wall.product())
    answers = [await wall.poster(who, code, **{"if-none-match": "*"}) for _ in range(2)]
    assert {answer.status_code for answer in answers} == {200}
    limited = await asyncio.gather(*(wall.poster(who, "ZZZZZZZZZ") for _ in range(POSTERS_BURST)))
    told = [answer for answer in limited if answer.status_code == 429]
    assert told
    assert all(answer.headers["retry-after"] for answer in told)
    problem_of(await wall.poster(other, code), 404, "not-found")
