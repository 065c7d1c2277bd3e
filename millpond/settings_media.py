"""The settings of the picture: where it is pushed to and watched, and who checks that."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, StringConstraints, model_validator

from live.media import STREAM, Media, Signing, Template


def _one_place(url: str) -> str:
    if url.count(STREAM) != 1:
        raise ValueError(f"must have {STREAM} in it, once")
    return url


StreamUrl = Annotated[
    str, StringConstraints(pattern=r"^(rtmps?|https?)://[\x21-\x7e]+$", max_length=1_000), AfterValidator(_one_place)
]
HookSecret = Annotated[SecretStr, Field(min_length=32, max_length=200)]


class MediaSettings(BaseModel):
    """A part of millpond.settings.Settings."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    media_push_url: StreamUrl = "rtmp://127.0.0.1/live/{stream}"
    """Where encoders push to; `{stream}` is replaced by the name of the stream."""

    media_push_signing: Literal["millpond", "tencent", "aliyun"] = "millpond"
    """Who checks pushes: our hooks, called by your own media server, or a content network."""

    media_push_signing_key: SecretStr | None = None
    """The content network's key for pushing."""

    media_play_urls: dict[Literal["rtmp", "flv", "hls"], StreamUrl] = Field(default_factory=dict)
    """Where viewers watch, by protocol, as `{"hls": "https://play.example.com/live/{stream}.m3u8"}`."""

    media_play_signing: Literal["none", "tencent", "aliyun"] = "none"
    """How play URLs are signed: not, with Tencent's txSecret, or with Aliyun's auth_key of type A."""

    media_play_signing_key: SecretStr | None = None
    """The content network's key for playing."""

    media_play_ttl_s: int = Field(default=7_200, ge=120, le=604_800)
    """Seconds for which a signed play URL is good; at least half of them are left when it is given out."""

    media_hook_secret: HookSecret | None = None
    """What a media server says to be heard, at least 32 bytes; without it every hook is refused."""

    @model_validator(mode="after")
    def _keys_for_signing(self) -> Self:
        if self.media_push_signing != "millpond" and self.media_push_signing_key is None:
            raise ValueError(f"MILLPOND_MEDIA_PUSH_SIGNING {self.media_push_signing} needs its …_KEY")
        if self.media_play_signing != "none" and self.media_play_signing_key is None:
            raise ValueError(f"MILLPOND_MEDIA_PLAY_SIGNING {self.media_play_signing} needs its …_KEY")
        return self

    def media(self) -> Media:
        """What URLs are made with."""
        signing, key = Signing(self.media_play_signing), _text(self.media_play_signing_key)
        return Media(
            push=Template(self.media_push_url, Signing(self.media_push_signing), _text(self.media_push_signing_key)),
            play={name: Template(url, signing, key) for name, url in self.media_play_urls.items()},
            play_ttl_s=self.media_play_ttl_s,
        )

    def hook_secret(self) -> str | None:
        """What a media server says to be heard."""
        return _text(self.media_hook_secret) or None


def _text(secret: SecretStr | None) -> str:
    return "" if secret is None else secret.get_secret_value()
