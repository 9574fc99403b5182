"""Networks that ``main`` reaches through another uplink, and that no device group keeps apart.

The guard looks into ``main`` and lets the device group suppress routes through the other uplinks. Where
a group cannot tell them apart (a third uplink of the same group, two gateways on one interface, somebody
else's group, a multipath route, a network nested in our own subnet) the uplink's own table T gets a route
to that network by its own next hop: a *detour*. Networks of non-uplinks inside a detour are thrown back.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from asymgen.model import BulkRoutes, Family, Network, NextHop, Plan, Route, Uplink
from asymgen.prefix_set import PrefixSet
from asymgen.prefixes import LongestMatch, is_inside, outermost
from asymgen.records import record


@record
class Detours:
    """What T needs beside the uplink's own prefixes and its default.

    ``routes`` are the detours with their next hops; ``uncaught`` the networks among them that the
    group would not have caught; ``hidden`` networks that the group hides although no uplink is there;
    ``left_to_main`` networks whose best route leads elsewhere: through a non-uplink, through this uplink
    itself, or into an error; ``bulk_left`` more of them.
    """

    uplink: Uplink
    routes: tuple[tuple[Network, NextHop], ...]
    uncaught: tuple[Network, ...]
    hidden: tuple[Network, ...]
    left_to_main: tuple[Network, ...]
    bulk_left: tuple[PrefixSet, ...] = ()

    def has_inside(self, prefix: Network) -> bool:
        """Whether ``main`` would lead a packet for a network inside ``prefix`` to another uplink."""
        return any(is_inside(network, prefix) for network in self.uncaught)

    def thrown(self, unguarded: Iterable[Network]) -> tuple[Network, ...]:
        """Networks that T must leave to ``main``: the nearest entry of T around them is a detour or an
        own prefix (``unguarded``) that no rule protects."""
        taking = {network for network, _ in self.routes} | set(unguarded)
        around = taking | set(self.uplink.prefixes)
        if not taking and not self.hidden:
            return ()
        longest = LongestMatch(around)
        hidden = set(self.hidden)
        nested = outermost(taking)
        bulk = (network for networks in self.bulk_left for prefix in nested for network in networks.inside(prefix))
        return tuple(
            network
            for network in chain(self.left_to_main, bulk)
            if network not in around and (longest.of(network) in taking or network in hidden)
        )

    def elsewhere(self) -> tuple[Network, ...]:
        """The outermost networks that are left to ``main``, for rules that name each."""
        own = set(self.uplink.prefixes)
        return outermost(network for network in chain(self.left_to_main, *self.bulk_left) if network not in own)


def find_detours(plan: Plan, uplink: Uplink, *, by_group: bool) -> Detours:
    """Look at every network of ``main`` (the best route of each) from ``uplink``'s side."""
    view = Viewpoint(plan, uplink, by_group=by_group)
    own = set(uplink.prefixes)
    routes: list[tuple[Network, NextHop]] = []
    uncaught: list[Network] = []
    hidden: list[Network] = []
    left = [error for error in plan.main_errors if _is_specific(error, uplink.family)]
    bulk = [one for one in plan.bulk if one.sample.family is uplink.family]
    for network, candidates in chain(plan.main_by_destination[uplink.family].items(), view.telling(bulk)):
        best = candidates[0]
        if not view.leads_to_others(best):
            left.append(network)
            if view.is_hidden(best):
                hidden.append(network)
            continue
        if network in own:
            continue
        hop = view.own_hop(candidates)
        caught = view.is_caught(best)
        if not caught:
            uncaught.append(network)
        if hop is not None or not caught or any(is_inside(network, prefix) for prefix in own):
            routes.append((network, hop or _default_hop(uplink, network)))
    quiet = tuple(one.networks for one in bulk if view.is_left(one))
    return Detours(uplink, tuple(routes), tuple(uncaught), tuple(hidden), tuple(left), quiet)


def _default_hop(uplink: Uplink, network: Network) -> NextHop:
    """The uplink's next hop; on-link where the detour itself would hide the gateway's subnet."""
    covered = uplink.gateway is not None and uplink.gateway in network
    return NextHop(uplink.interface, uplink.gateway, onlink=uplink.onlink or covered)


def _is_specific(network: Network, family: Family) -> bool:
    return network.version == family.value and network.prefixlen > family.suppressed_length


class Viewpoint:
    """Who owns a route, seen from one uplink."""

    def __init__(self, plan: Plan, uplink: Uplink, *, by_group: bool) -> None:
        self.uplink = uplink
        self.family_uplinks = [other for other in plan.uplinks if other.family is uplink.family]
        self.interfaces = {other.interface for other in self.family_uplinks}
        self.apart = {
            other.interface
            for other in self.family_uplinks
            if by_group and other.grouped and other.primary != uplink.primary
        }

        others = [other for other in plan.uplinks if other.family is not uplink.family and other.family in plan.active]
        self.grouped_elsewhere = {
            other.interface
            for other in others
            if by_group and other.grouped and other.primary != uplink.primary and other.interface not in self.interfaces
        }

    def telling(self, bulk: Iterable[BulkRoutes]) -> Iterator[tuple[Network, Sequence[Route]]]:
        """The routes of ``bulk`` that must be looked at one by one: all but those that the guard's group suppresses
        outside of the uplink's own subnets, and those that are left to ``main``."""
        own = outermost(self.uplink.prefixes)
        for one in bulk:
            if self.is_left(one):
                continue
            caught = self.leads_to_others(one.sample) and self.is_caught(one.sample)
            networks = chain.from_iterable(map(one.networks.inside, own)) if caught else one.networks
            yield from ((network, (one.to(network),)) for network in networks)

    def is_left(self, bulk: BulkRoutes) -> bool:
        """Whether all of ``bulk`` are left to ``main``."""
        return not self.leads_to_others(bulk.sample) and not self.is_hidden(bulk.sample)

    def is_hidden(self, route: Route) -> bool:
        """Whether the group would suppress a route that is nobody's uplink in this family: its interface is an
        uplink in the other one, and a device group knows no families."""
        return any(hop.interface in self.grouped_elsewhere for hop in route.nexthops)

    def leads_to_others(self, route: Route) -> bool:
        """Whether any leg leaves by another uplink."""
        if len(route.nexthops) == 1:  # asked of each of a hundred thousand routes
            return self._is_others(route, route.nexthops[0])
        return any(self._is_others(route, hop) for hop in route.nexthops)

    def is_caught(self, route: Route) -> bool:
        """Whether the guard's group suppresses this route: a single leg, through the other group."""
        return len(route.nexthops) == 1 and route.nexthops[0].interface in self.apart

    def own_hop(self, candidates: Iterable[Route]) -> NextHop | None:
        """This uplink's own way to the same network, where ``main`` has one behind a better route."""
        for route in candidates:
            for hop in route.nexthops:
                if hop.interface == self.uplink.interface and not self._is_others(route, hop):
                    return NextHop(self.uplink.interface, hop.gateway, onlink=hop.onlink)
        return None

    def _is_others(self, route: Route, hop: NextHop) -> bool:
        if hop.interface != self.uplink.interface:
            return hop.interface in self.interfaces
        siblings = [other for other in self.family_uplinks if other.interface == hop.interface]
        return len(siblings) > 1 and _owner(siblings, route, hop) is not self.uplink


def _owner(siblings: Sequence[Uplink], route: Route, hop: NextHop) -> Uplink:
    """Which of several uplinks of one interface a leg belongs to: by gateway, by the gateway's subnet,
    for a device route by its destination; else the first."""
    inside = hop.gateway if hop.gateway is not None else route.destination.network_address
    by_gateway = [up for up in siblings if up.gateway is not None and up.gateway == hop.gateway]
    by_subnet = [up for up in siblings if any(inside in prefix for prefix in up.prefixes)]
    return (by_gateway or by_subnet or list(siblings))[0]
