"""Plan x capabilities -> rules and routes: the plan's intent in terms that a backend can express.

routing.md, "Lowerings"; docs/decisions/0002 says why the rules stand in this order. For an uplink with
table T, first priority P and the other device group G'::

    P+0  from SOURCE iif lo lookup local                              where `local` was moved behind ours
    P+0  from SOURCE iif lo <a rule of others that we would bypass>
    P+0  from SOURCE to OWN iif lo lookup main suppress_prefixlength len(OWN) suppress_ifgroup G'
    P+1  from SOURCE iif lo lookup T suppress_prefixlength S          own subnet first
    P+2  from SOURCE iif lo lookup main suppress_prefixlength S suppress_ifgroup G'   the guard
    P+3  from SOURCE iif lo lookup T                                  the uplink
    P+4  from SOURCE iif lo unreachable                               only fail-closed

Where rules of one priority have no order (systemd-networkd), what must be asked one after the other at
P+0 gets priorities of its own, and all that follows moves up by as many.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property

from asymgen.detours import Detours, find_detours
from asymgen.foreign import repeated
from asymgen.model import (
    PROTOCOL,
    TABLE_LOCAL,
    TABLE_MAIN,
    Capabilities,
    Family,
    GroupMember,
    KernelState,
    Network,
    NextHop,
    Plan,
    Range,
    Route,
    RouteType,
    Rule,
    RuleAction,
    Uplink,
    UplinkState,
    Watched,
)
from asymgen.numbers import PRIORITIES_EACH
from asymgen.prefixes import is_inside, single_address

ROOM = PRIORITIES_EACH - 5
"""How far P+0 to P+4 can move up among the priorities that an uplink reserves."""
_PLAIN_ACTIONS = (RuleAction.LOOKUP, RuleAction.GOTO)
LINK_LOCAL = ipaddress.ip_network("fe80::/64")


def lower(plan: Plan, capabilities: Capabilities) -> KernelState:
    """Everything that asymgen puts into the kernel for ``plan``, and notes on what is static in it."""
    working = [uplink for uplink in plan.uplinks if uplink.family in plan.active]
    states = []
    notes: list[str] = []
    for uplink in working:
        lowered = _Lowering(plan, uplink, capabilities)
        states.append(lowered.state())
        notes += lowered.notes()
    groups = _group_members(working, plan.groups) if capabilities.suppress_ifgroup else ()
    return KernelState(
        tuple(states), groups, plan.sysctls, tuple(dict.fromkeys(notes)),
        watch=plan.watch, watched=_watched(working) if plan.watch else (), watch_routes=plan.watch_routes,
    )  # fmt: skip


def _watched(uplinks: Iterable[Uplink]) -> tuple[Watched, ...]:
    return tuple(
        Watched(up.family, up.interface, Range(up.priority, up.priority + PRIORITIES_EACH - 1), up.table)
        for up in uplinks
    )


def other_group(plan: Plan, uplink: Uplink) -> int:
    """G': the device group that holds the interfaces which ``uplink``'s replies must not take."""
    return plan.groups[1] if uplink.primary else plan.groups[0]


def _group_members(uplinks: Iterable[Uplink], groups: tuple[int, int]) -> tuple[GroupMember, ...]:
    members = (GroupMember(up.interface, groups[0] if up.primary else groups[1]) for up in uplinks if up.grouped)
    return tuple(dict.fromkeys(members))


class _Lowering:
    """One uplink on its way into the kernel's terms."""

    def __init__(self, plan: Plan, uplink: Uplink, capabilities: Capabilities) -> None:
        self.plan = plan
        self.uplink = uplink
        self.family = uplink.family
        self.can = capabilities
        self.is_static = (
            plan.has_error_default(uplink.family)
            or not capabilities.suppress_prefixlength
            or (uplink.family is Family.IPV6 and self._has_inseparable())
        )
        self.detours: Detours = find_detours(plan, uplink, by_group=self.can.suppress_ifgroup and not self.is_static)
        self.repeats = [rule for rule in plan.repeats if rule.family is self.family]
        self.shift = 0 if capabilities.ordered else min(ROOM, len(self.repeats) + self._has_local())
        self.inexpressible: list[str] = []

    def _has_local(self) -> bool:
        return self.family in self.plan.local_moved

    def state(self) -> UplinkState:
        rules = tuple(dict.fromkeys(rule for source in self._sources() for rule in self._rules(source)))
        return UplinkState(self.uplink, tuple(self._routes()), rules, tuple(self._jumps(rules)))

    def _has_inseparable(self) -> bool:
        """Whether a group cannot hide some other uplink. IPv6 then cannot ask ``main`` at all: a PMTU
        exception counts as a /128 there and outlives the prefix suppressor (tried)."""
        others = [up for up in self.plan.uplinks if up.family is self.family and up is not self.uplink]
        return not self.can.suppress_ifgroup or any(
            not other.grouped or other.interface == self.uplink.interface for other in others
        )

    def notes(self) -> Iterator[str]:
        where = f"{self.uplink.interface} (IPv{self.family.value})"
        yield from self.inexpressible
        if self.uplink.dynamic and not self.can.follows:
            yield (
                f"as of this run: rules of {where} select {', '.join(map(str, self._sources()))}; "
                "run this again when DHCP or a router gives it an address outside"
            )
        for network in self.detours.uncaught:
            yield f"as of this run: {where} reaches {network} by its own gateway, as main uses another uplink for it"
        for network in self.detours.hidden:
            yield f"as of this run: {where} reaches {network} through an uplink of the other family"
        if self.is_static:
            yield (
                f"as of this run: networks that appear later behind other interfaces are not known to {where}; "
                "run this again after such a change"
            )

    def _sources(self) -> tuple[Network, ...]:
        if self.can.iif or not self.plan.forwards:
            return self.uplink.sources
        return tuple(single_address(address.address) for address in self.uplink.addresses)

    # --- routes ---------------------------------------------------------------------------------

    def _routes(self) -> Iterator[Route]:
        up = self.uplink
        for prefix in self._own_prefixes:
            yield self._route(prefix, NextHop(up.interface))
        covered = any(up.gateway in network for network, _ in self.detours.routes if up.gateway is not None)
        hop = NextHop(up.interface, up.gateway, onlink=up.onlink or covered)
        yield self._route(self.family.everything, hop, mtu=up.mtu)
        for network, hop in self.detours.routes:
            yield self._route(network, hop)
        for network in self._thrown():
            yield self._route(network, None)

    def _route(self, destination: Network, hop: NextHop | None, *, mtu: int | None = None) -> Route:
        kind = RouteType.THROW if hop is None else RouteType.UNICAST
        hops = () if hop is None else (hop,)
        return Route(self.family, destination, self.uplink.table, kind, hops, protocol=PROTOCOL, mtu=mtu)

    @cached_property
    def _own_prefixes(self) -> tuple[Network, ...]:
        """Connected prefixes for T: a lone /32 is nobody's neighbour, a peer's /32 is."""
        prefixes = list(self.uplink.prefixes)
        if any(prefix.prefixlen == self.family.bits for prefix in prefixes):
            own = {single_address(address.address) for address in self.uplink.addresses}
            prefixes = [prefix for prefix in prefixes if prefix not in own]
        if self.family is Family.IPV6:
            prefixes.append(LINK_LOCAL)
        return tuple(dict.fromkeys(prefixes))

    def _thrown(self) -> tuple[Network, ...]:
        """Networks of others inside what T would take: left to ``main``."""
        unguarded = [prefix for prefix in self.uplink.prefixes if not self._is_guarded(prefix)]
        return self.detours.thrown(unguarded)

    # --- rules ----------------------------------------------------------------------------------

    def _rules(self, source: Network) -> Iterator[Rule]:
        yield from self._before_all(source)
        yield from self._nested(source)
        yield from self._own_subnet(source)
        yield from self._guard(source)
        yield self._rule(3, source, table=self.uplink.table)
        if self.plan.fail_closed and self.can.error_rules:
            yield self._rule(4, source, action=RuleAction.UNREACHABLE)
        elif self.plan.fail_closed:
            self.inexpressible.append(
                f"{self.uplink.interface} is not closed on failure: this backend has no such rule"
            )

    def _rule(
        self,
        offset: int,
        source: Network,
        *,
        action: RuleAction = RuleAction.LOOKUP,
        table: int | None = None,
        to: Network | None = None,
        suppress: int | None = None,
        group: int | None = None,
    ) -> Rule:
        return Rule(
            self.family, self.uplink.priority + offset + self.shift, action=action, table=table, source=source,
            destination=to, iif="lo" if self.can.iif else None, suppress_prefixlength=suppress, suppress_group=group,
            protocol=PROTOCOL,
        )  # fmt: skip

    def _jumps(self, rules: Sequence[Rule]) -> Iterator[Rule]:
        """As jumps.sh.j2 places them: each source to the first rule of its uplink."""
        entry = min(rule.priority for rule in rules)
        for jump in self.plan.jumps:
            if jump.family is self.family and jump.over.priority < entry:
                for source in self._sources():
                    yield Rule(
                        self.family, jump.priority, action=RuleAction.GOTO, target=entry, source=source,
                        iif="lo" if self.can.iif else None, protocol=PROTOCOL,
                    )  # fmt: skip

    def _before_all(self, source: Network) -> Iterator[Rule]:
        if self._has_local():
            yield _ours(self._rule(0, source, table=TABLE_LOCAL), self.uplink.priority, iif=self.can.iif)
        for place, rule in enumerate(self.repeats, start=self._has_local()):
            again = self._repeated(rule, source)
            if isinstance(again, str):
                self.inexpressible.append(
                    f"rule {rule.priority} of others is bypassed by {self.uplink.interface}: {again}"
                )
            elif again is not None:
                if place > self.shift and not self.can.ordered:
                    self.inexpressible.append(
                        f"rule {rule.priority} of others is repeated without an order among equals"
                    )
                yield _ours(again, self.uplink.priority + min(place, self.shift), iif=self.can.iif)

    def _repeated(self, rule: Rule, source: Network) -> Rule | str | None:
        again = repeated(rule, source, self.family)
        if isinstance(again, Rule) and again.action is RuleAction.GOTO and not self.can.goto:
            return "this backend has no goto"
        if isinstance(again, Rule) and again.action is RuleAction.GOTO and (again.target or 0) <= self._last_repeat():
            return f"it leads to priority {again.target}, and no rule can lead backwards"
        if isinstance(again, Rule) and again.action not in _PLAIN_ACTIONS and not self.can.error_rules:
            return f"this backend has no rule that says {again.action.value}"
        return again

    def _last_repeat(self) -> int:
        return self.uplink.priority + self.shift

    def _is_guarded(self, prefix: Network) -> bool:
        """Whether P+0 can ask ``main`` for networks nested inside ``prefix``, at any time: an error route
        around it would end the lookup there."""
        in_error = any(error == prefix or is_inside(prefix, error) for error in self.plan.main_errors)
        return not (self.is_static or in_error or self.detours.has_inside(prefix))

    def _nested(self, source: Network) -> Iterator[Rule]:
        for prefix in self._own_prefixes:
            if prefix == LINK_LOCAL or prefix.prefixlen == prefix.max_prefixlen or not self._is_guarded(prefix):
                continue
            yield self._rule(
                0, source, table=TABLE_MAIN, to=prefix, suppress=prefix.prefixlen, group=self._suppressed_group()
            )

    def _own_subnet(self, source: Network) -> Iterator[Rule]:
        if self.can.suppress_prefixlength:
            yield self._rule(1, source, table=self.uplink.table, suppress=self.family.suppressed_length)
            return
        inside = [*self._own_prefixes, *(network for network, _ in self.detours.routes)]
        for network in inside:
            yield self._rule(1, source, table=self.uplink.table, to=network)

    def _guard(self, source: Network) -> Iterator[Rule]:
        if self.is_static:
            for network in self.detours.elsewhere():
                yield self._rule(2, source, table=TABLE_MAIN, to=network)
            return
        for network in self.detours.hidden:
            yield self._rule(2, source, table=TABLE_MAIN, to=network)
        suppress = self.family.suppressed_length
        yield self._rule(2, source, table=TABLE_MAIN, suppress=suppress, group=self._suppressed_group())

    def _suppressed_group(self) -> int | None:
        return other_group(self.plan, self.uplink) if self.can.suppress_ifgroup else None


def _ours(rule: Rule, priority: int, *, iif: bool) -> Rule:
    """Somebody's rule, repeated under our priority and protocol."""
    return replace(rule, priority=priority, protocol=PROTOCOL, iif="lo" if iif else None)
