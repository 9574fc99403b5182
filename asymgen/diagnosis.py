"""What is wrong with a host's answers, today and after the plan. Pure: asks the model in lookup.py.

For every uplink address and a set of telling destinations (far away, its own subnet, the other uplinks'
subnets, every network that ``main`` names) the promise says how an answer must leave.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from itertools import chain, islice

from asymgen.lookup import Answer, Kind, Packet, RoutingState, after, before
from asymgen.model import Address, Family, Host, KernelState, Network, Plan, Route
from asymgen.problems import Problems, WrongAnswer, WrongAnswers
from asymgen.promise import Promise, Ways
from asymgen.records import record

FAR_AWAY: dict[Family, tuple[Address, ...]] = {
    Family.IPV4: (ipaddress.ip_address("45.45.45.45"), ipaddress.ip_address("185.185.185.185")),
    Family.IPV6: (ipaddress.ip_address("2600:4545::45"), ipaddress.ip_address("2a00:8585::85")),
}
"""An address in each half of the Internet, as VPNs split the default; nobody is asked anything."""

NETWORKS_ASKED = 32
"""At most this many networks behind non-uplinks, and as many through uplinks, are asked per uplink (a router may
have thousands)."""


@record
class Question:
    """An answer to be sent, and the ways that the promise allows: (interface, gateway) each."""

    source: Address
    destination: Address
    ways: Ways

    @property
    def expected(self) -> str:
        return expected_words(self.ways)


@record
class Inquiry:
    """What every address of an uplink is asked: destinations, each with the ways that the promise allows."""

    sources: tuple[Address, ...]
    destinations: tuple[tuple[Address, Ways], ...]


def find_problems(host: Host, plan: Plan) -> Problems:
    """The answers that leave by the wrong way today."""
    return _wrong(before(host), inquiries(host, plan))


def find_remaining(host: Host, plan: Plan, state: KernelState) -> Problems:
    """The answers that would still leave by the wrong way with ``state`` in the kernel."""
    return _wrong(after(host, state), inquiries(host, plan))


def find_both(host: Host, plan: Plan, state: KernelState) -> tuple[Problems, Problems]:
    """What find_problems() and find_remaining() find, by questions that are made once."""
    asked = tuple(inquiries(host, plan))
    return _wrong(before(host), asked), _wrong(after(host, state), asked)


def _wrong(routing: RoutingState, asked: Iterable[Inquiry]) -> Problems:
    return Problems(tuple(group for inquiry in asked for group in _wrong_of(routing, inquiry)))


def _wrong_of(routing: RoutingState, inquiry: Inquiry) -> Iterator[WrongAnswers]:
    """Addresses with the same wrong answers together, in the order of the first of each."""
    firsts = alike(routing, inquiry.sources)
    answers = {first: tuple(found) for first, found in _wrong_by_first(routing, inquiry, firsts).items()}
    leaders: dict[tuple[WrongAnswer, ...], int] = {}
    leader_of = {first: leaders.setdefault(found, first) for first, found in answers.items()}
    sources: dict[int, list[Address]] = {}
    for source, first in zip(inquiry.sources, firsts):
        sources.setdefault(leader_of[first], []).append(source)
    yield from (WrongAnswers(tuple(sharing), answers[first]) for first, sharing in sources.items() if answers[first])


def _wrong_by_first(routing: RoutingState, inquiry: Inquiry, firsts: Iterable[int]) -> dict[int, list[WrongAnswer]]:
    wrong: dict[int, list[WrongAnswer]] = {first: [] for first in firsts}
    for destination, ways in inquiry.destinations:
        answers = first_answers(routing, inquiry.sources, wrong, destination=destination)
        unfit = {first: answer for first, answer in answers.items() if not _fits(answer, ways)}
        expected = expected_words(ways) if unfit else ""
        for first, answer in unfit.items():
            wrong[first].append(WrongAnswer(destination, answer_words(answer), expected))
    return wrong


def alike(routing: RoutingState, sources: Iterable[Address]) -> list[int]:
    """For each of ``sources`` the place of the first one that is answered alike."""
    firsts: dict[Hashable, int] = {}
    return [firsts.setdefault(routing.likeness(source), place) for place, source in enumerate(sources)]


def first_answers(
    routing: RoutingState, sources: Sequence[Address], firsts: Iterable[int], *, destination: Address
) -> dict[int, Answer]:
    """What happens to answers from the ``firsts`` of ``sources``: of addresses that are alike one is asked, as a host
    may have ten thousand."""
    family = Family(destination.version)
    return {
        first: routing.lookup(Packet(family, destination, source=sources[first])) for first in dict.fromkeys(firsts)
    }


def _fits(answer: Answer, ways: Ways) -> bool:
    found = {(way.interface, way.gateway) for way in answer.ways}
    return all(outcome.kind is Kind.UNICAST for outcome in answer.outcomes) and found == ways


def telling_questions(host: Host, plan: Plan) -> Iterator[Question]:
    """Every uplink address with the destinations that show whether the promise holds."""
    for inquiry in inquiries(host, plan):
        for destination, ways in inquiry.destinations:
            yield from (Question(source, destination, ways) for source in inquiry.sources)


def inquiries(host: Host, plan: Plan) -> Iterator[Inquiry]:
    """The same, an uplink at a time."""
    own = {address.address for link in host.links for address in link.addresses}
    for family in sorted(plan.active):
        promise = Promise(plan, family)
        destinations = list(dict.fromkeys(_destinations(plan, family, own)))
        for uplink in plan.uplinks:
            if uplink.family is family:
                allowed = ((destination, promise.ways(uplink, destination)) for destination in destinations)
                yield Inquiry(
                    tuple(dict.fromkeys(address.address for address in uplink.addresses)),
                    tuple((destination, ways) for destination, ways in allowed if ways),
                )


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


def expected_words(ways: Ways) -> str:
    """All of ``ways`` in the same words."""
    return " or ".join(way_words(interface, gateway) for interface, gateway in sorted(ways, key=str))


def answer_words(answer: Answer) -> str:
    """An answer of the model in the same words; more than one way is joined by ``or``."""
    if not answer.ways:
        return "nowhere (no route)" if answer.kind is Kind.NONE else f"nowhere ({answer.kind.value})"
    return " or ".join(way_words(way.interface, way.gateway) for way in answer.ways)
