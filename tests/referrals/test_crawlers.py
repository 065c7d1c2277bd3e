"""Programs and browsers that fetch ahead are nobody; people on phones are somebody."""

import pytest

from referrals.crawlers import is_nobody

PEOPLE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148 MicroMessenger/8.0.44",
    "Mozilla/5.0 (Linux; Android 8.1; CUBOT X18 Plus) AppleWebKit/537.36 Chrome/120.0 Mobile Safari/537.36",
    "Mozilla/5.0 (Linux; Android 13) XWEB/1160065 MMWEBSDK/20231202 MiniProgramEnv/android",
    "okhttp/4.9.0",
    "",
)
PROGRAMS = (
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 (compatible; Baiduspider/2.0; +http://www.baidu.com/search/spider.html)",
    "Sogou web spider/4.0",
    "Mozilla/5.0 (compatible; Bytespider; spider-feedback@bytedance.com)",
    "facebookexternalhit/1.1",
    "TelegramBot (like TwitterBot)",
    "Mozilla/5.0 HeadlessChrome/120.0",
    "curl/8.5.0",
    "python-requests/2.31",
    "BingPreview/1.0b",
)


@pytest.mark.parametrize("agent", PEOPLE)
def test_people_count(agent: str):
    assert not is_nobody({"user-agent": agent, "purpose": "", "accept": "*/*"})


@pytest.mark.parametrize("agent", PROGRAMS)
def test_programs_do_not(agent: str):
    assert is_nobody({"user-agent": agent})


@pytest.mark.parametrize(
    "header",
    [("sec-purpose", "prefetch"), ("sec-purpose", "prefetch;prerender"), ("purpose", "prefetch"), ("x-moz", "prefetch"),
     ("x-purpose", "preview"), ("purpose", "Prefetch")],
)  # fmt: skip
def test_what_is_fetched_ahead_does_not(header: tuple[str, str]):
    assert is_nobody(dict([header, ("user-agent", PEOPLE[0])]))
