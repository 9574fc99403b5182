"""Rules and routes in the few words that fit into a box of a diagram. Pure.

The exact words are those of ``asymgen commands``; here a rule says whom it asks and what it passes over:
``32012  → main, longer than /7, not group 9701``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from asymgen.iproute2 import network_word, route_words, rule_words
from asymgen.lookup import Outcome
from asymgen.model import TABLE_DEFAULT, TABLE_LOCAL, TABLE_MAIN, Route, Rule, RuleAction
from asymgen.report import printable

TABLES = {TABLE_LOCAL: "local", TABLE_MAIN: "main", TABLE_DEFAULT: "default"}


def cut(lines: Iterable[str], limit: int) -> tuple[str, ...]:
    """The first ``limit`` of ``lines``; where there are more, how many."""
    every = tuple(lines)
    return every if len(every) <= limit else (*every[:limit], f"… {len(every) - limit} more")


def rules_in_short(rules: Iterable[Rule]) -> Iterator[str]:
    """The rules of one uplink, each once for all of its sources, in the order in which they are asked."""
    ordered = sorted(rules, key=lambda rule: rule.priority)
    return iter(dict.fromkeys(f"{rule.priority}  {_rule_in_short(rule)}" for rule in ordered))


def _rule_in_short(rule: Rule) -> str:
    said = f"→ {_action(rule)}"
    if rule.suppress_prefixlength is not None:
        said += f", longer than /{rule.suppress_prefixlength}"
    if rule.suppress_group is not None:
        said += f", not group {rule.suppress_group}"
    selectors = " ".join(_selectors(rule))
    return printable(f"{selectors} {said}".lstrip())


def _selectors(rule: Rule) -> tuple[str, ...]:
    """What the rule asks beside the source, as ip(8) says it."""
    bare = replace(rule, source=None, iif=None, suppress_prefixlength=None, suppress_group=None)
    _, _, *words = rule_words(bare, protocol=False)
    negated = ("not",) if rule.inverted else ()
    action = 2 if rule.action in (RuleAction.LOOKUP, RuleAction.GOTO) else 1
    return (*negated, *words[len(negated) + len(("from", "all")) : -action])


def _action(rule: Rule) -> str:
    if rule.action is RuleAction.LOOKUP:
        return table_word(rule.table)
    return f"goto {rule.target}" if rule.action is RuleAction.GOTO else rule.action.value


def table_word(table: int | None) -> str:
    """``main``, ``table 2``."""
    return TABLES.get(table or 0, f"table {table}")


def route_in_short(route: Route) -> str:
    """A route as ip(8) says it, without what all routes of a table share."""
    words = list(route_words(route))
    return printable(" ".join(words[: words.index("table")]))


def deciding_words(outcome: Outcome) -> str:
    """Who decided: the rule's priority, its table, and the route's destination."""
    rule, route = outcome.rule, outcome.route
    if rule is None:
        return "no rule"
    if route is None:
        return f"rule {rule.priority}: {rule.action.value}"
    destination = "default" if route.destination.prefixlen == 0 else network_word(route.destination)
    return f"rule {rule.priority}, {table_word(rule.table)}: {destination}"
