"""Arithmetic on prefixes that :mod:`ipaddress` lacks or does slowly. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Iterable, Iterator

from asymgen.model import Address, Network


def single_address(address: Address) -> Network:
    """The /32 or /128 that selects just this address."""
    return ipaddress.ip_network((address, address.max_prefixlen))


def is_inside(inner: Network, outer: Network) -> bool:
    """Whether ``inner`` is a part of ``outer``, and not all of it."""
    shift = outer.max_prefixlen - outer.prefixlen
    return (
        inner.version == outer.version
        and inner.prefixlen > outer.prefixlen
        and int(inner.network_address) >> shift == int(outer.network_address) >> shift
    )


def enclosing(network: Network) -> Iterator[Network]:
    """``network`` and every prefix around it, the longest first: 33 steps at most for IPv4, 129 for IPv6."""
    for length in range(network.prefixlen, -1, -1):
        yield ipaddress.ip_network((network.network_address, length), strict=False)


def longest_match(networks: Collection[Network], network: Network) -> Network | None:
    """The longest of ``networks`` (a set or a dict) that is or holds ``network``."""
    return next((around for around in enclosing(network) if around in networks), None)


def outermost(networks: Iterable[Network]) -> tuple[Network, ...]:
    """The networks that lie in no other one, in order. One family at a time."""
    kept: list[Network] = []
    for network in in_order(networks):
        if not kept or not (network == kept[-1] or is_inside(network, kept[-1])):
            kept.append(network)
    return tuple(kept)


def in_order(networks: Iterable[Network]) -> tuple[Network, ...]:
    """By address, then the shorter prefix first."""
    return tuple(sorted(networks, key=lambda network: (int(network.network_address), network.prefixlen)))
