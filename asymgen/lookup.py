"""What the kernel does with a packet: its lookup of rules and routes as a pure model.

The same questions can be put to a host as it is (``before``) and as it will be (``after``).
An answer is a set of outcomes: where a route has several legs, or a rule has a selector that the
model does not carry, the kernel may do one or the other, and the model says so.

What is known and left out: a VRF's own table (a rule ``l3mdev`` matches no packet here), dead
neighbours (IPv6 then passes over a router), PMTU and redirect exceptions, and that IPv4 searches
``local`` and ``main`` as one table until the first rule is added. With ``oif``, answers are those
of ``ip route get``.

Sources: net/core/fib_rules.c; net/ipv4/{fib_rules,route}.c; net/ipv6/{fib6_rules,route}.c.
Compared with a kernel by tests/property/test_lookup_kernel.py.
"""

from __future__ import annotations

import ipaddress
import re
from bisect import bisect_left
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Optional

from asymgen.lookup_answers import Answer, Fate, Kind, Outcome, Packet, Step
from asymgen.lookup_rules import Rules, refusal
from asymgen.lookup_tables import Found, Tables
from asymgen.model import (
    PROTOCOL,
    TABLE_LOCAL,
    Address,
    BulkRoutes,
    Family,
    Host,
    KernelState,
    Link,
    Network,
    NextHop,
    Route,
    RouteType,
    Rule,
    RuleAction,
)  # fmt: skip
from asymgen.prefixes import LongestMatch
from asymgen.source_address import ipv4_source, ipv6_source

__all__ = ["Answer", "Fate", "Kind", "Outcome", "Packet", "RoutingState", "Step", "after", "before", "with_rules"]

_BROADCAST = ipaddress.IPv4Address("255.255.255.255")
_LOCAL_MULTICAST = ipaddress.IPv4Network("224.0.0.0/24")
_PREFERS_OWN_LEG = (6, 16)  # first kernel whose IPv4 multipath prefers the leg of the source address

_Steps = Optional[list[Step]]


class RoutingState:
    """Rules, routes and links of one moment, indexed for many questions.

    ``rules`` and ``routes`` stand in the kernel's order; ``bulk`` are further routes;
    ``sysctls`` are in the slash form; ``kernel`` is ``uname -r`` ("" is taken for a current one).
    """

    def __init__(
        self,
        rules: Iterable[Rule],
        routes: Iterable[Route],
        links: Iterable[Link],
        *,
        bulk: Sequence[BulkRoutes] = (),
        sysctls: Mapping[str, str] | None = None,
        kernel: str = "",
    ) -> None:
        self._links = {link.name: link for link in links}
        # Of two links with one address the first counts.
        back = reversed(tuple(self._links.values()))
        self._holders = {held.address: link.name for link in back for held in link.addresses}
        self._sysctls = sysctls or {}
        ordered = sorted(rules, key=lambda rule: rule.priority)
        self._rules = {family: Rules(rule for rule in ordered if rule.family is family) for family in Family}
        prefers_own_leg = _version(kernel) >= _PREFERS_OWN_LEG
        routes = tuple(routes)
        self._tables = Tables(routes, self._links, bulk=bulk, sysctls=self._sysctls, prefers_own_leg=prefers_own_leg)
        self._leg_sources = self._tables.leg_sources(routes)
        self._sources = _selected_sources(ordered, routes)

    def likeness(self, source: Address) -> Hashable:
        """Equal for two of the host's addresses that no rule and no route tells apart: what is true of a packet
        from one of them is true of the same packet from the other (but for its source)."""
        holder = None if source in self._leg_sources else self._holders.get(source)
        return source if holder is None else (holder, self._sources[source.version].holding(source))

    def lookup(self, packet: Packet, *, explain: bool = False) -> Answer:
        """What happens to ``packet``; with ``explain``, each rule's fate too.

        An unbound socket that connects asks more than once: see :meth:`connect`.
        """
        steps: _Steps = [] if explain else None
        if not self._may_be_source(packet):
            return Answer((Outcome(Kind.NONE, source=packet.source),))
        outcomes = self._beside_rules(packet) or self._walk(packet, 0, steps=steps)
        if packet.family is Family.IPV4 and packet.is_own and packet.oif is not None:
            outcomes = [_assume_on_link(packet, outcome) for outcome in outcomes]
        finished = (self._with_source(packet, outcome) for outcome in outcomes)
        return Answer(tuple(dict.fromkeys(finished)), tuple(steps or ()))

    def connect(self, packet: Packet, *, explain: bool = False) -> Answer:
        """What happens to the packets of an unbound socket that connects (TCP, most of UDP).

        IPv4 asks again with the source that it chose; IPv6 keeps its first answer, but where there
        was none it chooses among all addresses and asks again (ip_route_connect; ip6_dst_lookup_tail).
        """
        first = self.lookup(packet, explain=explain)
        if packet.source is not None:
            return first
        answers = [self._asked_again(packet, outcome, explain=explain) for outcome in first.outcomes]
        outcomes = dict.fromkeys(outcome for answer in answers for outcome in answer.outcomes)
        return Answer(tuple(outcomes), first.steps + tuple(step for answer in answers for step in answer.steps))

    def _asked_again(self, packet: Packet, outcome: Outcome, *, explain: bool) -> Answer:
        source = outcome.source
        if isinstance(packet.destination, ipaddress.IPv6Address):
            unknown = outcome.kind.is_error
            source = self._ipv6_source(packet.destination, None) if unknown else None
        if source is None:
            return Answer((outcome,))
        return self.lookup(replace(packet, source=source), explain=explain)

    # --- rules ---------------------------------------------------------------------------------

    def _walk(self, packet: Packet, position: int, *, steps: _Steps) -> list[Outcome]:
        """Ask the rules from ``position`` on; past a rule too that decides for some packets only."""
        rules = self._rules[packet.family]
        # Whoever wants an explanation is told of the others as well.
        asked = rules.that_may_match(packet) if steps is None else range(len(rules))
        outcomes: list[Outcome] = []
        while (place := bisect_left(asked, position)) < len(asked):
            rule = rules[asked[place]]
            position = asked[place] + 1
            refused = refusal(rule, packet)
            if refused is not None:
                _note(steps, rule, fate=Fate.SKIPPED, why=refused)
                continue
            if rule.action is RuleAction.GOTO:
                target = self._target(rule, steps=steps)
                if target is not None and rule.unmodelled:
                    outcomes += self._walk(packet, target, steps=steps)
                elif target is not None:
                    position = target
                continue
            decided, is_final = self._act(packet, rule, steps=steps)
            outcomes += decided
            if is_final and not rule.unmodelled:
                return outcomes
        return [*outcomes, Outcome(Kind.NONE)]

    def _target(self, rule: Rule, *, steps: _Steps) -> int | None:
        """Where a goto leads: the first rule of exactly that priority, or nowhere."""
        target = None if rule.target is None else self._rules[rule.family].first_of(rule.target)
        if target is None or rule.target is None or rule.target <= rule.priority:
            _note(steps, rule, fate=Fate.UNRESOLVED, why=f"no later rule has priority {rule.target}")
            return None
        _note(steps, rule, fate=Fate.JUMPED, why=f"on to priority {rule.target}")
        return target

    def _act(self, packet: Packet, rule: Rule, *, steps: _Steps) -> tuple[list[Outcome], bool]:
        """What a matching rule decides, and whether it does so for every packet of this shape."""
        if rule.action is RuleAction.NOP:
            _note(steps, rule, fate=Fate.NO_ACTION, why="nop")
            return [], False
        if rule.action is not RuleAction.LOOKUP:
            _note(steps, rule, fate=Fate.DECIDED, why=f"the rule says {rule.action.value}")
            return [Outcome(Kind(rule.action.value), rule=rule)], True
        found = self._tables.find(packet, rule.table)
        if found is None:
            _note(steps, rule, fate=Fate.NO_ROUTE, why=f"table {rule.table} has no route")
            return [], False
        route = found.route
        if route.type is RouteType.THROW:
            _note(steps, rule, fate=Fate.THROWN, why=_in_words(route), route=route)
            return [], False
        if route.type.is_error:
            _note(steps, rule, fate=Fate.DECIDED, why=_in_words(route), route=route)
            return [Outcome(Kind(route.type.value), route=route, rule=rule)], True
        return self._suppress(rule, found, steps=steps)

    def _suppress(self, rule: Rule, found: Found, *, steps: _Steps) -> tuple[list[Outcome], bool]:
        """Take away what the rule's suppressors refuse; what is left decides."""
        route = found.route
        length = route.destination.prefixlen
        if rule.suppress_prefixlength is not None and length <= rule.suppress_prefixlength:
            _note(steps, rule, fate=Fate.SUPPRESSED, why=f"{_in_words(route)} is too short", route=route)
            return [], False
        kept = self._kept_legs(rule, found)
        if len(kept) < len(found.hops):
            group = f"a leg of {_in_words(route)} is in device group {rule.suppress_group}"
            _note(steps, rule, fate=Fate.SUPPRESSED, why=group, route=route)
        if kept:
            _note(steps, rule, fate=Fate.DECIDED, why=_in_words(route), route=route)
        kind = Kind(route.type.value)
        return [Outcome(kind, hop, None, route, rule) for hop in kept], len(kept) == len(found.hops)

    def _kept_legs(self, rule: Rule, found: Found) -> Sequence[NextHop]:
        """IPv4 judges all legs by the group of the first, dead or not; IPv6 each by its own."""
        if rule.suppress_group is None:
            return found.hops
        if rule.family is Family.IPV4:
            return () if self._group(found.route.nexthops[0]) == rule.suppress_group else found.hops
        return [hop for hop in found.hops if self._group(hop) != rule.suppress_group]

    def _group(self, hop: NextHop) -> int | None:
        link = self._links.get(hop.interface or "")
        return None if link is None else link.group

    # --- what stands beside rules and tables ---------------------------------------------------

    def _beside_rules(self, packet: Packet) -> list[Outcome]:
        """IPv4 multicast and broadcast leave by the bound interface or address, no rule asked."""
        destination = packet.destination
        if packet.family is not Family.IPV4 or not packet.is_own:
            return []
        interface = packet.oif
        if interface is None and packet.source is not None and (destination.is_multicast or destination == _BROADCAST):
            interface = self._holders.get(packet.source)
        elif destination != _BROADCAST and destination not in _LOCAL_MULTICAST:
            return []
        kind = Kind.BROADCAST if destination == _BROADCAST else Kind.MULTICAST
        return [] if interface is None else [Outcome(kind, NextHop(interface))]

    def _may_be_source(self, packet: Packet) -> bool:
        """IPv4 sends nothing of its own from an address that neither an interface nor ``local`` has."""
        source = packet.source
        if packet.family is not Family.IPV4 or not packet.is_own or source is None or source in self._holders:
            return True
        found = self._tables.find(Packet(Family.IPV4, source), TABLE_LOCAL)
        return found is not None and found.route.type is RouteType.LOCAL

    # --- the source ----------------------------------------------------------------------------

    def _with_source(self, packet: Packet, outcome: Outcome) -> Outcome:
        if packet.source is not None:
            return replace(outcome, source=packet.source)
        return outcome if outcome.kind.is_error else replace(outcome, source=self._chosen_source(packet, outcome))

    def _chosen_source(self, packet: Packet, outcome: Outcome) -> Address | None:
        route, hop = outcome.route, outcome.hop
        if route is not None and route.preferred_source is not None:
            return route.preferred_source
        if isinstance(packet.destination, ipaddress.IPv6Address):
            return self._ipv6_source(packet.destination, None if hop is None else hop.interface)
        if outcome.kind is Kind.LOCAL:
            return packet.destination
        if hop is None or hop.interface is None:
            return None
        scope = "link" if route is None else route.scope
        return ipv4_source(self._links, hop.interface, gateway=hop.gateway, scope=scope)

    def _ipv6_source(self, destination: ipaddress.IPv6Address, interface: str | None) -> Address | None:
        return ipv6_source(self._links, interface, destination=destination, sysctls=self._sysctls)


def before(host: Host) -> RoutingState:
    """The host as its snapshot shows it."""
    return _state_of(host, host.rules, host.routes, host.links)


def after(host: Host, state: KernelState) -> RoutingState:
    """The host with ``state`` loaded in place of whatever asymgen had put there before."""
    groups = {member.interface: member.group for member in state.groups}
    links = [replace(link, group=groups.get(link.name, link.group)) for link in host.links]
    rules = [rule for rule in host.rules if rule.protocol != PROTOCOL]
    added = [_as_loaded(route) for route in state.routes]
    replaced = {_key(route) for route in added}
    routes = [route for route in host.routes if route.protocol != PROTOCOL and _key(route) not in replaced]
    return _state_of(host, [*rules, *state.rules], [*routes, *added], links)


def with_rules(host: Host, rules: Iterable[Rule]) -> RoutingState:
    """The host with ``rules`` in place of its own."""
    return _state_of(host, rules, host.routes, host.links)


def _state_of(host: Host, rules: Iterable[Rule], routes: Iterable[Route], links: Iterable[Link]) -> RoutingState:
    return RoutingState(rules, routes, links, bulk=host.bulk, sysctls=host.sysctls, kernel=host.kernel)


def _as_loaded(route: Route) -> Route:
    """IPv6 makes 1024 of a metric that is not given."""
    return replace(route, metric=1024) if route.family is Family.IPV6 and route.metric == 0 else route


def _key(route: Route) -> tuple[Family, int, Network, Network | None, int, int]:
    """What makes ``ip route replace`` take the place of a route."""
    return route.family, route.table, route.destination, route.source, route.tos, route.metric


def _selected_sources(rules: Iterable[Rule], routes: Iterable[Route]) -> dict[int, LongestMatch]:
    """What rules and routes select sources by. The longest of them that holds an address says which others do."""
    asked = [*(rule.source for rule in rules), *(route.source for route in routes)]
    selected = [network for network in asked if network is not None]
    return {
        family: LongestMatch([network for network in selected if network.version == family.value]) for family in Family
    }


def _assume_on_link(packet: Packet, outcome: Outcome) -> Outcome:
    """IPv4 sends out of the interface that a socket is bound to, even where no route allows it."""
    if not outcome.kind.is_error:
        return outcome
    return Outcome(Kind.UNICAST, NextHop(packet.oif), rule=outcome.rule)


def _in_words(route: Route) -> str:
    return f"{route.type.value} {route.destination}"


def _note(steps: _Steps, rule: Rule, *, fate: Fate, why: str, route: Route | None = None) -> None:
    if steps is not None:
        steps.append(Step(rule, fate, why, route))


def _version(kernel: str) -> tuple[int, ...]:
    """The first two numbers of ``uname -r``; more than any where there are none."""
    found = re.match(r"(\d+)\.(\d+)", kernel)
    return (int(found[1]), int(found[2])) if found else (1 << 30,)
