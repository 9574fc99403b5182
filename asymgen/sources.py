"""What an uplink's rules select by: a connected prefix where it is safe, else single addresses.

routing.md, "Sources". A prefix covers secondary addresses, floating VIPs, a DHCP server changing the
host part and IPv6 privacy addresses, with one rule; it is safe where no other interface has an
address inside and the host does not route strangers' packets out of it.
"""

from __future__ import annotations

from collections.abc import Iterable

from asymgen.model import TABLE_LOCAL, TABLE_MAIN, Address, Host, Network, RouteType
from asymgen.prefixes import LongestMatch, in_order, outermost, single_address
from asymgen.uplinks import Candidate


def select_sources(
    host: Host, candidate: Candidate, rivals: Iterable[Candidate], *, rule_by: str, forwards: bool
) -> tuple[Network, ...]:
    """The sources of one uplink: sorted, disjoint, none of them shared with ``rivals``.

    ``rule_by`` is ``auto``, ``prefix`` (also where the host forwards) or ``address``.
    """
    by_prefix = rule_by == "prefix" or (rule_by == "auto" and not forwards)
    foreign = _foreign_addresses(host, candidate, rivals)
    safe = [prefix for prefix in candidate.prefixes if by_prefix and _is_own(prefix, foreign)]
    covered = LongestMatch(safe)
    singles = [
        single_address(address.address) for address in candidate.addresses if covered.holding(address.address) is None
    ]
    return outermost(safe) + in_order(singles)


def _is_own(prefix: Network, foreign: Iterable[Address]) -> bool:
    whole = prefix.prefixlen == prefix.max_prefixlen
    return not whole and not any(address in prefix for address in foreign)


def _foreign_addresses(host: Host, candidate: Candidate, rivals: Iterable[Candidate]) -> list[Address]:
    """Addresses of this family that other interfaces have, or another uplink of this interface."""
    family = candidate.way.family
    others = [link for link in host.links if link.name != candidate.way.interface]
    addresses = [address.address for link in others for address in link.usable_addresses(family)]
    addresses += [
        address.address
        for link in others
        for address in link.addresses
        if address.tentative and address.family is family
    ]
    for rival in rivals:
        if rival is not candidate and rival.way.interface == candidate.way.interface and rival.way.family is family:
            addresses += [address.address for address in rival.addresses]
    return addresses


def host_forwards(host: Host, interfaces: Iterable[str]) -> bool:
    """Whether the host routes between uplinks (two of them have forwarding on) or is a transparent
    proxy: then strangers' addresses inside an uplink's prefix pass through our rules as well.

    Sources: ip-sysctl ("forwarding"), Documentation/networking/tproxy.rst (``local 0.0.0.0/0 dev lo``).
    """
    names = list(dict.fromkeys(interfaces))
    for version in ("ipv4", "ipv6"):
        everywhere = host.sysctls.get(f"net/{version}/conf/all/forwarding")
        forwarding = [
            name for name in names if host.sysctls.get(f"net/{version}/conf/{name}/forwarding", everywhere) == "1"
        ]
        if len(forwarding) > 1:
            return True
    return any(
        route.type is RouteType.LOCAL and route.destination.prefixlen == 0
        for route in host.routes
        if route.table not in (TABLE_LOCAL, TABLE_MAIN)
    )
