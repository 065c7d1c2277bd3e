"""URLs by protocol, signed as the content networks publish it."""

import hashlib
from typing import Final

from live.media import Media, Signing, Template, aliyun, tencent
from live.push_keys import PushKeys

STREAM: Final = "room-7"
NOW_S: Final = 1_800_000_000


def md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()


def test_tencent_signs_key_stream_and_the_time_in_hexadecimal():
    secret = md5("k3y" + "room-7" + "6B49D200")
    assert tencent("k3y", STREAM, 0x6B49D200) == f"txSecret={secret}&txTime=6B49D200"
    assert secret == "1d2dc40475343129299eb445df51872f"


def test_aliyun_signs_the_path_with_time_random_and_user():
    path, expires_s = "/live/room-7.flv", 1_800_003_600
    expected = f"auth_key=1800003600-0-0-{md5('/live/room-7.flv-1800003600-0-0-k3y')}"
    assert aliyun("k3y", path, expires_s) == expected
    signed = Template("https://play.example.com/live/{stream}.flv", Signing.ALIYUN, "k3y").signed(STREAM, expires_s)
    assert signed == f"https://play.example.com/live/room-7.flv?{expected}"


def test_each_protocol_has_its_url_and_those_who_ask_within_a_step_get_the_same():
    play = {
        name: Template(f"{scheme}://play.example.com/live/{{stream}}{end}", Signing.TENCENT, "k3y")
        for name, scheme, end in (("rtmp", "rtmp", ""), ("flv", "https", ".flv"), ("hls", "https", ".m3u8"))
    }
    media = Media(Template("rtmp://push/{stream}"), play, play_ttl_s=7_200)
    urls = media.play_urls(STREAM, NOW_S)
    assert [url.partition("?")[0] for url in urls.values()] == [
        "rtmp://play.example.com/live/room-7",
        "https://play.example.com/live/room-7.flv",
        "https://play.example.com/live/room-7.m3u8",
    ]
    left = [int(media.play_urls(STREAM, now_s)["hls"][-8:], 16) - now_s for now_s in range(NOW_S, NOW_S + 7_200, 50)]
    assert min(left) > 3_600 - 50
    assert max(left) <= 7_200
    assert media.play_urls(STREAM, NOW_S - NOW_S % 3_600 + 1) == media.play_urls(STREAM, NOW_S - NOW_S % 3_600 + 3_599)


def test_an_unsigned_url_is_the_template_with_the_stream_in_it():
    assert Template("https://play/{stream}.m3u8?a=b").signed(STREAM, NOW_S) == "https://play/room-7.m3u8?a=b"


def test_a_push_to_a_content_network_is_signed_with_its_key_and_none_of_ours():
    keys = PushKeys(["a secret"])
    media = Media(Template("rtmp://push.example.com/live/{stream}", Signing.TENCENT, "k3y"), {})
    target = media.push_target(keys, place=STREAM, key_no=1, expires_s=NOW_S)
    assert target.stream_key == f"{STREAM}?{tencent('k3y', STREAM, NOW_S)}"
    assert (target.server, target.url) == (
        "rtmp://push.example.com/live",
        f"rtmp://push.example.com/live/{target.stream_key}",
    )


def test_a_key_is_not_in_what_a_log_would_show():
    assert "k3y" not in repr(Template("rtmp://push/{stream}", Signing.TENCENT, "k3y"))
