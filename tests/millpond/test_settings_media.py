"""The settings of the picture: what does not fit together is refused."""

import pytest
from pydantic import SecretStr, ValidationError

from live.media import Signing
from millpond.settings import Settings


def test_what_is_set_becomes_the_urls_of_a_deployment():
    settings = Settings(
        media_push_url="rtmps://push.example.com/live/{stream}",
        media_play_urls={"flv": "https://play.example.com/live/{stream}.flv"},
        media_play_signing="aliyun",
        media_play_signing_key=SecretStr("k3y"),
    )
    media = settings.media()
    assert (media.push.signing, media.play["flv"].signing) == (Signing.MILLPOND, Signing.ALIYUN)
    assert "auth_key=" in media.play_urls("room", 0)["flv"]
    assert (Settings().media().play, Settings().hook_secret()) == ({}, None)
    assert Settings(media_hook_secret=SecretStr("s" * 32)).hook_secret() == "s" * 32


@pytest.mark.parametrize(
    "wrong",
    [
        {"media_push_url": "rtmp://push.example.com/live"},
        {"media_push_url": "rtmp://{stream}/{stream}"},
        {"media_push_url": "ftp://push/{stream}"},
        {"media_play_urls": {"dash": "https://play/{stream}"}},
        {"media_play_urls": {"hls": "https://play/ {stream}"}},
        {"media_push_signing": "tencent"},
        {"media_play_signing": "aliyun"},
        {"media_play_signing": "millpond"},
        {"media_hook_secret": "too few"},
        {"media_play_ttl_s": 1},
    ],
)
def test_what_does_not_fit_is_refused_and_not_repeated(wrong):
    with pytest.raises(ValidationError) as refusal:
        Settings(**wrong)
    assert "too few" not in str(refusal.value)


def test_a_child_process_reads_the_same(monkeypatch):
    settings = Settings(media_play_urls={"hls": "https://play/{stream}"}, media_hook_secret=SecretStr("s" * 32))
    for name, value in settings.as_environment().items():
        monkeypatch.setenv(name, value)
    again = Settings()
    assert (again.media(), again.hook_secret()) == (settings.media(), settings.hook_secret())
