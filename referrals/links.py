"""Where a share's code leads: a mini-program's page, a page of the web, and a short link to that."""

from dataclasses import dataclass

from referrals.model import TargetKind


@dataclass(frozen=True, slots=True)
class LinkTemplates:
    """Texts in which `{code}`, `{kind}` and `{id}` (of the target) are replaced; None where there is no such link."""

    mini_program: str
    h5: str | None = None
    short: str | None = None


@dataclass(frozen=True, slots=True)
class Links:
    """What a sharer can pass on. `scene` is what a mini-program's code carries."""

    scene: str
    mini_program: str
    h5: str | None
    short: str | None


def links_of(templates: LinkTemplates, code: str, kind: TargetKind, target_id: str) -> Links:
    """The links of one share. None of the three can hold anything but letters, digits, `_` and `-`."""

    def filled(template: str) -> str:
        return template.replace("{code}", code).replace("{kind}", kind.value).replace("{id}", target_id)

    return Links(
        scene=code,
        mini_program=filled(templates.mini_program),
        h5=None if templates.h5 is None else filled(templates.h5),
        short=None if templates.short is None else filled(templates.short),
    )
