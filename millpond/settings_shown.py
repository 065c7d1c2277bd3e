"""Every setting as people read it: name, kind, default, meaning and present value. Made of `Settings` itself."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from millpond.settings import PREFIX, Settings

HIDDEN: Final = "set, and not shown"
NOTHING: Final = "–"
_HEAD: Final = """# Settings

Read from the environment by every process; `millpond settings` prints them with their present values. A list or a
mapping is written as JSON. A value that is empty counts as not set; a wrong one is refused at the start, by name.

This page is what `millpond settings --markdown` prints.

| setting | kind | default | meaning |
|---|---|---|---|
"""
_KINDS: Final[Mapping[str, str]] = {"boolean": "true or false", "object": "JSON mapping", "array": "JSON list"}


@dataclass(frozen=True, slots=True)
class Shown:
    """One setting, as text. A secret's value is never in it."""

    name: str
    kind: str
    default: str
    meaning: str
    value: str

    @property
    def is_default(self) -> bool:
        """Whether nothing else was asked for."""
        return self.value == self.default


def shown(settings: Settings) -> Iterator[Shown]:
    """Every setting: those of `Settings` itself in their order, behind them those of its parts."""
    schema = Settings.model_json_schema(by_alias=False)
    own = Settings.__annotations__
    for name, field in sorted(Settings.model_fields.items(), key=lambda named: named[0] not in own):
        definition = _resolved(schema["properties"][name], schema.get("$defs", {}))
        default, value = field.get_default(call_default_factory=True), getattr(settings, name)
        is_secret = not field.repr or '"writeOnly"' in json.dumps(definition)
        yield Shown(
            name=str(field.validation_alias or PREFIX + name.upper()),
            kind=_kind(definition),
            default=_text(default),
            meaning=" ".join((field.description or "").split()),
            value=HIDDEN if is_secret and value else _text(value),
        )


def as_text(settings: Settings) -> str:
    """For a terminal: each setting with its value, and below it what it means."""
    blocks = []
    for one in shown(settings):
        origin = "default" if one.is_default else f"default {one.default}"
        blocks.append(f"{one.name} = {one.value}  ({origin})\n    {one.kind}. {one.meaning}\n")
    return "\n".join(blocks)


def as_markdown() -> str:
    """The page `docs/settings.md`: the same without values."""
    rows = [
        f"| `{one.name}` | {_cell(one.kind)} | {_cell(_code(one.default))} | {_cell(one.meaning)} |\n"
        for one in shown(Settings.model_construct())
    ]
    return _HEAD + "".join(rows)


def _resolved(definition: Any, known: dict[str, Any]) -> Any:
    """A part of a JSON schema with everything it refers to in it."""
    match definition:
        case {"$ref": str(reference)}:
            return _resolved(known[reference.rpartition("/")[2]], known)
        case dict():
            return {name: _resolved(part, known) for name, part in definition.items()}
        case list():
            return [_resolved(part, known) for part in definition]
        case _:
            return definition


def _kind(definition: dict[str, Any]) -> str:
    match definition:
        case {"anyOf": [*choices]}:
            return next(_kind(choice) for choice in choices if choice.get("type") != "null")
        case {"enum": [*words]}:
            return " | ".join(map(str, words))
        case {"type": "integer" | "number" as kind}:
            return f"{kind}{_range(definition)}"
        case {"format": "path"}:
            return "path"
        case _:
            return _KINDS.get(str(definition.get("type")), "text")


def _range(definition: dict[str, Any]) -> str:
    words = {"minimum": "from", "exclusiveMinimum": "above", "maximum": "to", "exclusiveMaximum": "below"}
    limits = [f"{word} {definition[name]:,}" for name, word in words.items() if name in definition]
    return f", {' '.join(limits)}" if limits else ""


def _text(value: Any) -> str:
    match value:
        case None | "" | [] | {}:
            return NOTHING
        case bool():
            return str(value).lower()
        case list() | dict():
            return json.dumps(value)
        case _:
            return str(value)


def _code(text: str) -> str:
    return text if text == NOTHING else f"`{text}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
