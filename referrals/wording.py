"""Why somebody is credited and others are not, in words for people; the data stand beside them."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

_NOBODY: Final = "somebody whose name is not shown"
_STATES: Final[Mapping[str, str]] = {
    "pending": "It is not decided yet: visits from before this order may still be on their way to us.",
    "rehearsal": "This order was a rehearsal. Rehearsals bring nobody anything.",
}
_REASONS: Final[Mapping[str, str]] = {
    "last_touch": "The buyer came last through a link of {names}.",
    "first_touch": "Of the visits that still counted, the first was through a link of {names}.",
    "linear": "The buyer came through links of {names}; each visit that still counted has an equal part.",
    "permanent_bind": "{names} brought the buyer, and keeps him for good.",
    "self_purchase": "The link is the buyer's own. The credit is held until somebody has looked at it.",
    "own_link": "The only links that the buyer came through were his own, which do not count.",
    "too_old": "The buyer's visits through links were too long ago to count.",
    "campaign_over": "The buyer came through links of a campaign that was over.",
    "no_touch": "The buyer came through nobody's link.",
    "code_unknown": "The order brought a code that nobody was given, and the buyer came through no other link.",
    "code_foreign": "The order brought a code of another shop, and the buyer came through no link of this one.",
    "code_expired": "The order brought a code of a campaign that was over, and the buyer came through no other link.",
}
_WHY_NOT: Final[Mapping[str, str]] = {
    "campaign_over": "The campaign was over.",
    "other_campaign": "This link is judged by the rule of another campaign, or by the shop's.",
    "own_link": "A buyer's own link does not count.",
    "too_old": "The visit was too long ago.",
    "bound": "Somebody else brought the buyer, and keeps him for good.",
    "protected": "Somebody else had brought the buyer before, and was protected at the time.",
    "not_last": "Somebody else brought the buyer later.",
    "not_first": "Somebody else brought the buyer earlier.",
}
_CODES: Final[Mapping[str, str]] = {
    "none": "The order brought no code.",
    "good": "The order's own code counts as a visit at its time.",
    "unknown": "The order's code was given to nobody.",
    "foreign": "The order's code is another shop's.",
    "expired": "The order's code is of a campaign that was over.",
}
_ENDED: Final = " The order ended unpaid; what was decided stays, and is marked."


def in_words(state: str, reason: str, names: Sequence[str | None], *, ended: bool) -> str:
    """What was decided, in a sentence or two."""
    text = _STATES.get(state) or _STATES.get(reason) or _REASONS[reason]
    told = text.format(names=" and ".join(sorted({name or _NOBODY for name in names})))
    return told + _ENDED if ended else told


def why_not(why: str) -> str:
    """Why somebody is not credited."""
    return _WHY_NOT[why]


def code_in_words(state: str) -> str:
    """What became of the order's code."""
    return _CODES[state]


def clocks_in_words(rule: Mapping[str, Any]) -> str:
    """How long what counts."""
    if rule["valid_for_s"] is None:
        return "A buyer belongs to whoever brought him first, for good."
    valid, kept = _span(rule["valid_for_s"]), rule["protected_for_s"]
    protected = f"who brought a buyer keeps him for {_span(kept)}" if kept else "nobody is protected"
    return f"A visit counts for {valid}; {protected}."


def _span(seconds: int) -> str:
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds % length == 0:
            count = seconds // length
            return f"{count} {unit}" if count == 1 else f"{count} {unit}s"
    return f"{seconds} seconds"
