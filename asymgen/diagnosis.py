"""What is wrong with a host's answers, today and after the plan. Pure: asks the model in lookup.py.

For every uplink address and a set of telling destinations (far away, its own subnet, the other uplinks'
subnets, every network behind a non-uplink) the promise says how an answer must leave.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from asymgen.lookup import Answer, Kind, Packet, RoutingState, after, before
from asymgen.model import Address, Family, Host, KernelState, Network, Plan, Route, Uplink
from asymgen.prefixes import longest_match, single_address

FAR_AWAY: dict[Family, tuple[Address, ...]] = {
    Family.IPV4: (ipaddress.ip_address("45.45.45.45"), ipaddress.ip_address("185.185.185.185")),
    Family.IPV6: (ipaddress.ip_address("2600:4545::45"), ipaddress.ip_address("2a00:8585::85")),
}
"""An address in each half of the Internet, as VPNs split the default; nobody is asked anything."""

NETWORKS_ASKED = 32
"""At most this many networks behind non-uplinks are asked per uplink (a router may have thousands)."""


@dataclass(frozen=True)
class Problem:
    """An answer that leaves by a way that it should not. ``actual``/``expected`` are ways in words."""

    source: Address
    destination: Address
    actual: str
    expected: str


@dataclass(frozen=True)
class Question:
    """An answer to be sent, and the way that the promise names: (interface, gateway)."""

    uplink: Uplink
    source: Address
    destination: Address
    interface: str
    gateway: Address | None

    @property
    def expected(self) -> str:
        return way_words(self.interface, self.gateway)


def find_problems(host: Host, plan: Plan) -> tuple[Problem, ...]:
    """The answers that leave by the wrong way today."""
    return tuple(_wrong(before(host), plan))


def find_remaining(host: Host, plan: Plan, state: KernelState) -> tuple[Problem, ...]:
    """The answers that would still leave by the wrong way with ``state`` in the kernel."""
    return tuple(_wrong(after(host, state), plan))


def _wrong(routing: RoutingState, plan: Plan) -> Iterator[Problem]:
    for question in telling_questions(plan):
        family = question.uplink.family
        answer = routing.lookup(Packet(family, question.destination, source=question.source))
        if not _fits(answer, question):
            yield Problem(question.source, question.destination, answer_words(answer), question.expected)


def _fits(answer: Answer, question: Question) -> bool:
    ways = {(way.interface, way.gateway) for way in answer.ways}
    sent = all(outcome.kind is Kind.UNICAST for outcome in answer.outcomes)
    return sent and ways == {(question.interface, question.gateway)}


def telling_questions(plan: Plan) -> Iterator[Question]:
    """Every uplink address with the destinations that show whether the promise holds."""
    own_addresses = {address.address for uplink in plan.uplinks for address in uplink.addresses}
    for uplink in plan.uplinks:
        if uplink.family not in plan.active:
            continue
        targets = list(_targets(plan, uplink, own_addresses))
        for address in uplink.addresses:
            for destination, interface, gateway in targets:
                yield Question(uplink, address.address, destination, interface, gateway)


def _targets(plan: Plan, uplink: Uplink, own: set[Address]) -> Iterator[tuple[Address, str, Address | None]]:
    for far in FAR_AWAY[uplink.family]:
        yield far, uplink.interface, uplink.gateway
    for other in plan.uplinks:
        if other.family is not uplink.family:
            continue
        for prefix in other.prefixes:
            neighbour = some_neighbour(prefix, own)
            if neighbour is not None and (other is uplink or not _within(uplink, neighbour)):
                yield neighbour, uplink.interface, None if _within(uplink, neighbour) else uplink.gateway
    yield from _behind_others(plan, uplink, own)


def _within(uplink: Uplink, address: Address) -> bool:
    return any(address in prefix for prefix in uplink.prefixes)


def _behind_others(plan: Plan, uplink: Uplink, own: set[Address]) -> Iterator[tuple[Address, str, Address | None]]:
    """Networks that ``main`` reaches through interfaces that are no uplinks."""
    uplinks = {other.interface for other in plan.uplinks if other.family is uplink.family}
    best: dict[Network, Route] = {}
    for route in plan.main:
        if route.family is uplink.family and len(route.nexthops) == 1:
            known = best.setdefault(route.destination, route)
            best[route.destination] = min(known, route, key=lambda each: each.metric)
    asked = [route for route in best.values() if route.interfaces and route.interfaces[0] not in uplinks]
    for route in asked[:NETWORKS_ASKED]:
        neighbour = some_neighbour(route.destination, own)
        if neighbour is None or route.destination in uplink.prefixes:
            continue
        if longest_match(best, single_address(neighbour)) == route.destination:
            hop = route.nexthops[0]
            yield neighbour, route.interfaces[0], hop.gateway


def some_neighbour(network: Network, own: Iterable[Address]) -> Address | None:
    """An address inside ``network`` that is neither the host's own nor the network's or broadcast address."""
    taken = set(own)
    size = network.num_addresses
    for offset in range(size) if size <= 2 else range(1, min(size - 1, len(taken) + 3)):
        address = network[offset]
        if address not in taken:
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
