"""What of asymgen is in a kernel, whichever run or backend put it there. Pure.

Rules and routes are ours by their protocol number, interfaces by our device groups, kernel settings by
the plan file, which holds their former values.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from asymgen.iproute2 import rule_words
from asymgen.model import PROTOCOL, GroupMember, Host, Kept, Plan, Route, Rule, Sysctl
from asymgen.numbers import is_ours


@dataclass(frozen=True)
class Leftovers:
    """What has to go, in the terms of ``KernelState``."""

    rules: tuple[Rule, ...]
    routes: tuple[Route, ...]
    groups: tuple[GroupMember, ...]
    sysctls: tuple[Sysctl, ...]

    @property
    def is_empty(self) -> bool:
        return not (self.rules or self.routes or self.groups or self.sysctls)


def find_stale(host: Host, kept: Kept, *, rules: Iterable[Rule], routes: Iterable[Route]) -> Leftovers:
    """What of ours ``host`` holds beside ``rules`` and ``routes``, the plan's own: of an earlier plan."""
    wanted = {(rule.family, rule_words(rule)) for rule in rules}
    kept_routes = {(route.family, route.table, route.type, route.destination) for route in routes}
    return Leftovers(
        rules=tuple(
            rule for rule in host.rules if is_ours(rule, kept) and (rule.family, rule_words(rule)) not in wanted
        ),
        routes=tuple(
            route
            for route in host.routes
            if route.protocol == PROTOCOL
            and (route.family, route.table, route.type, route.destination) not in kept_routes
        ),
        groups=(),
        sysctls=(),
    )


def find_leftovers(host: Host, plan: Plan, kept: Kept) -> Leftovers:
    """Everything of ours that ``host`` holds. ``plan`` names the settings whose values are ours."""
    rules = tuple(rule for rule in host.rules if is_ours(rule, kept))
    groups = {rule.suppress_group for rule in rules if rule.suppress_group is not None} | set(kept.groups or ())
    return Leftovers(
        rules=rules,
        routes=tuple(route for route in host.routes if route.protocol == PROTOCOL),
        groups=tuple(GroupMember(link.name, link.group) for link in host.links if link.group and link.group in groups),
        sysctls=tuple(
            setting
            for setting in plan.sysctls
            if setting.key in kept.sysctls_before and host.sysctls.get(setting.key) == setting.value != setting.before
        ),
    )
