"""What is wrong with a host's answers, today and after the plan. Pure: asks the model in lookup.py.

For every uplink address and a set of telling destinations (far away, its own subnet, the other uplinks'
subnets, every network that ``main`` names) the promise says how an answer must leave.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice

from asymgen.lookup import Answer, Kind, Packet, RoutingState, after, before
from asymgen.model import Address, Family, Host, KernelState, Network, Plan, Route
from asymgen.promise import Promise

FAR_AWAY: dict[Family, tuple[Address, ...]] = {
    Family.IPV4: (ipaddress.ip_address("45.45.45.45"), ipaddress.ip_address("185.185.185.185")),
    Family.IPV6: (ipaddress.ip_address("2600:4545::45"), ipaddress.ip_address("2a00:8585::85")),
}
"""An address in each half of the Internet, as VPNs split the default; nobody is asked anything."""

NETWORKS_ASKED = 32
"""At most this many networks behind non-uplinks, and as many through uplinks, are asked per uplink (a router may
have thousands)."""


@dataclass(frozen=True)
class Problem:
    """An answer that leaves by a way that it should not. ``actual``/``expected`` are ways in words."""

    source: Address
    destination: Address
    actual: str
    expected: str


@dataclass(frozen=True)
class Question:
    """An answer to be sent, and the ways that the promise allows: (interface, gateway) each."""

    source: Address
    destination: Address
    ways: frozenset[tuple[str, Address | None]]

    @property
    def expected(self) -> str:
        return " or ".join(way_words(interface, gateway) for interface, gateway in sorted(self.ways, key=str))


def find_problems(host: Host, plan: Plan) -> tuple[Problem, ...]:
    """The answers that leave by the wrong way today."""
    return tuple(_wrong(before(host), telling_questions(host, plan)))


def find_remaining(host: Host, plan: Plan, state: KernelState) -> tuple[Problem, ...]:
    """The answers that would still leave by the wrong way with ``state`` in the kernel."""
    return tuple(_wrong(after(host, state), telling_questions(host, plan)))


def find_both(host: Host, plan: Plan, state: KernelState) -> tuple[tuple[Problem, ...], tuple[Problem, ...]]:
    """What find_problems() and find_remaining() find, by questions that are made once."""
    questions = tuple(telling_questions(host, plan))
    return tuple(_wrong(before(host), questions)), tuple(_wrong(after(host, state), questions))


def _wrong(routing: RoutingState, questions: Iterable[Question]) -> Iterator[Problem]:
    """The answers to ``questions`` that leave by the wrong way. Of addresses that are alike one is asked: a host may
    have ten thousand."""
    likeness: dict[Address, int] = {}
    numbers: dict[Hashable, int] = {}
    known: dict[Hashable, str | None] = {}
    for question in questions:
        source = question.source
        if source not in likeness:
            likeness[source] = numbers.setdefault(routing.likeness(source), len(numbers))
        key = (likeness[source], question.destination, question.ways)
        if key not in known:
            known[key] = _wrong_way(routing, question)
        actual = known[key]
        if actual is not None:
            yield Problem(source, question.destination, actual, question.expected)


def _wrong_way(routing: RoutingState, question: Question) -> str | None:
    """By which way the answer leaves, in words, or None where that is right."""
    family = Family(question.destination.version)
    answer = routing.lookup(Packet(family, question.destination, source=question.source))
    return None if _fits(answer, question) else answer_words(answer)


def _fits(answer: Answer, question: Question) -> bool:
    ways = {(way.interface, way.gateway) for way in answer.ways}
    return all(outcome.kind is Kind.UNICAST for outcome in answer.outcomes) and ways == question.ways


def telling_questions(host: Host, plan: Plan) -> Iterator[Question]:
    """Every uplink address with the destinations that show whether the promise holds."""
    own = {address.address for link in host.links for address in link.addresses}
    for family in sorted(plan.active):
        promise = Promise(plan, family)
        destinations = list(dict.fromkeys(_destinations(plan, family, own)))
        for uplink in plan.uplinks:
            if uplink.family is not family:
                continue
            for destination in destinations:
                ways = promise.ways(uplink, destination)
                if ways:
                    yield from (Question(address.address, destination, ways) for address in uplink.addresses)


def _destinations(plan: Plan, family: Family, own: set[Address]) -> Iterator[Address]:
    """Far away, in each uplink's subnet, in the networks behind everything else and behind the uplinks' neighbours."""
    yield from FAR_AWAY[family]
    uplinks = {uplink.interface for uplink in plan.uplinks if uplink.family is family}
    networks = [prefix for uplink in plan.uplinks if uplink.family is family for prefix in uplink.prefixes]
    networks += _some_networks(plan, family, lambda route: uplinks.isdisjoint(route.interfaces))
    networks += _some_networks(plan, family, lambda route: not uplinks.isdisjoint(route.interfaces))
    for network in networks:
        neighbour = some_neighbour(network, own)
        if neighbour is not None:
            yield neighbour


def _some_networks(plan: Plan, family: Family, wanted: Callable[[Route], bool]) -> Iterator[Network]:
    single = (route.destination for route in plan.main if route.family is family and wanted(route))
    bulk = (one.networks for one in plan.bulk if one.sample.family is family and wanted(one.sample))
    return islice(_distinct(chain(single, *bulk)), NETWORKS_ASKED)


def _distinct(networks: Iterable[Network]) -> Iterator[Network]:
    """Each once, as they come: the rest of a hundred thousand is not looked at."""
    seen: set[Network] = set()
    for network in networks:
        if network not in seen:
            seen.add(network)
            yield network


def some_neighbour(network: Network, own: set[Address]) -> Address | None:
    """An address inside ``network`` that is neither the host's own nor the network's or broadcast address."""
    size = network.num_addresses
    for offset in range(size) if size <= 2 else range(1, min(size - 1, len(own) + 3)):
        address = network[offset]
        if address not in own:
            return address
    return None


def way_words(interface: str | None, gateway: Address | None) -> str:
    """``eth1 via 198.51.100.1``, ``eth1 directly``."""
    return f"{interface} directly" if gateway is None else f"{interface} via {gateway}"


def answer_words(answer: Answer) -> str:
    """An answer of the model in the same words; more than one way is joined by ``or``."""
    if not answer.ways:
        return "nowhere (no route)" if answer.kind is Kind.NONE else f"nowhere ({answer.kind.value})"
    return " or ".join(way_words(way.interface, way.gateway) for way in answer.ways)
