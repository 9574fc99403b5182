"""Rules as the kernel asks them: in order, and which of them match a packet.

Source: net/core/fib_rules.c; net/ipv4/fib_rules.c; net/ipv6/fib6_rules.c.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from itertools import chain

from asymgen.lookup_answers import Packet
from asymgen.model import Address, Family, Network, Range, Rule
from asymgen.prefixes import LongestMatch

_TOS_BITS = {Family.IPV4: 0x1C, Family.IPV6: 0xFC}  # IPTOS_RT_MASK; the whole DSCP field
_UNSPECIFIED = ipaddress.IPv4Address(0)


class Rules:
    """The rules of one family in order. Of those that select a source only those are asked whose source holds the
    packet's: a host with a thousand uplinks has four thousand of them."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._rules = tuple(rules)
        self._first = {rule.priority: position for position, rule in reversed(list(enumerate(self._rules)))}
        self._for_all: list[int] = []
        self._by_source: dict[Network, list[int]] = {}
        for position, rule in enumerate(self._rules):
            if rule.inverted or rule.source is None or rule.source.prefixlen == 0:
                self._for_all.append(position)
            else:
                self._by_source.setdefault(rule.source, []).append(position)
        self._sources = LongestMatch(self._by_source)

    def __len__(self) -> int:
        return len(self._rules)

    def __getitem__(self, position: int) -> Rule:
        return self._rules[position]

    def first_of(self, priority: int) -> int | None:
        """Where the first rule of ``priority`` stands."""
        return self._first.get(priority)

    def that_may_match(self, packet: Packet) -> list[int]:
        """Where the rules stand that do not refuse ``packet`` for its source, in order."""
        source = _source_of(packet)
        networks = () if source is None else self._sources.all_holding(source)
        return sorted(chain(self._for_all, *(self._by_source[network] for network in networks)))


def refusal(rule: Rule, packet: Packet) -> str | None:
    """Why the rule does not match, or None; selectors that are not modelled count as matching."""
    if not rule.inverted and not _source_matches(rule, packet):
        return "from"  # most rules, where there are many uplinks
    mismatch = next((name for name, matches in _selectors(rule, packet) if not matches), None)
    if not rule.inverted:
        return mismatch
    # "not" turns the whole around: one selector that does not match is enough.
    return "not" if mismatch is None and not rule.unmodelled else None


def _selectors(rule: Rule, packet: Packet) -> Iterable[tuple[str, bool]]:
    yield "from", _source_matches(rule, packet)
    yield "to", rule.destination is None or packet.destination in rule.destination
    yield "tos", not rule.tos or rule.tos == packet.tos & _TOS_BITS[packet.family]
    yield "fwmark", rule.mark is None or not (packet.mark ^ rule.mark) & _mask(rule)
    yield "iif", rule.iif in (None, packet.iif)
    yield "oif", rule.oif in (None, packet.oif)
    yield "uidrange", _contains(rule.uids, packet.uid if packet.is_own else 0)
    yield "ipproto", rule.ipproto in (None, 0, packet.ipproto)
    yield "sport", _contains(rule.sport, packet.sport)
    yield "dport", _contains(rule.dport, packet.dport)
    yield "l3mdev", not rule.l3mdev


def _source_of(packet: Packet) -> Address | None:
    """An unbound IPv4 socket asks as 0.0.0.0, which 0.0.0.0/1 holds; IPv6 matches no prefix at all."""
    return _UNSPECIFIED if packet.source is None and packet.family is Family.IPV4 else packet.source


def _source_matches(rule: Rule, packet: Packet) -> bool:
    if rule.source is None or rule.source.prefixlen == 0:
        return True
    source = _source_of(packet)
    return source is not None and source in rule.source


def _mask(rule: Rule) -> int:
    return 0xFFFFFFFF if rule.mask is None else rule.mask


def _contains(wanted: Range | None, value: int) -> bool:
    return wanted is None or wanted.first <= value <= wanted.last
