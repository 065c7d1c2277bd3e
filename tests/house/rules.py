"""Every rule of the house by name, with how many escapes it may have in the whole repository.

A number here only goes up together with the reason that needs it, in the same change.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from tests.house import habits, homes, sizes, whole
from tests.house.tree import Finding, Tree


@dataclass(frozen=True)
class Rule:
    name: str
    check: Callable[[Tree], Iterator[Finding]]
    escapes_max: int = 0

    @property
    def promise(self) -> str:
        return (self.check.__doc__ or "").strip()

    def broken(self, tree: Tree) -> list[Finding]:
        """What breaks this rule and has no escape."""
        escapes = [escape for escape in tree.escapes if escape.rule == self.name and escape.reason]
        return [found for found in self.check(tree) if not any(escape.covers(found) for escape in escapes)]


RULES: Final = {
    rule.name: rule
    for rule in (
        Rule("file-size", sizes.file_size, escapes_max=2),
        Rule("function-size", sizes.function_size, escapes_max=3),
        Rule("median-function", sizes.median_function),
        Rule("sql-home", homes.sql_home, escapes_max=3),
        Rule("redis-home", homes.redis_home, escapes_max=2),
        Rule("http-home", homes.http_home, escapes_max=2),
        Rule("wall-clock", homes.wall_clock, escapes_max=2),
        Rule("engine-clock", homes.engine_clock, escapes_max=1),
        Rule("environment-home", homes.environment_home, escapes_max=3),
        Rule("print-home", homes.print_home),
        Rule("inner-import", habits.inner_import),
        Rule("type-checking", habits.type_checking),
        Rule("vague-name", habits.vague_name),
        Rule("package-docstring", habits.package_docstring),
        Rule("module-docstring", habits.module_docstring),
        Rule("broad-except", habits.broad_except, escapes_max=14),
        Rule("stray-task", habits.stray_task, escapes_max=3),
        Rule("sleeping-test", habits.sleeping_test, escapes_max=4),
        Rule("lua-contract", habits.lua_contract),
        Rule("mirrored-test", whole.mirrored_test, escapes_max=4),
        Rule("documented-refusal", whole.documented_refusal),
        Rule("foreign-word", whole.foreign_word, escapes_max=2),
    )
}


def bad_escapes(tree: Tree) -> Iterator[Finding]:
    """Escapes that name no rule, give no reason, or cover nothing any more."""
    used = RULES.keys() & {escape.rule for escape in tree.escapes}
    found = {name: list(RULES[name].check(tree)) for name in used}
    for escape in tree.escapes:
        if escape.rule not in found:
            yield Finding(escape.path, escape.line, f"there is no rule “{escape.rule}”")
        elif escape.reason is None:
            yield Finding(escape.path, escape.line, "an escape needs its reason: … because …")
        elif not any(escape.covers(finding) for finding in found[escape.rule]):
            yield Finding(escape.path, escape.line, f"nothing here breaks {escape.rule} any more")


def too_many_escapes(tree: Tree) -> dict[str, list[str]]:
    """The rules that are escaped more often than they may be, with the places."""
    places = {name: [f"{e.path}:{e.line}" for e in tree.escapes if e.rule == name] for name in RULES}
    return {name: where for name, where in places.items() if len(where) > RULES[name].escapes_max}
