"""What others set up that our rules must respect: their rules, tunnels, error routes.

routing.md, "The kernel state": jump, conditional rules of others, error routes in ``main``, ``local``
moved. Pure questions about one family of one host; nothing here is changed or removed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from asymgen.model import (
    TABLE_LOCAL,
    TABLE_MAIN,
    Family,
    Host,
    Jump,
    Kept,
    Network,
    Route,
    RouteType,
    Rule,
    RuleAction,
)
from asymgen.numbers import is_ours, main_priority
from asymgen.prefixes import is_inside

HALVES = {
    Family.IPV4: ({"0.0.0.0/1", "128.0.0.0/1"},),
    Family.IPV6: ({"::/1", "8000::/1"}, {"2000::/3"}),
}
"""Sets of prefixes that take everything without being a default route, as VPNs install them."""


def foreign_rules(host: Host, family: Family, kept: Kept) -> tuple[Rule, ...]:
    """The rules of others, in the kernel's order."""
    return tuple(rule for rule in host.rules if rule.family is family and not is_ours(rule, kept))


def local_is_moved(rules: Iterable[Rule], first: int) -> bool:
    """Whether no rule for ``local`` stands before priority ``first`` (the VRF recipe moves it)."""
    return not any(rule.table == TABLE_LOCAL and rule.is_unconditional and rule.priority < first for rule in rules)


def error_networks(host: Host, families: Collection[Family]) -> tuple[Network, ...]:
    """Destinations that ``main`` answers with an error. Not the kernel's own one on ``lo``."""
    found = (
        route.destination
        for route in host.routes
        if route.table == TABLE_MAIN and route.type.is_error and route.family in families
    )
    return tuple(dict.fromkeys(found))


def takes_everything(routes: Iterable[Route], family: Family, uplinks: Collection[str]) -> bool:
    """Whether these routes of one table send everything through interfaces that are no uplinks."""
    short = [route for route in routes if route.family is family and route.type is RouteType.UNICAST]
    defaults = [route for route in short if route.destination.prefixlen == 0]
    if defaults:
        best = min(defaults, key=lambda route: route.metric)
        if best.interfaces and not set(best.interfaces) & set(uplinks):
            return True
    through_others = {str(route.destination) for route in short if not set(route.interfaces) & set(uplinks)}
    return any(halves <= through_others for halves in HALVES[family])


def is_catch_all(rule: Rule) -> bool:
    """A rule that every unmarked packet matches: unconditional, or ``not fwmark X`` as wg-quick writes."""
    inverted = rule.inverted and rule.selectors == ("fwmark",) and bool(rule.mark)
    return rule.action is RuleAction.LOOKUP and (rule.is_unconditional or inverted)


def is_tunnel_rule(host: Host, rule: Rule, uplinks: Collection[str]) -> bool:
    """A catch-all rule into a table (not ``main``) whose default leaves by no uplink."""
    if not is_catch_all(rule) or rule.table in (TABLE_LOCAL, TABLE_MAIN) or rule.suppress_prefixlength is not None:
        return False
    routes = [route for route in host.routes if route.table == rule.table]
    return takes_everything(routes, rule.family, uplinks)


LOWEST_JUMP = 2
"""wg-quick adds its two rules before the second rule, which a jump often is: from priority 1 on they would
stand at 0 both, in the wrong order, and unbound packets to the host's own subnets enter the tunnel (tried)."""


def find_tunnel(host: Host, rules: Iterable[Rule], uplinks: Collection[str]) -> Rule | None:
    """The first tunnel rule, before ours or behind them."""
    return next((rule for rule in rules if is_tunnel_rule(host, rule, uplinks)), None)


def jump_over(rule: Rule) -> Jump | None:
    """The jump over a tunnel rule; None where no room is left before it."""
    return Jump(rule.family, rule.priority - 1, rule) if rule.priority > LOWEST_JUMP else None


def bypassed_rules(rules: Iterable[Rule], *, start: int) -> tuple[Rule, ...]:
    """The rules of others that an answer would not meet: those between ``start`` (ours, the jump, or where a
    jump may be placed later) and the rule for ``main``, with the ones that it cannot match left out."""
    rules = tuple(rules)
    end = main_priority(rules)
    return tuple(
        rule
        for rule in rules
        if start <= rule.priority < end and rule.iif in (None, "lo") and not rule.l3mdev and rule.table != TABLE_LOCAL
    )


def repeated(rule: Rule, source: Network, family: Family) -> Rule | str | None:
    """``rule`` as one of ours for ``source``: the rule, None where it cannot matter, or the words that
    say why it cannot be expressed.

    An unconditional rule is repeated with the default suppressed: its table's own networks go on
    deciding, its default does not take replies away from the uplink.
    """
    for_main = rule.action is RuleAction.LOOKUP and rule.table == TABLE_MAIN and rule.selectors in ((), ("from",))
    if for_main or rule.action is RuleAction.NOP:
        return None
    if rule.inverted:
        return None if is_catch_all(rule) else "a rule with `not` cannot be narrowed to one source"
    if rule.unmodelled:
        return f"its selector {', '.join(rule.unmodelled)} is unknown to asymgen"
    narrowed = _narrowed(rule.source, source)
    if narrowed is None:
        return None
    suppress = rule.suppress_prefixlength
    if rule.is_unconditional and rule.action is RuleAction.LOOKUP:
        suppress = max(suppress or 0, family.suppressed_length)
    return Rule(
        family, 0, action=rule.action, table=rule.table, target=rule.target, source=narrowed,
        destination=rule.destination, iif="lo", oif=rule.oif, mark=rule.mark, mask=rule.mask, tos=rule.tos,
        ipproto=rule.ipproto, sport=rule.sport, dport=rule.dport, uids=rule.uids, suppress_prefixlength=suppress,
        suppress_group=rule.suppress_group,
    )  # fmt: skip


def _narrowed(theirs: Network | None, ours: Network) -> Network | None:
    """What both select: the narrower of the two, None where they do not meet."""
    if theirs is None or theirs.prefixlen == 0:
        return ours
    if theirs == ours or is_inside(ours, theirs):
        return ours
    return theirs if is_inside(theirs, ours) else None
