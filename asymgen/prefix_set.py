"""Prefixes by the hundred thousand: numbers in place of objects. Pure."""

from __future__ import annotations

import heapq
import ipaddress
from array import array
from bisect import bisect_left
from collections.abc import Collection, Iterator
from itertools import repeat
from typing import Union

_Network = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]

STORED_BITS = {4: 32, 6: 64}
"""How much of an address is stored: nobody has longer IPv6 prefixes by the thousand."""


class PrefixSet:
    """Prefixes of one family, eight bytes each: by length, the numbers of their first addresses in ascending order.

    IPv6 prefixes may have up to 64 bits."""

    def __init__(self, version: int) -> None:
        self.version = version
        self._bits = STORED_BITS[version]
        self._unstored = (32 if version == 4 else 128) - self._bits
        self._starts: dict[int, array[int]] = {}

    def append(self, start: int, length: int) -> None:
        """Add a prefix whose first address is greater than that of every prefix of this ``length`` in the set.
        ``start`` is the address as a number, of IPv6 the upper 64 bits."""
        starts = self._starts.get(length)
        if starts is None:
            starts = self._starts[length] = array("Q")
        starts.append(start)

    @property
    def lengths(self) -> Collection[int]:
        """The prefix lengths that occur."""
        return self._starts.keys()

    def holds(self, number: int, length: int) -> bool:
        """Whether the prefix of ``length`` bits around the address ``number`` is in the set."""
        starts = self._starts.get(length)
        if starts is None:
            return False
        start = number >> self._unstored >> (self._bits - length) << (self._bits - length)
        at = bisect_left(starts, start)
        return at < len(starts) and starts[at] == start

    def of(self, network: _Network) -> _Network | None:
        """The longest that is or holds ``network``."""
        number = int(network.network_address)
        for length in sorted(self._starts, reverse=True):
            if length <= network.prefixlen and self.holds(number, length):
                return network.supernet(new_prefix=length)
        return None

    def inside(self, outer: _Network) -> Iterator[_Network]:
        """The prefixes that are a part of ``outer``, and not all of it."""
        if outer.version != self.version:
            return
        first, last = (int(end) >> self._unstored for end in (outer.network_address, outer.broadcast_address))
        for length, starts in sorted(self._starts.items()):
            if length > outer.prefixlen:
                for at in range(bisect_left(starts, first), bisect_left(starts, last + 1)):
                    yield self.network(starts[at], length)

    def without(self, networks: Collection[_Network]) -> PrefixSet:
        """The same, but for ``networks``."""
        left = PrefixSet(self.version)
        gone = {(int(network.network_address) >> self._unstored, network.prefixlen) for network in networks}
        for length, starts in self._starts.items():
            for start in starts:
                if (start, length) not in gone:
                    left.append(start, length)
        return left

    def numbers(self) -> Iterator[tuple[int, int]]:
        """Start and length of each, in the order of their addresses."""
        return heapq.merge(*(zip(starts, repeat(length)) for length, starts in self._starts.items()))

    def network(self, start: int, length: int) -> _Network:
        """The prefix that was appended so."""
        if self.version == 4:
            return ipaddress.IPv4Network((start, length))
        return ipaddress.IPv6Network((start << self._unstored, length))

    def __contains__(self, network: _Network) -> bool:
        return network.version == self.version and self.holds(int(network.network_address), network.prefixlen)

    def __iter__(self) -> Iterator[_Network]:
        """In the order of their addresses."""
        return (self.network(start, length) for start, length in self.numbers())

    def __len__(self) -> int:
        return sum(len(starts) for starts in self._starts.values())
