"""The model of the kernel's lookup, case by case. That the kernel agrees: tests/property/test_lookup_kernel.py."""

from __future__ import annotations

import ipaddress
import time
from dataclasses import replace
from typing import Any

import pytest

from asymgen.lookup import Answer, Fate, Kind, Packet, RoutingState, after, before
from asymgen.model import (
    PROTOCOL,
    TABLE_LOCAL,
    TABLE_MAIN,
    Address,
    Family,
    GroupMember,
    Host,
    InterfaceAddress,
    KernelState,
    Link,
    Network,
    NextHop,
    Range,
    Route,
    RouteType,
    Rule,
    RuleAction,
    Uplink,
    UplinkState,
)  # fmt: skip

FAR = "203.0.113.9"


def address(text: str, **marks: Any) -> InterfaceAddress:
    value, _, length = text.partition("/")
    return InterfaceAddress(ipaddress.ip_address(value), int(length), **marks)


def network(text: str) -> Network:
    return ipaddress.ip_network(text)


def route(
    text: str, *hops: NextHop, table: int = TABLE_MAIN, kind: RouteType = RouteType.UNICAST, **more: Any
) -> Route:
    destination = network(text)
    family = Family(destination.version)
    metric = more.pop("metric", 0 if family is Family.IPV4 else 1024)
    return Route(family, destination, table, kind, hops, metric=metric, **more)


def rule(priority: int, table: int | None = None, *, family: Family = Family.IPV4, **more: Any) -> Rule:
    for name in ("source", "destination"):
        if name in more:
            more[name] = network(more[name])
    return Rule(family, priority, table=table, **more)


def hop(interface: str, gateway: str | None = None, **marks: Any) -> NextHop:
    return NextHop(interface, None if gateway is None else ipaddress.ip_address(gateway), **marks)


LEFT, RIGHT = hop("left", "192.0.2.1"), hop("right", "198.51.100.1")
LINKS = (
    Link("lo", 1, addresses=(address("127.0.0.1/8", scope="host"), address("::1/128", scope="host"))),
    Link("left", 2, group=5, addresses=(address("192.0.2.10/24"), address("2001:db8:1::10/64"))),
    Link("right", 3, group=6, addresses=(address("198.51.100.10/24"), address("2001:db8:2::10/64"))),
)
MAIN = rule(32766, TABLE_MAIN)


def lookup(
    rules: list[Rule], routes: list[Route], destination: str = FAR, *, source: str | None = None, kernel: str = "",
    sysctls: dict[str, str] | None = None, **more: Any,
) -> Answer:  # fmt: skip
    asked: Address = ipaddress.ip_address(destination)
    own = None if source is None else ipaddress.ip_address(source)
    state = RoutingState(rules, routes, LINKS, sysctls=sysctls, kernel=kernel)
    return state.lookup(Packet(Family(asked.version), asked, own, **more), explain=True)


def fates(answer: Answer) -> list[Fate]:
    return [step.fate for step in answer.steps]


def test_nothing_answers() -> None:
    assert lookup([], []).kind is Kind.NONE
    assert lookup([MAIN], [route("10.0.0.0/8", LEFT)]).kind is Kind.NONE


def test_longest_prefix_wins_whatever_the_order() -> None:
    routes = [route("0.0.0.0/0", LEFT), route("203.0.113.0/24", RIGHT), route("203.0.0.0/16", LEFT)]
    assert lookup([MAIN], routes).ways == (RIGHT,)


def test_least_metric_wins() -> None:
    routes = [route("0.0.0.0/0", LEFT, metric=100), route("0.0.0.0/0", RIGHT, metric=50)]
    assert lookup([MAIN], routes).ways == (RIGHT,)


def test_route_of_another_tos_is_passed_over() -> None:
    routes = [route("203.0.113.0/24", LEFT, tos=0x10), route("203.0.113.0/24", RIGHT)]
    assert lookup([MAIN], routes).ways == (RIGHT,)
    assert lookup([MAIN], routes, tos=0x10).ways == (LEFT,)


def test_rules_go_by_priority_and_then_by_order() -> None:
    routes = [route("0.0.0.0/0", LEFT, table=100), route("0.0.0.0/0", RIGHT, table=200)]
    assert lookup([rule(20, 100), rule(10, 200)], routes).ways == (RIGHT,)
    assert lookup([rule(10, 100), rule(10, 200)], routes).ways == (LEFT,)


def test_from_does_not_match_an_unbound_socket() -> None:
    routes = [route("0.0.0.0/0", LEFT), route("0.0.0.0/0", RIGHT, table=100)]
    rules = [rule(10, 100, source="192.0.2.0/24"), MAIN]
    assert lookup(rules, routes).ways == (LEFT,)
    assert lookup(rules, routes, source="192.0.2.10").ways == (RIGHT,)


def test_unbound_socket_is_zero_to_ipv4_and_nothing_to_ipv6() -> None:
    routes = [route("0.0.0.0/0", LEFT, table=100)]
    assert lookup([rule(10, 100, source="0.0.0.0/1")], routes).kind is Kind.UNICAST
    six = [route("::/0", hop("left"), table=100)]
    assert lookup([rule(10, 100, family=Family.IPV6, source="::/1")], six, "2600::1").kind is Kind.NONE


@pytest.mark.parametrize("selector, packet, matching", [
    ({"destination": "203.0.113.0/24"}, {}, True),
    ({"iif": "lo"}, {}, True),
    ({"iif": "lo"}, {"iif": "left", "source": "192.0.2.7"}, False),
    ({"mark": 0x10, "mask": 0xF0}, {"mark": 0x1F}, True),
    ({"mark": 0x10}, {"mark": 0x1F}, False),
    ({"tos": 0x10}, {"tos": 0x50}, True),  # IPv4 looks at three bits only
    ({"ipproto": 6}, {"ipproto": 17}, False),
    ({"l3mdev": True}, {}, False),
    ({"inverted": True, "iif": "left"}, {}, True),
    ({"inverted": True}, {}, False),
    ({"inverted": True, "mark": 1, "iif": "lo"}, {}, True),
])  # fmt: skip
def test_selector(selector: dict[str, Any], packet: dict[str, Any], *, matching: bool) -> None:
    answer = lookup([rule(10, 100, **selector)], [route("0.0.0.0/0", LEFT, table=100)], **packet)
    assert (answer.kind is Kind.UNICAST) is matching


def test_throw_goes_on_with_the_next_rule() -> None:
    thrown = route("203.0.113.0/24", table=100, kind=RouteType.THROW)
    routes = [route("0.0.0.0/0", RIGHT, table=100), thrown, route("0.0.0.0/0", LEFT)]
    answer = lookup([rule(10, 100), MAIN], routes)
    assert answer.ways == (LEFT,)
    assert fates(answer) == [Fate.THROWN, Fate.DECIDED]


def test_error_route_ends_the_lookup_and_is_never_suppressed() -> None:
    routes = [route("0.0.0.0/0", table=100, kind=RouteType.UNREACHABLE), route("0.0.0.0/0", LEFT)]
    rules = [rule(10, 100, suppress_prefixlength=0, suppress_group=0), MAIN]
    assert lookup(rules, routes).kind is Kind.UNREACHABLE


def test_suppress_prefixlength_counts_up_to_and_including() -> None:
    routes = [route("202.0.0.0/7", RIGHT, table=100), route("0.0.0.0/0", LEFT)]
    assert lookup([rule(10, 100, suppress_prefixlength=6), MAIN], routes).ways == (RIGHT,)
    assert lookup([rule(10, 100, suppress_prefixlength=7), MAIN], routes).ways == (LEFT,)


def test_ipv4_suppresses_all_legs_by_the_group_of_the_first() -> None:
    both = route("203.0.113.0/24", replace(LEFT, dead=True), RIGHT, table=100)
    routes = [both, route("0.0.0.0/0", LEFT)]
    assert lookup([rule(10, 100, suppress_group=5), MAIN], routes).ways == (LEFT,)
    assert lookup([rule(10, 100, suppress_group=6), MAIN], routes).ways == (RIGHT,)


def test_ipv6_suppresses_each_leg_by_itself() -> None:
    one, other = hop("left", "2001:db8:1::1"), hop("right", "2001:db8:2::1")
    rules = [
        rule(10, 100, family=Family.IPV6, suppress_group=5),
        rule(20, family=Family.IPV6, action=RuleAction.PROHIBIT),
    ]
    answer = lookup(rules, [route("2600::/12", one, other, table=100)], "2600::1")
    assert answer.ways == (other,)
    assert {outcome.kind for outcome in answer.outcomes} == {Kind.UNICAST, Kind.PROHIBIT}


def test_goto_needs_a_rule_of_exactly_that_priority() -> None:
    routes = [route("0.0.0.0/0", LEFT, table=100), route("0.0.0.0/0", RIGHT)]
    jump = rule(10, action=RuleAction.GOTO, target=30)
    assert lookup([jump, rule(20, 100), rule(30, TABLE_MAIN)], routes).ways == (RIGHT,)
    answer = lookup([jump, rule(20, 100), rule(31, TABLE_MAIN)], routes)
    assert answer.ways == (LEFT,)
    assert fates(answer) == [Fate.UNRESOLVED, Fate.DECIDED]


def test_goto_never_leads_back() -> None:
    back = rule(10, action=RuleAction.GOTO, target=5)
    assert fates(lookup([rule(5, action=RuleAction.NOP), back], [])) == [Fate.NO_ACTION, Fate.UNRESOLVED]


def test_rule_that_is_not_modelled_may_or_may_not_match() -> None:
    routes = [route("0.0.0.0/0", LEFT, table=100), route("0.0.0.0/0", RIGHT)]
    assert lookup([rule(10, 100, unmodelled=("tun_id",)), MAIN], routes).ways == (LEFT, RIGHT)
    jump = rule(10, action=RuleAction.GOTO, target=30, unmodelled=("tun_id",))
    answer = lookup([jump, rule(20, 100), rule(30, TABLE_MAIN)], routes)
    assert set(answer.ways) == {LEFT, RIGHT}


def test_dead_leg_and_ignored_linkdown_leg_are_not_taken() -> None:
    down = replace(LEFT, linkdown=True)
    ignored = {"net/ipv4/conf/all/ignore_routes_with_linkdown": "1"}
    assert lookup([MAIN], [route("0.0.0.0/0", replace(LEFT, dead=True), RIGHT)]).ways == (RIGHT,)
    assert lookup([MAIN], [route("0.0.0.0/0", down, RIGHT)]).ways == (down, RIGHT)
    assert lookup([MAIN], [route("0.0.0.0/0", down, RIGHT)], sysctls=ignored).ways == (RIGHT,)


@pytest.mark.parametrize("kernel, ways", [("6.15.9", (LEFT, RIGHT)), ("6.16.0-rc1", (RIGHT,)), ("", (RIGHT,))])
def test_multipath_prefers_the_leg_of_the_source_since_6_16(kernel: str, ways: tuple[NextHop, ...]) -> None:
    routes = [route("0.0.0.0/0", LEFT, RIGHT)]
    assert lookup([MAIN], routes, source="198.51.100.10", kernel=kernel).ways == ways
    assert lookup([MAIN], routes, kernel=kernel).ways == (LEFT, RIGHT)


def test_equal_ipv4_defaults_are_both_possible() -> None:
    assert lookup([MAIN], [route("0.0.0.0/0", LEFT), route("0.0.0.0/0", RIGHT)]).ways == (LEFT, RIGHT)


def test_interface_of_the_socket_narrows_the_choice() -> None:
    routes = [route("203.0.113.0/24", LEFT), route("0.0.0.0/0", RIGHT)]
    assert lookup([MAIN], routes, oif="right").ways == (RIGHT,)
    # IPv4 takes the destination for a neighbour where no route leads there.
    assert lookup([MAIN], [], oif="right").ways == (hop("right"),)


def test_interface_of_the_socket_takes_the_first_of_its_legs() -> None:
    routes = [route("0.0.0.0/0", LEFT, hop("right", "198.51.100.2"), RIGHT)]
    assert lookup([MAIN], routes, oif="right").ways == (hop("right", "198.51.100.2"),)


def test_ipv6_router_preference_tells_equal_routes_apart() -> None:
    routes = [route("::/0", hop("left")), route("::/0", hop("right"), preference="high")]
    only = rule(10, TABLE_MAIN, family=Family.IPV6)
    assert lookup([only], routes, "2600::1").ways == (hop("right"),)
    assert lookup([only], [replace(made, preference="low") for made in routes], "2600::1").ways == (hop("left"),)


def test_ipv6_prefers_among_equals_the_interface_that_a_packet_came_by() -> None:
    routes = [route("::/0", hop("left")), route("::/0", hop("right"))]
    only = rule(10, TABLE_MAIN, family=Family.IPV6)
    assert lookup([only], routes, "2600::1", source="2a00::1", iif="right").ways == (hop("right"),)


def test_forwarded_packet_is_roots() -> None:
    roots = rule(10, 100, uids=Range(0, 0))
    routes = [route("0.0.0.0/0", LEFT, table=100)]
    assert lookup([roots], routes, uid=1000).kind is Kind.NONE
    assert lookup([roots], routes, uid=1000, source="10.0.0.1", iif="right").kind is Kind.UNICAST


def test_ipv4_multicast_leaves_by_its_source() -> None:
    routes = [route("0.0.0.0/0", LEFT)]
    answer = lookup([MAIN], routes, "239.1.1.1", source="198.51.100.10")
    assert (answer.kind, answer.ways) == (Kind.MULTICAST, (hop("right"),))


def test_source_specific_route_wins_and_hides_the_plain_one() -> None:
    """The plain route of the same network is passed over where no source fits (seen on 6.18)."""
    special = route("2600::/16", hop("right"), source=network("2001:db8:2::/64"))
    routes = [route("2600::/16", hop("left")), special, route("2600::/12", hop("left"))]
    rules = [rule(10, TABLE_MAIN, family=Family.IPV6)]
    assert lookup(rules, routes, "2600::1", source="2001:db8:2::10").route == special
    assert lookup(rules, routes, "2600::1", source="2001:db8:1::10").route == routes[2]


# --- the source of an unbound socket -------------------------------------------------------------


def source_of(links: tuple[Link, ...], made: Route, destination: str, **sysctls: str) -> str:
    asked = ipaddress.ip_address(destination)
    only = rule(10, TABLE_MAIN, family=made.family)
    settings = {key.replace("__", "/"): value for key, value in sysctls.items()}
    return str(RoutingState([only], [made], links, sysctls=settings).lookup(Packet(made.family, asked)).source)


def test_ipv4_source_is_in_the_subnet_of_the_gateway() -> None:
    link = Link(
        "left", 2, addresses=(address("192.0.2.10/24"), address("10.0.0.5/8"), address("10.0.0.6/8", secondary=True))
    )
    assert source_of((link,), route("0.0.0.0/0", hop("left", "10.0.0.1")), FAR) == "10.0.0.5"
    assert source_of((link,), route("0.0.0.0/0", hop("left", "172.16.0.1")), FAR) == "192.0.2.10"


def test_ipv4_source_of_narrow_scope_is_not_for_a_gateway() -> None:
    link = Link("left", 2, addresses=(address("192.0.2.10/24", scope="link"), address("10.0.0.5/8")))
    assert source_of((link,), route("0.0.0.0/0", hop("left", "192.0.2.1")), FAR) == "10.0.0.5"
    assert source_of((link,), route("0.0.0.0/0", hop("left"), scope="link"), FAR) == "192.0.2.10"


def test_ipv4_source_is_no_secondary_address() -> None:
    held = (address("192.0.2.10/24", scope="link"), address("192.0.2.11/24", secondary=True), address("10.0.0.5/8"))
    assert (
        source_of((Link("left", 2, addresses=held),), route("0.0.0.0/0", hop("left", "192.0.2.1")), FAR) == "10.0.0.5"
    )


def test_ipv4_interface_without_address_borrows_one() -> None:
    narrow = Link("right", 3, addresses=(address("198.51.100.10/24", scope="link"),))
    bare = route("0.0.0.0/0", hop("bare"), scope="link")
    assert source_of((narrow, LINKS[1], Link("bare", 4)), bare, FAR) == "192.0.2.10"
    assert source_of((*LINKS, Link("bare", 4)), route("0.0.0.0/0", hop("bare")), FAR) == "192.0.2.10"


def test_preferred_source_wins() -> None:
    made = route("0.0.0.0/0", LEFT, preferred_source=ipaddress.ip_address("198.51.100.10"))
    assert source_of(LINKS, made, FAR) == "198.51.100.10"


@pytest.mark.parametrize("held, destination, expected", [
    (("2001:db8:1::10/64", "2001:db8:2::10/64"), "2001:db8:2::1", "2001:db8:2::10"),  # longest match
    (("fd00::10/64", "2001:db8:2::10/64"), "fd00:9::1", "fd00::10"),  # label
    (("fe80::10/64", "2001:db8:2::10/64"), "2600::1", "2001:db8:2::10"),  # scope that reaches
    (("2001:db8:2::10/64", "fe80::10/64"), "fe80::1", "fe80::10"),  # smallest that reaches
    (("2002:c8::1/48", "c000::1/64"), "2600::1", "c000::1"),  # label, against the longer match
    (("2001:db8:1::10/64", "2001:db8:1::11/64"), "2001:db8:1::11", "2001:db8:1::11"),  # itself
    (("2001:db8:2::10/16", "2001:db8:1::10/64"), "2001:db8:2::1", "2001:db8:1::10"),  # no longer than its prefix
    (("2001:db8:1::11/64", "2001:db8:1::10/64"), "2001:db8:1::1", "2001:db8:1::11"),  # the first of equals
])  # fmt: skip
def test_ipv6_source(held: tuple[str, ...], destination: str, expected: str) -> None:
    link = Link("left", 2, addresses=tuple(address(text) for text in held))
    assert source_of((link,), route("::/0", hop("left")), destination) == expected


def test_ipv6_avoids_deprecated_and_tentative_and_prefers_the_interface() -> None:
    spoilt = (address("2600::1/64", deprecated=True), address("2600::2/64", tentative=True), address("2a00::1/64"))
    elsewhere = Link("right", 3, addresses=(address("2600::3/64"),))
    assert source_of((Link("left", 2, addresses=spoilt), elsewhere), route("::/0", hop("left")), "2600::9") == "2a00::1"


def test_ipv6_temporary_address_only_where_the_host_wants_it() -> None:
    link = Link("left", 2, addresses=(address("2600::1/64"), address("2600::2/64", temporary=True)))
    made = route("::/0", hop("left"))
    assert source_of((link,), made, "2600:9::9") == "2600::1"
    assert source_of((link,), made, "2600:9::9", net__ipv6__conf__left__use_tempaddr="2") == "2600::2"


def test_connecting_ipv4_socket_asks_again_with_its_source() -> None:
    routes = [
        route("0.0.0.0/0", LEFT, preferred_source=ipaddress.ip_address("198.51.100.10")),
        route("0.0.0.0/0", RIGHT, table=100),
    ]
    state = RoutingState([rule(10, 100, source="198.51.100.0/24"), MAIN], routes, LINKS)
    packet = Packet(Family.IPV4, ipaddress.ip_address(FAR))
    assert (state.lookup(packet).ways, state.connect(packet).ways) == ((LEFT,), (RIGHT,))


def test_connecting_ipv6_socket_finds_a_source_where_there_was_no_route() -> None:
    state = RoutingState(
        [rule(10, 100, family=Family.IPV6, source="2001:db8:2::/64")],
        [route("::/0", hop("right"), table=100)],
        LINKS,
    )
    answer = state.connect(Packet(Family.IPV6, ipaddress.ip_address("2001:db8:2::99")))
    assert (answer.ways, str(answer.source)) == ((hop("right"),), "2001:db8:2::10")


# --- before and after ----------------------------------------------------------------------------


def host(**more: Any) -> Host:
    given: dict[str, Any] = {"rules": (MAIN,), "routes": (route("0.0.0.0/0", LEFT),)}
    return Host("example", LINKS, os_release={}, **{**given, **more})


def uplink(interface: str) -> Uplink:
    return Uplink(interface, Family.IPV4, None, "", (), (), (), table=100, priority=32000, primary=False)


def kernel_state(*rules: Rule, routes: tuple[Route, ...] = (), groups: tuple[GroupMember, ...] = ()) -> KernelState:
    return KernelState((UplinkState(uplink("right"), routes, rules),), groups, ())


def ask(state: RoutingState, source: str | None = None) -> Answer:
    own = None if source is None else ipaddress.ip_address(source)
    return state.lookup(Packet(Family.IPV4, ipaddress.ip_address(FAR), own))


def test_before_and_after() -> None:
    state = kernel_state(rule(32003, 100, source="198.51.100.0/24"), routes=(route("0.0.0.0/0", RIGHT, table=100),))
    assert ask(before(host()), "198.51.100.10").ways == (LEFT,)
    assert ask(after(host(), state), "198.51.100.10").ways == (RIGHT,)
    assert ask(after(host(), state), "192.0.2.10").ways == (LEFT,)


def test_after_stands_behind_others_of_equal_priority() -> None:
    others = rule(32003, TABLE_MAIN)
    state = kernel_state(rule(32003, 100), routes=(route("0.0.0.0/0", RIGHT, table=100),))
    assert ask(after(host(rules=(others,)), state)).ways == (LEFT,)


def test_after_takes_the_place_of_an_earlier_run() -> None:
    old_rule = rule(5, action=RuleAction.PROHIBIT, protocol=PROTOCOL)
    old_route = route("203.0.113.0/24", LEFT, protocol=PROTOCOL)
    shown = host(rules=(old_rule, MAIN), routes=(route("0.0.0.0/0", RIGHT), old_route))
    assert ask(before(shown)).kind is Kind.PROHIBIT
    assert ask(after(shown, kernel_state())).ways == (RIGHT,)


def test_after_replaces_a_route_of_the_same_key() -> None:
    mine = replace(route("2600::/16", hop("right"), table=100), metric=0)
    others = route("2600::/16", hop("left"), table=100)
    only = rule(10, 100, family=Family.IPV6)
    answer = after(host(rules=(only,), routes=(others,)), kernel_state(routes=(mine,))).lookup(
        Packet(Family.IPV6, ipaddress.ip_address("2600::1"))
    )
    assert answer.ways == (hop("right"),)


def test_after_uses_the_groups_to_be() -> None:
    guard = rule(32002, TABLE_MAIN, suppress_group=971)
    away = rule(32003, action=RuleAction.BLACKHOLE)
    shown = host(rules=())
    assert ask(after(shown, kernel_state(guard, away))).ways == (LEFT,)
    grouped = kernel_state(guard, away, groups=(GroupMember("left", 971),))
    assert ask(after(shown, grouped)).kind is Kind.BLACKHOLE


def test_steps_only_when_asked_for() -> None:
    packet = Packet(Family.IPV4, ipaddress.ip_address(FAR))
    assert before(host()).lookup(packet).steps == ()
    (step,) = before(host()).lookup(packet, explain=True).steps
    assert (step.rule, step.fate, step.why) == (MAIN, Fate.DECIDED, "unicast 0.0.0.0/0")


def test_a_full_table_is_fast() -> None:
    plain = route("0.0.0.0/0", LEFT)
    routes = [replace(plain, destination=ipaddress.IPv4Network((number << 8, 24))) for number in range(100_000)]
    began = time.process_time()
    state = RoutingState([rule(0, TABLE_LOCAL), MAIN], routes, LINKS)
    packets = (Packet(Family.IPV4, ipaddress.IPv4Address(number << 14)) for number in range(2000))
    assert {state.lookup(packet).kind for packet in packets} == {Kind.UNICAST, Kind.NONE}
    assert time.process_time() - began < 4


def test_ipv4_sends_nothing_from_an_address_of_others() -> None:
    routes = [route("0.0.0.0/0", LEFT), route("10.9.0.0/16", hop("lo"), table=TABLE_LOCAL, kind=RouteType.LOCAL)]
    assert lookup([MAIN], routes, source="10.8.0.1").kind is Kind.NONE
    assert lookup([MAIN], routes, source="10.9.0.1").ways == (LEFT,)
    assert lookup([MAIN], routes, source="10.8.0.1", iif="right").ways == (LEFT,)
