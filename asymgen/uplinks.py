"""Which interfaces are uplinks, and by which next hop: routing.md, "Which interfaces are uplinks".

Never a guess. Every next hop carries the words that say where it was found.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from asymgen.model import (
    PROTOCOL,
    TABLE_MAIN,
    Address,
    Choices,
    Family,
    Host,
    InterfaceAddress,
    Kept,
    Link,
    Network,
    NextHop,
    Other,
    Route,
    RouteType,
    Unresolved,
)
from asymgen.records import record

CONTAINER = re.compile(
    "docker|br-|veth|virbr|cni|cali|flannel|podman|lxcbr|lxdbr|incusbr|"
    "cilium|lxc|kube-|weave|tailscale|wt[0-9]|azv|eni[0-9a-f]|vnet[0-9]"
)
"""How names of interfaces begin that containers, virtual machines and overlays make; never uplinks by themselves."""

TUNNEL_KINDS = frozenset({"tun", "wireguard", "vxlan", "geneve", "dummy", "ifb", "nlmon", "xfrm", "vti", "vti6"})
PRIVATE = tuple(
    ipaddress.ip_network(text)
    for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16", "fc00::/7")
)


@record
class Way:
    """A next hop that was found for an interface, with its words and its rank (metric in main;
    larger numbers for what is not in main)."""

    interface: str
    family: Family
    gateway: Address | None
    found: str
    rank: int
    mtu: int | None = None
    in_main: bool = False
    dynamic: bool = False


@dataclass(frozen=True, eq=False)  # it is itself: comparing, or hashing ten thousand addresses, is never meant
class Candidate:
    """An uplink before it has numbers: a way with the addresses and prefixes that belong to it."""

    way: Way
    addresses: tuple[InterfaceAddress, ...]
    prefixes: tuple[Network, ...]


@record
class Found:
    """The sorted result: primary first, then by metric in main, then by name."""

    candidates: tuple[Candidate, ...]
    others: tuple[Other, ...]
    unresolved: tuple[Unresolved, ...]
    notes: tuple[str, ...]


def find_uplinks(host: Host, choices: Choices, kept: Kept) -> Found:
    """Sort every interface of ``host`` into uplinks, others and unresolved ones."""
    given = kept.given_gateways(choices)
    others: list[Other] = []
    eligible: list[Link] = []
    for link in host.links:
        why = why_no_uplink(host, link, choices, given=given)
        if why:
            others.append(Other(link.name, why))
        else:
            eligible.append(link)
    ways = {link.name: list(_known_ways(host, link, choices, given=given)) for link in eligible}
    _add_shared_gateways(eligible, ways, given=given)
    for link in eligible:
        _add_fallbacks(host, link, ways[link.name], kept)
    found = _gather(host, eligible, ways, others, choices)
    return replace(found, notes=(*found.notes, *_unused_choices(host, eligible, found, choices)))


def _unused_choices(host: Host, eligible: Sequence[Link], found: Found, choices: Choices) -> Iterator[str]:
    """What a person gave and nothing came of, lest a slip of the pen goes unseen."""
    whys = {other.interface: other.why for other in found.others}
    eligible_names = {link.name for link in eligible}
    for link in host.links:
        if link.name in choices.uplinks and link.name not in eligible_names:
            yield f"--uplink {link.name} is not used: {whys[link.name]}"
        for gateway in choices.gateways.get(link.name, ()):
            family = Family(gateway.version)
            given = f"--gateway {link.name}={gateway} is not used"
            if link.name not in eligible_names:
                yield f"{given}: {whys[link.name]}"
            elif family in choices.families and not link.usable_addresses(family):
                yield f"{given}: {link.name} has no IPv{family.value} address that replies could come from"


def why_no_uplink(host: Host, link: Link, choices: Choices, *, given: Mapping[str, tuple[Address, ...]]) -> str:
    """Why ``link`` cannot be an uplink, whatever routes it has; "" where it can."""
    if "LOOPBACK" in link.flags:
        return "loopback"
    chosen = "excluded by --exclude" if link.name in choices.excluded else _why_given(link.name, choices, given)
    if chosen or link.kind == "vrf":
        return chosen or "VRF device: left alone"
    if link.master is not None:
        return _why_enslaved(host, link.master)
    if not any(link.usable_addresses(family) for family in Family):
        return "no address that replies could come from"
    named = link.name in choices.uplinks or link.name in choices.gateways
    return "" if named else _why_virtual(host, link)


def _why_given(interface: str, choices: Choices, given: Mapping[str, tuple[Address, ...]]) -> str:
    if given.get(interface) != ():
        return ""
    now = interface in choices.gateways
    earlier = "" if now else f" (the plan file keeps it; --uplink {interface} takes it back)"
    return f"no uplink, as --gateway {interface}=none says{earlier}"


def _why_enslaved(host: Host, master: str) -> str:
    above = host.link(master)
    if above is not None and above.kind == "vrf":
        return f"member of VRF {master}: left alone"
    return f"part of {master}, which counts instead"


def _why_virtual(host: Host, link: Link) -> str:
    by_name = CONTAINER.match(link.name) is not None
    if not by_name and link.kind not in TUNNEL_KINDS:
        return ""
    families = {
        family for family in Family if any(is_public(address.address) for address in link.usable_addresses(family))
    }
    if any(route.family in families for route in default_routes(host, link)):
        return ""
    kind = f"{link.kind} tunnel" if link.kind in TUNNEL_KINDS else "containers or virtual machines"
    why = f"{kind} (name or kind): no uplink unless --uplink {link.name} says so"
    in_main = (route for route in default_routes(host, link) if route.table == TABLE_MAIN)
    routed = any(hop.gateway is not None for route in in_main for hop in route.nexthops)
    return f"{why}; main has a default route through it" if by_name and routed else why


def is_public(address: Address) -> bool:
    """Not from a private range (documentation addresses count as public)."""
    return not any(address.version == network.version and address in network for network in PRIVATE)


def default_routes(host: Host, link: Link) -> Iterator[Route]:
    """Every unicast default route through ``link``, in any table; not our own (protocol 97), nor for some sources."""
    for route in host.routes_through(link.name):
        plain = route.type is RouteType.UNICAST and route.source is None
        if route.destination.prefixlen == 0 and plain and route.protocol != PROTOCOL:
            yield route


def connected_prefixes(host: Host, link: Link, family: Family) -> dict[Address, Network]:
    """Each usable address with the connected prefix it lives in.

    A full-length address (/32, /128) takes the longest on-link route that holds it, as with an RA's
    /64 or with ``noprefixroute``; without one it stands for itself.
    """
    onlink = [
        route.destination
        for route in host.routes_through(link.name)
        if route.family is family
        and route.type is RouteType.UNICAST
        and route.protocol != PROTOCOL
        and route.interfaces == (link.name,)
        and route.nexthops[0].gateway is None
        and 0 < route.destination.prefixlen < family.bits
    ]
    onlink.sort(key=lambda network: -network.prefixlen)
    prefixes = {}
    for address in link.usable_addresses(family):
        prefix = address.network
        if prefix.prefixlen == family.bits and address.peer is None:
            prefix = next((network for network in onlink if address.address in network), prefix)
        prefixes[address.address] = prefix
    return prefixes


def _known_ways(host: Host, link: Link, choices: Choices, *, given: Mapping[str, tuple[Address, ...]]) -> Iterator[Way]:
    """Steps 1 and 2: what a person gave, else the default routes through the link."""
    for family in sorted(choices.families):
        if not link.usable_addresses(family):
            continue
        chosen = list(_given_ways(link, family, given.get(link.name, ())))
        yield from chosen or _routed_ways(host, link, family)


def _given_ways(link: Link, family: Family, gateways: Sequence[Address]) -> Iterator[Way]:
    # The same words for both: a second run without the option must write the same files.
    for order, gateway in enumerate(gateways):
        if gateway.version == family:
            yield Way(link.name, family, gateway, "--gateway, kept in the plan file", rank=order)


def _routed_ways(host: Host, link: Link, family: Family) -> Iterator[Way]:
    for route in default_routes(host, link):
        if route.family is not family:
            continue
        for hop in route.nexthops:
            if hop.interface == link.name and (hop.gateway is not None or link.is_point_to_point):
                yield _routed_way(route, hop, link.name)


def _routed_way(route: Route, hop: NextHop, interface: str) -> Way:
    in_main = route.table == TABLE_MAIN
    metric = f", metric {route.metric}" if route.metric else ""
    # Table 0 is none: the netifaces reader cannot see which one it was.
    table = "main" if in_main else f"table {route.table}" if route.table else "a table that was not seen"
    return Way(
        interface,
        route.family,
        hop.gateway,
        f"default route in {table}{metric}" + ("" if hop.gateway is not None else " (point-to-point)"),
        rank=route.metric if in_main else 1 << 33,
        mtu=route.mtu,
        in_main=in_main,
        dynamic=route.protocol in (9, 16),
    )


def _add_shared_gateways(
    links: Sequence[Link], ways: dict[str, list[Way]], *, given: Mapping[str, tuple[Address, ...]]
) -> None:
    """Step 3: two links on one subnet, one router. A wider prefix around the router's is another matter: nobody
    there need answer ARP for it."""
    known = [way for found in ways.values() for way in found if way.gateway is not None]
    # The order of links is that of their making: it must not decide which of two routers is taken.
    known.sort(key=lambda way: (way.rank, natural(way.interface)))
    lacking = [
        (link, family)
        for link in links
        for family in Family
        if link.usable_addresses(family) and not any(way.family is family for way in ways[link.name])
        if given.get(link.name) != ()
    ]
    own = {(link.name, family): connected(link, family) for link in links for family in Family} if lacking else {}
    for link, family in lacking:
        for way in known:
            shared = own[link.name, family] & own[way.interface, family]
            if way.family is family and any(way.gateway in network for network in shared):
                found = f"the gateway of {way.interface}, which lies in {link.name}'s own subnet"
                ways[link.name].append(Way(link.name, family, way.gateway, found, rank=1 << 34))
                break


def connected(link: Link, family: Family) -> set[Network]:
    """The subnets of a link's usable addresses."""
    return {address.network for address in link.usable_addresses(family)}


def _add_fallbacks(host: Host, link: Link, found: list[Way], kept: Kept) -> None:
    """Steps 4 and 5: the DHCP lease, the manager's own configuration, and for a link that is down the
    plan file (its routes are only away for the moment)."""
    for family in Family:
        if any(way.family is family for way in found) or not link.usable_addresses(family):
            continue
        for gateway, words, dynamic in _offered(host, link, kept):
            if Family(gateway.version) is family:
                found.append(Way(link.name, family, gateway, words, rank=1 << 35, dynamic=dynamic))
                break


def _offered(host: Host, link: Link, kept: Kept) -> Iterator[tuple[Address, str, bool]]:
    for lease in host.leases:
        if lease.interface == link.name:
            yield from ((router, f"DHCP lease {lease.file}", True) for router in lease.routers)
    managed = host.managers.interfaces.get(link.name)
    if managed is not None:
        words = f"{managed.manager} ({managed.file or 'its configuration'})"
        yield from ((gateway, words, False) for gateway in managed.gateways)
    if not (link.is_up and "LOWER_UP" in link.flags):
        for numbers in kept.numbers:
            if numbers.interface == link.name:
                yield from ((gateway, "plan file; the link is down", False) for gateway in numbers.gateways)


def _gather(
    host: Host, links: Iterable[Link], ways: dict[str, list[Way]], others: list[Other], choices: Choices
) -> Found:
    candidates: list[Candidate] = []
    unresolved: list[Unresolved] = []
    notes: list[str] = []
    for link in links:
        for family in sorted(choices.families):
            if not link.usable_addresses(family):
                continue
            mine = [way for way in ways[link.name] if way.family is family]
            if mine:
                candidates += _split(host, link, sorted(mine, key=lambda way: way.rank), notes)
            else:
                unresolved.append(Unresolved(link.name, family, _why_unresolved(host, link, family)))
        if not ways[link.name]:
            others.append(Other(link.name, "no gateway known"))
    return Found(tuple(_in_order(candidates)), tuple(others), tuple(unresolved), tuple(notes))


def _split(host: Host, link: Link, ways: list[Way], notes: list[str]) -> Iterator[Candidate]:
    """One candidate per gateway's subnet: two routers of one subnet cannot be told apart by source."""
    family = ways[0].family
    prefixes = connected_prefixes(host, link, family)
    distinct = _distinct(prefixes.values())
    by_subnet: dict[Network | None, Way] = {}
    for way in ways:
        subnet = None if way.gateway is None else _holding(distinct, way.gateway)
        best = by_subnet.setdefault(subnet, way)
        if best.gateway != way.gateway:
            notes.append(f"{link.name}: {way.gateway} is a second gateway of {best.gateway}'s subnet; not used")
    rest = None if None in by_subnet else next(iter(by_subnet))
    managed = host.managers.interfaces.get(link.name)
    by_manager = managed is not None and family in managed.dynamic
    members: dict[Network | None, list[InterfaceAddress]] = {}
    for prefix, neighbours in groupby(link.usable_addresses(family), lambda address: prefixes[address.address]):
        members.setdefault(prefix if prefix in by_subnet else rest, []).extend(neighbours)
    for subnet, way in by_subnet.items():
        mine = tuple(members.get(subnet, ()))
        if not mine:
            notes.append(f"{link.name}: no address belongs to gateway {way.gateway}; not used")
            continue
        dynamic = way.dynamic or by_manager or any(address.dynamic for address in mine)
        own = _distinct(prefixes[address.address] for address in mine)
        yield Candidate(replace(way, dynamic=dynamic), mine, own)


def _distinct(networks: Iterable[Network]) -> tuple[Network, ...]:
    """Each once, in their order: of ten thousand addresses in a row in one network it is looked up once."""
    return tuple(dict.fromkeys(network for network, _ in groupby(networks)))


def _holding(networks: Iterable[Network], address: Address) -> Network | None:
    """The longest of ``networks`` that holds ``address``."""
    holding = [network for network in networks if address in network and network.prefixlen < network.max_prefixlen]
    return max(holding, key=lambda network: network.prefixlen, default=None)


def _why_unresolved(host: Host, link: Link, family: Family) -> str:
    why = f"no gateway known; if it should answer by itself, give --gateway {link.name}=ADDRESS"
    hops = {
        hop.gateway: route.destination
        for route in (*(bulk.sample for bulk in host.bulk), *host.routes_through(link.name))
        if route.family is family and route.table == TABLE_MAIN and route.type is RouteType.UNICAST
        for hop in route.nexthops
        if hop.interface == link.name and hop.gateway is not None
    }
    if hops:
        gateway, network = next(iter(hops.items()))
        why += f" ({gateway} is the likely one: main reaches {network} through it)"
    return why


def natural(name: str) -> tuple[tuple[int, str], ...]:
    """A sort key that puts eth2 before eth10."""
    parts: list[tuple[int, str]] = []
    digits = ""
    for letter in name + "\0":
        if letter in "0123456789":
            digits += letter
            continue
        if digits:
            parts.append((int(digits), ""))
            digits = ""
        parts.append((-1, letter))
    return tuple(parts)


def _in_order(candidates: list[Candidate]) -> list[Candidate]:
    """Primary first: the interface of main's best default route, IPv4's before IPv6's."""
    routed = [candidate.way for candidate in candidates if candidate.way.in_main]
    best = min(routed, key=lambda way: (way.family, way.rank, natural(way.interface)), default=None)
    primary = best.interface if best is not None else None

    def order(candidate: Candidate) -> tuple[object, ...]:
        way = candidate.way
        return (way.interface != primary, best_rank[way.interface], natural(way.interface), way.family, way.rank)

    best_rank = {way.interface: min(c.way.rank for c in candidates if c.way.interface == way.interface)
                 for way in (c.way for c in candidates)}  # fmt: skip
    return sorted(candidates, key=order)
