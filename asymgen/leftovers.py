"""What of asymgen is in a kernel, whichever run or backend put it there. Pure.

Rules and routes are ours by their protocol number, interfaces by our device groups, kernel settings by
the plan file, which holds their former values.
"""

from __future__ import annotations

from collections.abc import Iterator

from asymgen.iproute2 import rule_words
from asymgen.model import PROTOCOL, GroupMember, Host, Kept, KernelState, Route, Rule, Sysctl
from asymgen.numbers import is_ours
from asymgen.records import record

NOTHING = KernelState((), (), ())


@record
class Leftovers:
    """What has to go, in the terms of ``KernelState``."""

    rules: tuple[Rule, ...]
    routes: tuple[Route, ...]
    groups: tuple[GroupMember, ...]
    sysctls: tuple[Sysctl, ...]

    @property
    def is_empty(self) -> bool:
        return not (self.rules or self.routes or self.groups or self.sysctls)


def find_leftovers(host: Host, kept: Kept, *, wanted: KernelState = NOTHING) -> Leftovers:
    """Everything of ours that ``host`` holds and ``wanted`` does not: what an earlier plan put there."""
    rules = {(rule.family, rule_words(rule, protocol=False)) for rule in wanted.rules}
    routes = {(route.family, route.table, route.type, route.destination) for route in wanted.routes}
    ours = tuple(rule for rule in host.rules if is_ours(rule, kept))
    return Leftovers(
        rules=tuple(rule for rule in ours if (rule.family, rule_words(rule, protocol=False)) not in rules),
        routes=tuple(
            route
            for route in host.routes
            if route.protocol == PROTOCOL and (route.family, route.table, route.type, route.destination) not in routes
        ),
        groups=tuple(_groups(host, kept, ours, wanted=wanted)),
        sysctls=tuple(_sysctls(host, kept, wanted=wanted)),
    )


def _groups(host: Host, kept: Kept, ours: tuple[Rule, ...], *, wanted: KernelState) -> Iterator[GroupMember]:
    """Interfaces that are still in a group of ours: the guard would hide their networks."""
    groups = {rule.suppress_group for rule in ours if rule.suppress_group is not None} | set(kept.groups or ())
    members = {member.interface for member in wanted.groups}
    for link in host.links:
        if link.group and link.group in groups and link.name not in members:
            yield GroupMember(link.name, link.group)


def _sysctls(host: Host, kept: Kept, *, wanted: KernelState) -> Iterator[Sysctl]:
    keys = {setting.key for setting in wanted.sysctls}
    for key, before in kept.sysctls_before.items():
        live = host.sysctls.get(key)
        if key not in keys and live is not None and live != before:
            yield Sysctl(key, live, before, "set by an earlier plan")
