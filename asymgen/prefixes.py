"""Arithmetic on prefixes that :mod:`ipaddress` lacks or does slowly. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from asymgen.model import Address, Network, prefix_of


def single_address(address: Address) -> Network:
    """The /32 or /128 that selects just this address."""
    return prefix_of(address, address.max_prefixlen)


def is_inside(inner: Network, outer: Network) -> bool:
    """Whether ``inner`` is a part of ``outer``, and not all of it."""
    shift = outer.max_prefixlen - outer.prefixlen
    return (
        inner.version == outer.version
        and inner.prefixlen > outer.prefixlen
        and int(inner.network_address) >> shift == int(outer.network_address) >> shift
    )


class LongestMatch:
    """Networks of one family, to be asked for the longest that is or holds another: one look per length
    that occurs, however many networks there are."""

    def __init__(self, networks: Iterable[Network]) -> None:
        by_length: dict[int, dict[int, Network]] = {}
        for network in networks:
            start = int(network.network_address) >> (network.max_prefixlen - network.prefixlen)
            by_length.setdefault(network.prefixlen, {})[start] = network
        self._by_length = sorted(by_length.items(), reverse=True)

    def of(self, network: Network) -> Network | None:
        """The longest that is or holds ``network``."""
        return self._longest(int(network.network_address), network.prefixlen, network.max_prefixlen)

    def holding(self, address: Address) -> Network | None:
        """The longest that holds ``address``."""
        return self._longest(int(address), address.max_prefixlen, address.max_prefixlen)

    def all_holding(self, address: Address) -> Iterator[Network]:
        """Each that holds ``address``, the longest first."""
        return self._around(int(address), address.max_prefixlen, address.max_prefixlen)

    def _longest(self, number: int, most: int, bits: int) -> Network | None:
        return next(self._around(number, most, bits), None)

    def _around(self, number: int, most: int, bits: int) -> Iterator[Network]:
        for length, networks in self._by_length:
            if length <= most:
                found = networks.get(number >> (bits - length))
                if found is not None:
                    yield found


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
