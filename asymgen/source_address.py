"""Which source address the kernel gives to a socket that is bound to none. Pure.

IPv4 takes the first primary address of the outgoing interface that lies in the gateway's subnet,
else its first primary address, else a primary address of any interface. IPv6 ranks the addresses
of all interfaces by RFC 6724, section 5. ``Link.addresses`` must stand in the kernel's order.

Sources: inet_select_addr in net/ipv4/devinet.c; ipv6_dev_get_saddr in net/ipv6/addrconf.c;
net/ipv6/addrlabel.c; RFC 6724. Compared with a kernel by tests/property/test_lookup_kernel.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from ipaddress import IPv4Address, IPv6Address, IPv6Network

from asymgen.model import Address, InterfaceAddress, Link

SCOPES: Mapping[str, int] = {"global": 0, "site": 200, "link": 253, "host": 254, "nowhere": 255}
"""rtnetlink(7) scopes: the higher, the nearer."""

# The kernel's own labels (``ip addrlabel``), longest prefix first. An administrator may add to
# them, which no snapshot shows; RFC 6724's table is the same but for fec0::/10 and 3ffe::/16.
_LABELS = tuple(
    (IPv6Network(prefix), label)
    for prefix, label in (
        ("::1/128", 0), ("::ffff:0:0/96", 4), ("::/96", 3), ("2001::/32", 6), ("2001:10::/28", 7),
        ("2002::/16", 2), ("3ffe::/16", 12), ("fec0::/10", 11), ("fc00::/7", 5), ("::/0", 1),
    )
)  # fmt: skip
_ORCHID = IPv6Network("2001:10::/28")
_LINK_LOCAL_SCOPE, _SITE_LOCAL_SCOPE, _GLOBAL_SCOPE = 2, 5, 14


def scope_number(word: str) -> int:
    """The number of a scope as ip(8) prints it: a word, or the number itself."""
    return SCOPES[word] if word in SCOPES else int(word)


def ipv4_source(
    links: Mapping[str, Link], interface: str, *, gateway: Address | None, scope: str
) -> IPv4Address | None:
    """The source of a packet that leaves ``interface`` for ``gateway``, by a route of ``scope``."""
    limit = scope_number(scope)
    link = links.get(interface)
    first: IPv4Address | None = None
    for address, entry in _primaries(link.addresses if link else ()):
        if min(scope_number(entry.scope), SCOPES["host"]) > limit:
            continue
        if gateway is None or gateway in entry.network:
            return address
        first = first or address
    return first or _ipv4_of_any(links.values(), limit=limit)


def _primaries(entries: Iterable[InterfaceAddress]) -> Iterator[tuple[IPv4Address, InterfaceAddress]]:
    for entry in entries:
        if isinstance(entry.address, IPv4Address) and not entry.secondary:
            yield entry.address, entry


def _ipv4_of_any(links: Iterable[Link], *, limit: int) -> IPv4Address | None:
    """An unnumbered interface borrows: the first fitting address of the host, ``lo`` before all."""
    for link in links:
        for address, entry in _primaries(link.addresses):
            if entry.scope != "link" and scope_number(entry.scope) <= limit:
                return address
    return None


def ipv6_source(
    links: Mapping[str, Link], interface: str | None, *, destination: IPv6Address, sysctls: Mapping[str, str]
) -> IPv6Address | None:
    """The source of a packet to ``destination`` that leaves ``interface`` (None: not known yet)."""
    chosen: Iterable[Link] = links.values()
    if interface is not None and _only_own_addresses(interface, destination, sysctls=sysctls):
        chosen = (links[interface],) if interface in links else ()
    ranked = [
        (_rank(link, entry, address, interface=interface, destination=destination, sysctls=sysctls), address)
        for link in chosen
        for entry in link.addresses
        if isinstance(address := entry.address, IPv6Address) and not entry.tentative and not address.is_multicast
    ]
    # max() keeps the first of equals, as the kernel does.
    best = max(ranked, key=lambda pair: pair[0], default=None)
    return None if best is None else best[1]


def _only_own_addresses(interface: str, destination: IPv6Address, *, sysctls: Mapping[str, str]) -> bool:
    if destination.is_multicast or _scope(destination) <= _LINK_LOCAL_SCOPE:
        return True
    return _enabled(sysctls, interface, "use_oif_addrs_only") > 0


def _rank(
    link: Link,
    entry: InterfaceAddress,
    address: IPv6Address,
    *,
    interface: str | None,
    destination: IPv6Address,
    sysctls: Mapping[str, str],
) -> tuple[int, ...]:
    """RFC 6724's rules in order, each so that more is better; ``address`` is the entry's."""
    reach, wanted = _scope(address), _scope(destination)
    prefers_temporary = _enabled(sysctls, link.name, "use_tempaddr") >= 2
    return (
        int(address == destination),
        # The smallest scope that still reaches; one that does not reach is worse than any.
        -reach if reach >= wanted else reach - 128,
        int(not entry.deprecated or address.is_loopback or _label(address) in (3, 4)),
        int(interface is None or link.name == interface),
        int(_label(address) == _label(destination)),
        int(entry.temporary == prefers_temporary),
        int((address in _ORCHID) == (destination in _ORCHID)),
        min(_common_bits(address, destination), entry.prefixlength),
    )


def _enabled(sysctls: Mapping[str, str], interface: str, key: str) -> int:
    value = sysctls.get(f"net/ipv6/conf/{interface}/{key}", "0").strip()
    return int(value) if value.lstrip("-").isdigit() else 0


def _scope(address: IPv6Address) -> int:
    if address.is_multicast:
        return address.packed[1] & 0x0F
    if address.is_link_local or address.is_loopback:
        return _LINK_LOCAL_SCOPE
    return _SITE_LOCAL_SCOPE if address.is_site_local else _GLOBAL_SCOPE


def _label(address: IPv6Address) -> int:
    return next(label for prefix, label in _LABELS if address in prefix)


def _common_bits(one: IPv6Address, other: IPv6Address) -> int:
    return 128 - (int(one) ^ int(other)).bit_length()
