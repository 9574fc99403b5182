"""A host with many interfaces, addresses and routes: right, and no list of the host is walked once per interface.

Nothing is timed. The lists of routes and links count how often they are walked; that number must not depend on how
many there are. What it costs is in docs/benchmarks.md.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import asymgen.lookup
from asymgen.detection import Detection, detect
from asymgen.diagnosis import find_both
from asymgen.lookup import Answer, Kind, Packet, RoutingState
from asymgen.lookup_rules import refusal
from asymgen.model import Choices, Family, Host, InterfaceAddress, Kept, Link, Network, Route, Rule
from asymgen.parse import parse_host
from asymgen.prefixes import LongestMatch, is_inside, single_address
from asymgen.report import printable
from asymgen.verify import verify
from tests.hosts import make_link, make_route

UPLINKS = 3
KERNEL = {"type": "unicast", "protocol": "kernel", "scope": "link"}


def big_snapshot(interfaces: int, routes: int, addresses: int = 10) -> dict[str, Any]:
    """``interfaces`` of which three are uplinks, ``addresses`` each; ``routes`` to networks behind all of them."""
    names = [f"eth{number}" if number < UPLINKS else f"veth{number}" for number in range(interfaces)]
    start = ipaddress.ip_address("100.64.0.0")
    networks = [ipaddress.ip_network((int(start) + number * 256, 24)) for number in range(interfaces)]
    flags = ["BROADCAST", "UP", "LOWER_UP"]
    addrs = [[str(network[10 + host]) for host in range(addresses)] for network in networks]
    rules = [{"priority": at, "src": "all", "table": table} for at, table in ((0, "local"), (32766, "main"))]
    beyond = [ipaddress.ip_network((0x01000000 + number * 256, 24)) for number in range(routes)]
    return {
        "hostname": "big", "os_release": {"ID": "debian"}, "rules4": rules, "rules6": rules, "routes6": [],
        "links": [{"ifname": name, "ifindex": at, "flags": flags} for at, name in enumerate(names, 1)],
        "addrs": [
            {"ifname": name, "addr_info": [{"family": "inet", "local": one, "prefixlen": 24} for one in held]}
            for name, held in zip(names, addrs)
        ],
        "routes4": [
            *({"dst": "default", "gateway": str(networks[at][1]), "dev": names[at]} for at in range(UPLINKS)),
            *({"dst": str(network), "dev": name, **KERNEL} for name, network in zip(names, networks)),
            *(
                {"dst": str(network), "gateway": str(networks[at % interfaces][1]), "dev": names[at % interfaces]}
                for at, network in enumerate(beyond)
            ),
        ],
    }  # fmt: skip


class Counted(tuple[Any, ...]):  # noqa: SLOT001 - it has one attribute more, on purpose
    """A tuple that knows how often it was walked from its start."""

    rounds = 0

    def __iter__(self) -> Iterator[Any]:
        self.rounds += 1
        return super().__iter__()


def rounds(host: Host) -> tuple[int, int]:
    """How often planning, lowering, rendering and asking walk the links and the routes of ``host``."""
    links: tuple[Link, ...] = Counted(host.links)
    routes: tuple[Route, ...] = Counted(host.routes)
    detect(replace(host, links=links, routes=routes), Choices(), Kept())
    assert isinstance(links, Counted)
    assert isinstance(routes, Counted)
    return links.rounds, routes.rounds


def test_lists_are_not_walked_once_per_interface() -> None:
    few, many = (rounds(parse_host(big_snapshot(interfaces, 0))) for interfaces in (10, 100))
    assert few == many


def test_lists_are_not_walked_once_per_route() -> None:
    few, many = (rounds(parse_host(big_snapshot(10, routes))) for routes in (0, 500))
    assert few == many


def test_a_big_host_is_right() -> None:
    found = detect(parse_host(big_snapshot(100, 2000)), Choices(), Kept())
    assert [uplink.interface for uplink in found.plan.uplinks] == ["eth0", "eth1", "eth2"]
    assert len(found.problems) > 0
    assert list(found.remaining) == []
    assert {rule.family for rule in found.state.rules} == {Family.IPV4}


def test_a_name_that_stands_twice_is_its_first_link() -> None:
    host = Host("web1", (make_link("eth0", index=1), make_link("eth0", index=2)), (), (), {})
    found = host.link("eth0")
    assert found is not None
    assert found.index == 1
    assert host.link("eth1") is None


def test_routes_through_an_interface_keep_their_order_and_count_each_leg_once() -> None:
    texts = (
        "198.51.100.0/24 dev eth1",
        "default nexthop via 192.0.2.1 dev eth0 nexthop via 192.0.2.2 dev eth0 nexthop via 192.0.2.3 dev eth1",
        "203.0.113.0/24 dev eth0",
    )
    routes = tuple(make_route(text) for text in texts)
    host = Host("web1", (), routes, (), {})
    assert host.routes_through("eth0") == routes[1:]
    assert host.routes_through("eth1") == routes[:2]
    assert host.routes_through("eth2") == ()


PREFIXES = st.builds(
    lambda number, length: ipaddress.ip_network((number << 24, length), strict=False),
    st.integers(8, 15),
    st.integers(0, 32),
)


@given(networks=st.lists(PREFIXES, max_size=12), asked=PREFIXES)
def test_longest_match_is_the_longest_of_those_around(networks: list[Network], asked: Network) -> None:
    around = [network for network in networks if network == asked or is_inside(asked, network)]
    expected = max(around, key=lambda network: network.prefixlen, default=None)
    assert LongestMatch(networks).of(asked) == expected


@given(networks=st.lists(PREFIXES, max_size=12), asked=PREFIXES)
def test_longest_match_of_an_address_is_that_of_its_whole_length(networks: list[Network], asked: Network) -> None:
    address = asked.network_address
    assert LongestMatch(networks).holding(address) == LongestMatch(networks).of(ipaddress.ip_network(address))


def test_each_address_is_judged_once(monkeypatch: pytest.MonkeyPatch) -> None:
    host = parse_host(big_snapshot(4, 0))
    judged: list[InterfaceAddress] = []
    is_usable: property = vars(InterfaceAddress)["is_usable"]

    def counted(address: InterfaceAddress) -> bool:
        judged.append(address)
        return bool(is_usable.__get__(address))

    with monkeypatch.context() as patch:
        patch.setattr(InterfaceAddress, "is_usable", property(counted))
        detect(host, Choices(), Kept())
    assert judged == [address for link in host.links for address in link.addresses]


def test_what_is_kept_does_not_grow_with_the_addresses() -> None:
    few, many = (detect(parse_host(big_snapshot(3, 100, each)), Choices(), Kept()).problems for each in (2, 200))
    assert len(many) == 100 * len(few) > 0
    assert sum(len(group.answers) for group in many.groups) == sum(len(group.answers) for group in few.groups)


CHECKS: dict[str, Callable[[Detection], object]] = {
    "detect": lambda found: find_both(found.host, found.plan, found.state),
    "verify": lambda found: verify(found, None),
}


def test_addresses_are_alike_beside_a_route_by_two_gateways() -> None:
    """Only a leg's own source may take that leg."""
    link = make_link("eth0", [f"192.0.2.{last}/24" for last in range(2, 200)])
    route = make_route("default nexthop via 192.0.2.1 dev eth0 nexthop via 192.0.2.254 dev eth0")
    state = RoutingState((), [route], [link])
    assert len({state.likeness(held.address) for held in link.addresses}) == 2


@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)
def test_of_addresses_that_are_alike_one_is_asked(
    check: Callable[[Detection], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    few, many = (_lookups(check, addresses, monkeypatch) for addresses in (2, 200))
    assert few == many > 0


def _lookups(check: Callable[[Detection], object], addresses: int, monkeypatch: pytest.MonkeyPatch) -> int:
    """How often ``check`` asks the model, on a host with so many addresses on each of three uplinks."""
    found = detect(parse_host(big_snapshot(3, 100, addresses)), Choices(), Kept())
    asked: list[Packet] = []
    lookup = RoutingState.lookup

    def counted(state: RoutingState, packet: Packet, *, explain: bool = False) -> Answer:
        asked.append(packet)
        return lookup(state, packet, explain=explain)

    with monkeypatch.context() as patch:
        patch.setattr(RoutingState, "lookup", counted)
        check(found)
    return len(asked)


def test_rules_for_other_sources_are_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    few, many = (_rules_asked(sources, monkeypatch) for sources in (2, 2000))
    assert few == many == 2


def _rules_asked(sources: int, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many rules one answer of the model takes, of a rule for each of so many sources and one for all."""
    packet = Packet(Family.IPV4, ipaddress.ip_address("192.0.2.1"), source=ipaddress.ip_address("10.0.0.1"))
    link = make_link("eth0", f"{packet.source}/8")
    asked: list[Rule] = []

    def counted(rule: Rule, packet: Packet) -> str | None:
        asked.append(rule)
        return refusal(rule, packet)

    with monkeypatch.context() as patch:
        patch.setattr(asymgen.lookup, "refusal", counted)
        answer = RoutingState(_one_rule_each(sources), (), [link]).lookup(packet)
    assert answer.kind is Kind.NONE
    return len(asked)


def _one_rule_each(sources: int) -> Iterator[Rule]:
    first = ipaddress.ip_address("10.0.0.0")
    for number in range(sources):
        yield Rule(Family.IPV4, 100, source=single_address(first + number), table=100)
    yield Rule(Family.IPV4, 200, table=100)


@pytest.mark.parametrize(
    ("text", "shown"),
    [("a\tb\n", "a\tb\n"), ("a\x1b[1m\nb", "a\\x1b[1m\nb"), ("\udcff\r\n", "\\xff\\r\n"), ("ünï", "ünï")],
)
def test_printable_makes_visible_what_moves_a_cursor(text: str, shown: str) -> None:
    assert printable(text) == shown
