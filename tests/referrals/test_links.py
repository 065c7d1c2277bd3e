"""Where codes lead: filled templates, and nothing where there is none."""

from referrals.links import LinkTemplates, links_of
from referrals.model import TargetKind


def test_links_name_the_code_and_what_is_shared():
    templates = LinkTemplates(
        "pages/{kind}/index?id={id}&scene={code}",
        "https://shop.example/{kind}/{id}?s={code}",
        "https://s.example/{code}",
    )
    links = links_of(templates, "abcdefghj", TargetKind.ROOM, "r-1")
    assert links.scene == "abcdefghj"
    assert links.mini_program == "pages/room/index?id=r-1&scene=abcdefghj"
    assert links.h5 == "https://shop.example/room/r-1?s=abcdefghj"
    assert links.short == "https://s.example/abcdefghj"


def test_what_is_not_set_is_not_there():
    links = links_of(LinkTemplates("p?{code}"), "abcdefghj", TargetKind.PRODUCT, "p-1")
    assert (links.mini_program, links.h5, links.short) == ("p?abcdefghj", None, None)
