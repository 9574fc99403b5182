"""Routing tables as the kernel searches them: which route answers, and by which of its legs.

Sources: fib_table_lookup in net/ipv4/fib_trie.c, fib_select_path in net/ipv4/fib_semantics.c;
fib6_table_lookup, rt6_select and fib6_select_path in net/ipv6/route.c.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from ipaddress import IPv6Address

from asymgen.lookup_answers import LOOPBACK, Packet
from asymgen.model import Address, BulkRoutes, Family, Link, NextHop, Route, RouteType, prefix_of
from asymgen.records import record
from asymgen.source_address import ipv4_source

_IPV4_TOS_BITS = 0x1C  # what is left of the TOS byte in IPv4 lookups: IPTOS_RT_MASK
_PREFERENCES = {"low": 1, "medium": 2, "high": 3}
_LOOPBACK_ADDRESS = IPv6Address("::1")
_UNSPECIFIED = IPv6Address("::")


@record
class Found:
    """What a table answers: a route and those of its legs that may be taken (none: an error)."""

    route: Route
    hops: tuple[NextHop, ...] = ()


class _Table:
    """One routing table: per prefix length, longest first, the routes of each network in order. A network of
    ``bulk`` has no other route."""

    def __init__(self, family: Family, routes: Iterable[Route], bulk: Iterable[BulkRoutes]) -> None:
        self._family = family
        self._bulk = [one for one in bulk if one.sample.family is family]
        lengths: dict[int, dict[int, list[Route]]] = defaultdict(lambda: defaultdict(list))
        for route in routes:
            shift = family.bits - route.destination.prefixlen
            lengths[shift][int(route.destination.network_address) >> shift].append(route)
        for networks in lengths.values():
            for bucket in networks.values():
                bucket.sort(key=_order)  # stable: equals stay as the kernel lists them
        for one in self._bulk:
            for length in one.networks.lengths:
                lengths.setdefault(family.bits - length, defaultdict(list))
        self._lengths = sorted(lengths.items())

    def buckets(self, packet: Packet) -> Iterator[list[Route]]:
        """The routes of each matching network, the longest prefix first."""
        number = int(packet.destination)
        has_entered = False
        for shift, networks in self._lengths:
            bucket = networks.get(number >> shift) or self._in_bulk(packet, shift)
            if bucket is None:
                continue
            if packet.family is Family.IPV4 or all(route.source is None for route in bucket):
                has_entered = True
                yield bucket
                continue
            for part in _by_source(packet, bucket, has_entered=has_entered):
                has_entered = True
                yield part

    def _in_bulk(self, packet: Packet, shift: int) -> list[Route] | None:
        length = self._family.bits - shift
        for one in self._bulk:
            if one.networks.holds(int(packet.destination), length):
                return [one.to(prefix_of(packet.destination, length))]
        return None


def _by_source(packet: Packet, bucket: Sequence[Route], *, has_entered: bool) -> Iterator[list[Route]]:
    """IPv6: of one network, the routes for the packet's source, the longest first, then those for all.

    If no source fits, those for all are passed over (fib6_node_lookup_1 goes on to a shorter
    destination), unless they are defaults or the search came back from a longer destination.
    """
    fitting: dict[int, list[Route]] = defaultdict(list)
    for route in bucket:
        if route.source is not None and (packet.source or _UNSPECIFIED) in route.source:
            fitting[route.source.prefixlen].append(route)
    for length in sorted(fitting, reverse=True):
        yield fitting[length]
    for_all = [route for route in bucket if route.source is None]
    if for_all and (fitting or has_entered or for_all[0].destination.prefixlen == 0):
        yield for_all


def _order(route: Route) -> tuple[int, int]:
    """Order among routes to one network: IPv4 asks the routes that have a TOS first."""
    return (-route.tos, route.metric)


class Tables:
    """All routing tables of one moment. ``prefers_own_leg``: see :meth:`_own_legs`."""

    def __init__(
        self,
        routes: Iterable[Route],
        links: Mapping[str, Link],
        *,
        bulk: Sequence[BulkRoutes] = (),
        sysctls: Mapping[str, str],
        prefers_own_leg: bool,
    ) -> None:
        self._links, self._sysctls, self._prefers_own_leg = links, sysctls, prefers_own_leg
        grouped: dict[tuple[Family, int], list[Route]] = defaultdict(list)
        for route in routes:
            grouped[route.family, route.table].append(route)
        for one in bulk:
            grouped.setdefault((one.sample.family, one.sample.table), [])
        self._tables = {
            (family, table): _Table(family, members, [one for one in bulk if one.sample.table == table])
            for (family, table), members in grouped.items()
        }

    def find(self, packet: Packet, number: int | None) -> Found | None:
        """What table ``number`` answers; None: the lookup goes on with the next rule."""
        table = None if number is None else self._tables.get((packet.family, number))
        if table is None:
            return None
        find = self._find_ipv4 if packet.family is Family.IPV4 else self._find_ipv6
        for bucket in table.buckets(packet):
            found = find(packet, bucket)
            if found is not None:
                return found
        return None

    def _find_ipv4(self, packet: Packet, bucket: Sequence[Route]) -> Found | None:
        for route in bucket:
            if route.tos and route.tos != packet.tos & _IPV4_TOS_BITS:
                continue
            if route.type.is_error or route.type is RouteType.THROW:
                return Found(route)
            hops = tuple(hop for hop in route.nexthops if self._is_usable(packet, hop))
            if not hops:
                continue
            if packet.oif is not None:
                return Found(route, hops[:1])
            if len(route.nexthops) > 1:
                return Found(route, self._own_legs(packet, route, hops=hops))
            return Found(route, (*hops, *_equal_defaults(packet, route, bucket=bucket)))
        return None

    def _is_usable(self, packet: Packet, hop: NextHop) -> bool:
        if hop.dead or (hop.linkdown and self._ignores_linkdown(packet.family, hop)):
            return False
        return packet.family is Family.IPV6 or packet.oif is None or hop.interface == packet.oif

    def _ignores_linkdown(self, family: Family, hop: NextHop) -> bool:
        # IPv4 takes the larger of "all" and the interface's value, IPv6 the interface's alone.
        names = ("all", hop.interface) if family is Family.IPV4 else (hop.interface,)
        keys = (f"net/ipv{family.value}/conf/{name}/ignore_routes_with_linkdown" for name in names)
        return any(self._sysctls.get(key, "0").strip() not in ("", "0") for key in keys)

    def _own_legs(self, packet: Packet, route: Route, *, hops: tuple[NextHop, ...]) -> tuple[NextHop, ...]:
        """Of an IPv4 multipath route, the legs whose own source is the packet's, if there are any."""
        if not self._prefers_own_leg or packet.source is None or not packet.is_own:
            return hops
        own = tuple(hop for hop in hops if self._leg_source(hop, route.scope) == packet.source)
        return own or hops

    def leg_sources(self, routes: Iterable[Route]) -> frozenset[Address | None]:
        """What :meth:`_own_legs` looks for in ``routes``: no other source is told apart by a route's legs."""
        multipath = (route for route in routes if route.family is Family.IPV4 and len(route.nexthops) > 1)
        legs = {(hop, route.scope) for route in multipath for hop in route.nexthops} if self._prefers_own_leg else ()
        return frozenset(self._leg_source(hop, scope) for hop, scope in legs)

    def _leg_source(self, hop: NextHop, scope: str) -> Address | None:
        return ipv4_source(self._links, hop.interface or "", gateway=hop.gateway, scope=scope)

    def _find_ipv6(self, packet: Packet, bucket: Sequence[Route]) -> Found | None:
        """Of one network: the least metric, then the router preference, then the wanted interface."""
        best: tuple[int, Route] | None = None
        for route in bucket:
            if best is not None and _order(route) > _order(best[1]):
                break
            for score in self._scores(packet, route):
                if best is None or score > best[0]:
                    best = score, route
        return None if best is None else Found(best[1], self._ipv6_legs(packet, best[1]))

    def _scores(self, packet: Packet, route: Route) -> list[int]:
        preference = _PREFERENCES.get(route.preference, 2) << 2
        hops = route.nexthops or (NextHop(LOOPBACK),)
        legs = (self._leg_score(packet, hop) for hop in hops if self._is_usable(packet, hop))
        return [preference + score for score in legs if score is not None]

    def _leg_score(self, packet: Packet, hop: NextHop) -> int | None:
        """2 for the wanted interface, 0 for another; None where another must not be taken."""
        wanted = packet.oif or (None if packet.is_own else packet.iif)
        if wanted is None or (hop.interface or LOOPBACK) == wanted:
            return 2
        return None if _is_strict(packet) else 0

    def _ipv6_legs(self, packet: Packet, route: Route) -> tuple[NextHop, ...]:
        hops = route.nexthops
        return tuple(hop for hop in hops if self._is_usable(packet, hop) and self._leg_score(packet, hop) is not None)


def _is_strict(packet: Packet) -> bool:
    """IPv6 only: no other interface than the wanted one will do."""
    destination = packet.destination
    if destination.is_multicast or destination.is_link_local or destination == _LOOPBACK_ADDRESS:
        return True
    return packet.oif is not None and packet.source is None


def _equal_defaults(packet: Packet, route: Route, *, bucket: Sequence[Route]) -> Iterator[NextHop]:
    """Further IPv4 defaults of the same metric: the kernel takes that whose router answers."""
    if route.destination.prefixlen or route.type is not RouteType.UNICAST or route.nexthops[0].gateway is None:
        return
    for other in bucket[bucket.index(route) + 1 :]:
        if other.tos and other.tos != packet.tos & _IPV4_TOS_BITS:
            continue
        if other.metric > route.metric and other.tos == route.tos:
            return
        if other.type is RouteType.UNICAST and other.scope == route.scope and other.nexthops[0].gateway is not None:
            yield other.nexthops[0]
