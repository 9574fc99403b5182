"""The promise of routing.md, bullet by bullet: the model of the kernel is asked, before and after.

The same shapes are loaded into real kernels by tests/netns/test_cases.py; here each bullet stands alone,
so that the code which keeps it cannot be taken away unnoticed.
"""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest

from asymgen.iproute2 import route_words
from asymgen.lookup import Packet, after, before
from asymgen.model import Capabilities, Family, GroupMember, Host, Rule
from tests.hosts import RuleAction, looks_up, lower_for, make_host, make_link, make_rule, mended, plan_for, way

NO_GROUPS = Capabilities(suppress_ifgroup=False)
NO_SUPPRESSORS = Capabilities(suppress_prefixlength=False, suppress_ifgroup=False)
EVERY_LOWERING = pytest.mark.parametrize(
    "can", [Capabilities(), NO_GROUPS, NO_SUPPRESSORS], ids=["all", "no-groups", "none"]
)

FAR = "45.45.45.45"


def two_subnets(*routes: str, **fields: Any) -> Host:
    interfaces = {"eth0": "192.0.2.10/24", "eth1": "198.51.100.10/24", **fields.pop("more", {})}
    return make_host(
        interfaces,
        ["default via 192.0.2.1 dev eth0", "default via 198.51.100.1 dev eth1 metric 200", *routes],
        **fields,
    )


@EVERY_LOWERING
def test_answers_leave_by_their_own_uplink(can: Capabilities) -> None:
    host = two_subnets()
    assert way(before(host), "198.51.100.10", FAR) == "eth0 via 192.0.2.1"
    routing = mended(host, can)
    assert way(routing, "198.51.100.10", FAR) == "eth1 via 198.51.100.1"
    assert way(routing, "192.0.2.10", FAR) == "eth0 via 192.0.2.1"
    assert way(routing, "198.51.100.10", "198.51.100.77") == "eth1 directly"


@EVERY_LOWERING
def test_answers_to_the_other_uplinks_subnet_take_the_own_gateway(can: Capabilities) -> None:
    routing = mended(two_subnets(), can)
    assert way(routing, "198.51.100.10", "192.0.2.77") == "eth1 via 198.51.100.1"
    assert way(routing, "192.0.2.10", "198.51.100.77") == "eth0 via 192.0.2.1"


@EVERY_LOWERING
def test_networks_behind_other_interfaces_are_reached_directly(can: Capabilities) -> None:
    host = two_subnets("10.99.0.0/16 via 172.17.0.9 dev docker0", more={"docker0": "172.17.0.1/16"})
    routing = mended(host, can)
    assert way(routing, "198.51.100.10", "172.17.0.5") == "docker0 directly"
    assert way(routing, "198.51.100.10", "10.99.1.1") == "docker0 via 172.17.0.9"


def test_a_network_that_appears_later_is_reached_directly() -> None:
    host = two_subnets()
    state = lower_for(host)
    grown = two_subnets(more={"br-0123456789ab": "172.30.0.1/16"})
    assert way(after(grown, state), "198.51.100.10", "172.30.0.9") == "br-0123456789ab directly"


def test_unbound_packets_and_other_sources_go_as_before() -> None:
    host = two_subnets(more={"eth2": "10.9.0.1/24"})
    routing = mended(host)
    assert way(routing, None, FAR) == way(before(host), None, FAR) == "eth0 via 192.0.2.1"
    assert way(routing, "10.9.0.1", FAR) == way(before(host), "10.9.0.1", FAR)


def test_forwarded_packets_match_no_rule_of_ours() -> None:
    assert {rule.iif for rule in lower_for(two_subnets()).rules} == {"lo"}


@EVERY_LOWERING
def test_more_specific_routes_through_the_own_uplink_count(can: Capabilities) -> None:
    host = two_subnets("10.60.0.0/16 via 198.51.100.66 dev eth1")
    assert way(mended(host, can), "198.51.100.10", "10.60.1.1") == "eth1 via 198.51.100.66"
    assert way(mended(host, can), "192.0.2.10", "10.60.1.1") == "eth0 via 192.0.2.1"


def test_an_own_route_hidden_behind_a_better_one_of_another_uplink_counts() -> None:
    host = two_subnets("10.60.0.0/16 via 192.0.2.66 dev eth0", "10.60.0.0/16 via 198.51.100.66 dev eth1 metric 50")
    assert way(mended(host), "198.51.100.10", "10.60.1.1") == "eth1 via 198.51.100.66"


@EVERY_LOWERING
@pytest.mark.parametrize("halves", [("0.0.0.0/1", "128.0.0.0/1"), ("0.0.0.0/5", "8.0.0.0/7", "32.0.0.0/3")])
def test_a_vpn_that_splits_the_default_does_not_take_answers(halves: tuple[str, ...], can: Capabilities) -> None:
    host = two_subnets(*(f"{half} dev tun0" for half in halves), more={"tun0": "10.8.0.2/24"})
    assert way(before(host), "198.51.100.10", FAR) == "tun0 directly"
    assert way(mended(host, can), "198.51.100.10", FAR) == "eth1 via 198.51.100.1"
    assert way(mended(host, can), None, FAR) == "tun0 directly"


def same_subnet(*interfaces: str, **fields: Any) -> Host:
    links = {name: f"192.0.2.{10 + place}/24" for place, name in enumerate(interfaces)}
    return make_host(links, ["default via 192.0.2.1 dev eth0"], **fields)


@EVERY_LOWERING
def test_two_interfaces_on_one_subnet_each_use_their_own(can: Capabilities) -> None:
    routing = mended(same_subnet("eth0", "eth1"), can)
    for last, own in ((10, "eth0"), (11, "eth1")):
        assert way(routing, f"192.0.2.{last}", "192.0.2.77") == f"{own} directly"
        assert way(routing, f"192.0.2.{last}", FAR) == f"{own} via 192.0.2.1"


def test_own_subnet_comes_first_where_main_covers_it_with_an_error() -> None:
    host = make_host(
        {"eth0": "192.0.2.10/24", "eth1": "10.1.2.10/24 noprefixroute"},
        ["default via 192.0.2.1 dev eth0", "default via 10.1.2.1 dev eth1 metric 9", "blackhole 10.0.0.0/8"],
    )
    assert way(mended(host), "10.1.2.10", "10.1.2.77") == "eth1 directly"
    assert way(mended(host), "10.1.2.10", "10.1.99.1").startswith("nowhere"), "an administrator's blackhole stays"


def test_own_subnet_comes_first_where_a_lan_has_the_same_range() -> None:
    host = two_subnets(more={"eth2": make_link("eth2", "198.51.100.200/24")}, connected=True)
    assert way(mended(host), "198.51.100.10", "198.51.100.77") == "eth1 directly"


@pytest.mark.parametrize(
    ("outer", "inner", "gateways", "asks"),
    [
        ("10.0.0.10/16", "172.17.0.1/24", None, ("172.17.0.9", "docker0 directly")),
        ("10.0.0.10/16", "10.0.5.1/24", None, ("10.0.5.9", "docker0 directly")),
    ],
)
@EVERY_LOWERING
def test_a_network_nested_in_the_own_subnet_is_reached_where_it_is(
    outer: str, inner: str, gateways: None, asks: tuple[str, str], can: Capabilities
) -> None:
    host = make_host(
        {"eth0": outer, "eth1": "198.51.100.10/24", "docker0": inner},
        ["default via 10.0.0.1 dev eth0", "default via 198.51.100.1 dev eth1 metric 9"],
    )
    assert way(mended(host, can), "10.0.0.10", asks[0]) == asks[1]
    assert way(mended(host, can), "10.0.0.10", "10.0.77.1") == "eth0 directly"


def test_pods_that_appear_later_inside_the_own_subnet_are_reached() -> None:
    host = two_subnets()
    grown = two_subnets("198.51.100.55/32 dev eni0123", more={"eni0123": make_link("eni0123")})
    assert way(after(grown, lower_for(host)), "198.51.100.10", "198.51.100.55") == "eni0123 directly"


def test_dockers_ipv6_subnet_inside_the_hosts_64_is_reached() -> None:
    host = make_host(
        {"eth0": "2001:db8:1::10/64", "eth1": "2001:db8:2::10/64", "docker0": "2001:db8:2:0:d::1/80"},
        ["default via fe80::1 dev eth0", "default via fe80::2 dev eth1 metric 2048"],
    )
    routing = mended(host)
    assert way(routing, "2001:db8:2::10", "2001:db8:2:0:d::9") == "docker0 directly"
    assert way(routing, "2001:db8:2::10", "2001:db8:2::9") == "eth1 directly"
    assert way(routing, "2001:db8:2::10", "2600:4545::45") == "eth1 via fe80::2"


@EVERY_LOWERING
def test_nested_prefixes_of_two_uplinks_go_by_the_gateway(can: Capabilities) -> None:
    host = make_host(
        {"eth0": "10.0.0.10/16", "eth1": "10.0.5.10/24"},
        ["default via 10.0.0.1 dev eth0", "default via 10.0.5.1 dev eth1 metric 9"],
    )
    routing = mended(host, can)
    assert way(routing, "10.0.0.10", "10.0.5.77") == "eth0 via 10.0.0.1"
    assert way(routing, "10.0.0.10", "10.0.77.77") == "eth0 directly"
    assert way(routing, "10.0.5.10", "10.0.77.77") == "eth1 via 10.0.5.1"


def three_uplinks(*routes: str, **fields: Any) -> Host:
    interfaces = {
        "eth0": "192.0.2.10/24",
        "eth1": "198.51.100.10/24",
        "eth2": "203.0.113.10/24",
        **fields.pop("more", {}),
    }
    defaults = [
        "default via 192.0.2.1 dev eth0",
        "default via 198.51.100.1 dev eth1 metric 200",
        "default via 203.0.113.1 dev eth2 metric 300",
    ]
    return make_host(interfaces, [*defaults, *routes], **fields)


@EVERY_LOWERING
def test_three_uplinks_do_not_use_each_others_networks(can: Capabilities) -> None:
    host = three_uplinks("10.50.0.0/16 via 203.0.113.66 dev eth2")
    routing = mended(host, can)
    assert way(routing, "198.51.100.10", "203.0.113.77") == "eth1 via 198.51.100.1"
    assert way(routing, "198.51.100.10", "10.50.1.1") == "eth1 via 198.51.100.1"
    assert way(routing, "203.0.113.10", "10.50.1.1") == "eth2 via 203.0.113.66"
    assert way(routing, "192.0.2.10", "10.50.1.1") == "eth0 via 192.0.2.1"
    notes = lower_for(host, can).notes
    assert any("10.50.0.0/16" in note and "as of this run" in note for note in notes)


@EVERY_LOWERING
def test_containers_inside_a_network_behind_a_third_uplink_stay_reachable(can: Capabilities) -> None:
    host = three_uplinks("10.0.0.0/8 via 203.0.113.66 dev eth2", "10.88.5.0/24 via 203.0.113.67 dev eth2",
                         more={"cni0": "10.88.0.1/16"})  # fmt: skip
    routing = mended(host, can)
    assert way(routing, "198.51.100.10", "10.88.9.9") == "cni0 directly"
    assert way(routing, "198.51.100.10", "10.88.5.9") == "eth1 via 198.51.100.1"
    assert way(routing, "198.51.100.10", "10.1.1.1") == "eth1 via 198.51.100.1"


@EVERY_LOWERING
def test_a_multipath_route_over_several_uplinks_goes_by_the_own_leg(can: Capabilities) -> None:
    host = two_subnets("10.70.0.0/16 nexthop via 192.0.2.66 dev eth0 nexthop via 198.51.100.66 dev eth1")
    routing = mended(host, can)
    assert way(routing, "198.51.100.10", "10.70.1.1") == "eth1 via 198.51.100.66"
    assert way(routing, "192.0.2.10", "10.70.1.1") == "eth0 via 192.0.2.66"


@pytest.mark.parametrize("kind", ["unreachable", "blackhole"])
def test_an_error_default_in_main_does_not_stop_answers(kind: str) -> None:
    host = make_host(
        {"eth0": "192.0.2.10/24", "eth1": "198.51.100.10/24", "docker0": "172.17.0.1/16"},
        [
            f"{kind} default metric 9999",
            "default via 192.0.2.1 dev eth0 table 7",
            "default via 198.51.100.1 dev eth1 table 8",
        ],
    )
    routing = mended(host)
    assert way(routing, "198.51.100.10", FAR) == "eth1 via 198.51.100.1"
    assert way(routing, "198.51.100.10", "172.17.0.9") == "docker0 directly"
    assert any("as of this run" in note for note in lower_for(host).notes)


# --- rules of others -------------------------------------------------------------------------------


def test_a_conditional_rule_between_ours_and_main_goes_on_deciding() -> None:
    theirs = make_rule(Family.IPV4, 32765, mark=0x1, table=100)
    host = two_subnets("default via 172.16.0.1 dev vpn0 table 100", more={"vpn0": "172.16.0.2/24"}, rules=[theirs])
    [again] = {(r.source, r.mark, r.table, r.priority) for r in looks_up(lower_for(host), mark=0x1)
               if r.source == ipaddress.ip_network("198.51.100.0/24")}  # fmt: skip
    assert again == (ipaddress.ip_network("198.51.100.0/24"), 0x1, 100, 32010)
    marked = Packet(Family.IPV4, ipaddress.ip_address(FAR), source=ipaddress.ip_address("198.51.100.10"), mark=1)
    assert mended(host).lookup(marked).ways[0].interface == "vpn0"


def test_an_administrators_from_rule_goes_on_deciding_for_its_sources_only() -> None:
    theirs = make_rule(Family.IPV4, 32765, source="198.51.100.20/32", table=100)
    host = make_host(
        {"eth0": "192.0.2.10/24", "eth1": ["198.51.100.10/24", "198.51.100.20/24"], "eth2": "10.9.0.1/24"},
        [
            "default via 192.0.2.1 dev eth0",
            "default via 198.51.100.1 dev eth1 metric 9",
            "default via 10.9.0.2 dev eth2 table 100",
        ],
        rules=[theirs],
    )
    assert way(mended(host, excluded=frozenset({"eth2"})), "198.51.100.20", FAR) == "eth2 via 10.9.0.2"
    assert way(mended(host, excluded=frozenset({"eth2"})), "198.51.100.10", FAR) == "eth1 via 198.51.100.1"


def test_a_rule_that_cannot_be_repeated_is_named() -> None:
    theirs = make_rule(Family.IPV4, 32700, inverted=True, destination="10.0.0.0/8", table=100)
    notes = lower_for(two_subnets(rules=[theirs])).notes
    assert any("32700" in note and "bypassed" in note for note in notes)


def wg_quick(priority: int) -> list[Rule]:
    return [
        make_rule(Family.IPV4, priority - 1, table=254, suppress_prefixlength=0),
        make_rule(Family.IPV4, priority, inverted=True, mark=0xCA6C, mask=0xFFFFFFFF, table=51820),
    ]


def wireguard_host(priority: int) -> Host:
    return two_subnets(
        "default dev wg0 table 51820", more={"wg0": make_link("wg0", "10.10.0.2/32", kind="wireguard")},
        rules=wg_quick(priority),
    )  # fmt: skip


@pytest.mark.parametrize("priority", [32765, 31000], ids=["behind ours", "ahead of ours"])
def test_answers_do_not_enter_a_tunnel_that_takes_everything(priority: int) -> None:
    host = wireguard_host(priority)
    assert way(before(host), "198.51.100.10", FAR) == "wg0 directly"
    assert way(mended(host), "198.51.100.10", FAR) == "eth1 via 198.51.100.1"
    assert way(mended(host), "192.0.2.10", FAR) == "eth0 via 192.0.2.1"
    assert way(mended(host), None, FAR) == "wg0 directly"


def test_the_jump_stands_one_before_the_tunnel_rule_and_leads_to_our_first_rule() -> None:
    state = lower_for(wireguard_host(31000))
    jumps = looks_up(state, action=RuleAction.GOTO)
    assert {(rule.priority, rule.target) for rule in jumps} == {(30999, 32000), (30999, 32010)}
    assert looks_up(lower_for(wireguard_host(32765)), action=RuleAction.GOTO) == []


def test_what_stands_before_the_tunnel_rule_goes_on_deciding() -> None:
    ahead = make_rule(Family.IPV4, 500, source="198.51.100.10/32", table=77)
    host = two_subnets(
        "default dev wg0 table 51820", "default via 10.9.0.2 dev eth2 table 77",
        more={"wg0": make_link("wg0", "10.10.0.2/32", kind="wireguard"), "eth2": "10.9.0.1/24"},
        rules=[ahead, *wg_quick(31000)],
    )  # fmt: skip
    assert way(mended(host, excluded=frozenset({"eth2"})), "198.51.100.10", FAR) == "eth2 via 10.9.0.2"


def test_a_tunnel_tables_own_networks_go_on_deciding_behind_the_jump() -> None:
    host = two_subnets(
        "default dev tailscale0 table 52", "100.101.102.103/32 dev tailscale0 table 52",
        more={"tailscale0": make_link("tailscale0", "100.64.0.2/32", kind="tun")},
        rules=[make_rule(Family.IPV4, 5270, table=52)],
    )  # fmt: skip
    routing = mended(host)
    assert way(routing, "198.51.100.10", FAR) == "eth1 via 198.51.100.1"
    assert way(routing, "198.51.100.10", "100.101.102.103") == "tailscale0 directly"


def test_a_tunnel_that_takes_answers_from_the_only_uplink_is_work_to_do() -> None:
    routes = ["default via 192.0.2.1 dev eth0", "0.0.0.0/1 dev tun0", "128.0.0.0/1 dev tun0"]
    host = make_host({"eth0": "192.0.2.10/24", "tun0": make_link("tun0", "10.8.0.2/24", kind="tun")}, routes)
    assert not plan_for(host).nothing_to_do
    assert way(mended(host), "192.0.2.10", FAR) == "eth0 via 192.0.2.1"


def test_one_uplink_in_every_family_is_nothing_to_do() -> None:
    host = make_host(
        {"eth0": ["192.0.2.10/24", "2001:db8:1::10/64"], "docker0": "172.17.0.1/16"},
        ["default via 192.0.2.1 dev eth0", "default via fe80::1 dev eth0"],
    )
    assert plan_for(host).nothing_to_do
    assert [uplink.interface for uplink in plan_for(host).uplinks] == ["eth0", "eth0"]


def test_local_addresses_are_reached_where_the_local_rule_was_moved() -> None:
    host = two_subnets(local=32765)
    state = lower_for(host)
    assert looks_up(state, priority=32000, table=255)
    assert after(host, state).lookup(_packet("192.0.2.10", "198.51.100.10")).kind.value == "local"
    assert not looks_up(lower_for(two_subnets()), table=255)


def _packet(source: str, destination: str) -> Packet:
    return Packet(Family.IPV4, ipaddress.ip_address(destination), source=ipaddress.ip_address(source))


def test_fail_closed_is_a_rule_after_the_uplink() -> None:
    state = lower_for(two_subnets(), fail_closed=True)
    assert [rule.priority for rule in looks_up(state, action=RuleAction.UNREACHABLE)] == [32004, 32014]
    without_default = make_host(
        {"eth0": "192.0.2.10/24", "eth1": "198.51.100.10/24"}, ["default via 192.0.2.1 dev eth0"]
    )
    emptied = type(state)(tuple(type(s)(s.uplink, (), s.rules) for s in state.uplinks), state.groups, state.sysctls)
    assert way(after(without_default, emptied), "198.51.100.10", FAR) == "nowhere (unreachable)"
    assert not looks_up(lower_for(two_subnets()), action=RuleAction.UNREACHABLE)


# --- two gateways, groups --------------------------------------------------------------------------


def two_gateways() -> Host:
    return make_host(
        {"eth0": ["192.0.2.10/24", "198.51.100.10/24"]},
        ["default via 192.0.2.1 dev eth0", "default via 198.51.100.1 dev eth0 metric 9"],
    )


def test_two_gateways_on_one_interface_are_two_uplinks() -> None:
    uplinks = plan_for(two_gateways()).uplinks
    assert [(str(up.gateway), [str(source) for source in up.sources], up.table) for up in uplinks] == [
        ("192.0.2.1", ["192.0.2.0/24"], 1),
        ("198.51.100.1", ["198.51.100.0/24"], 2),
    ]


@EVERY_LOWERING
def test_two_gateways_on_one_interface_each_answer_by_their_own(can: Capabilities) -> None:
    routing = mended(two_gateways(), can)
    assert way(routing, "198.51.100.10", FAR) == "eth0 via 198.51.100.1"
    assert way(routing, "198.51.100.10", "192.0.2.77") == "eth0 via 198.51.100.1"
    assert way(routing, "192.0.2.10", FAR) == "eth0 via 192.0.2.1"
    assert way(routing, "192.0.2.10", "192.0.2.77") == "eth0 directly"


def test_groups_are_the_primarys_and_the_others() -> None:
    state = lower_for(three_uplinks())
    assert state.groups == (GroupMember("eth0", 9700), GroupMember("eth1", 9701), GroupMember("eth2", 9701))
    guards = {
        rule.source: rule.suppress_group for rule in looks_up(state, suppress_prefixlength=7) if rule.table == 254
    }
    assert [guards[ipaddress.ip_network(source)] for source in ("192.0.2.0/24", "198.51.100.0/24")] == [9701, 9700]


@pytest.mark.parametrize("which", ["eth0", "eth1"])
def test_an_interface_in_somebody_elses_group_keeps_it(which: str) -> None:
    more = {which: make_link(which, "192.0.2.10/24" if which == "eth0" else "198.51.100.10/24", group=5)}
    host = two_subnets("10.60.0.0/16 via 198.51.100.66 dev eth1", more=more)
    state = lower_for(host)
    assert which not in {member.interface for member in state.groups}
    routing = after(host, state)
    assert way(routing, "198.51.100.10", "192.0.2.77") == "eth1 via 198.51.100.1"
    assert way(routing, "192.0.2.10", "198.51.100.77") == "eth0 via 192.0.2.1"
    assert way(routing, "192.0.2.10", "10.60.1.1") == "eth0 via 192.0.2.1"
    assert any("device group 5" in note for note in plan_for(host).notes)


def test_ipv6_without_groups_never_asks_main_by_length() -> None:
    """A PMTU exception in main counts as a /128 and would pass any length."""
    host = make_host(
        {"eth0": "2001:db8:1::10/64", "eth1": "2001:db8:2::10/64", "docker0": "2001:db8:d::1/64"},
        ["default via fe80::1 dev eth0", "default via fe80::2 dev eth1 metric 2048"],
    )
    state = lower_for(host, NO_GROUPS)
    assert looks_up(state, table=254, destination=None) == []
    assert {str(rule.destination) for rule in looks_up(state, table=254)} == {"2001:db8:d::/64"}
    assert way(after(host, state), "2001:db8:2::10", "2001:db8:d::9") == "docker0 directly"
    assert way(after(host, state), "2001:db8:2::10", "2001:db8:1::9") == "eth1 via fe80::2"


def test_routes_never_name_a_source_and_carry_the_mtu_and_our_protocol() -> None:
    host = make_host(
        {"eth0": "192.0.2.10/24", "eth1": "10.132.0.7/32"},
        ["default via 192.0.2.1 dev eth0 mtu 1460", "default via 10.132.0.1 dev eth1 metric 9 onlink"],
    )
    routes = lower_for(host).routes
    assert {route.protocol for route in routes} == {97}
    assert {route.preferred_source for route in routes} == {None}
    defaults = {route.table: route for route in routes if route.destination.prefixlen == 0}
    assert (defaults[1].mtu, defaults[2].mtu) == (1460, None)
    assert (defaults[1].nexthops[0].onlink, defaults[2].nexthops[0].onlink) == (False, True)


def test_ipv6_tables_hold_the_link_local_prefix() -> None:
    host = make_host(
        {"eth0": "2001:db8:1::10/64", "eth1": "2001:db8:2::10/64"},
        ["default via fe80::1 dev eth0", "default via fe80::2 dev eth1 metric 2048"],
    )
    linklocal = [route for route in lower_for(host).routes if str(route.destination) == "fe80::/64"]
    assert [(route.table, route.interfaces) for route in linklocal] == [(1, ("eth0",)), (2, ("eth1",))]


def test_an_ipv4_default_by_an_ipv6_router_is_kept_as_it_is() -> None:
    host = make_host(
        {"eth0": "192.0.2.10/24", "eth1": "198.51.100.10/32"},
        ["default via 192.0.2.1 dev eth0", "default via inet6 fe80::1 dev eth1 metric 9"],
    )
    assert way(mended(host), "198.51.100.10", FAR) == "eth1 via fe80::1"
    [default] = [route for route in lower_for(host).routes if route.table == 2]
    assert route_words(default) == ("default", "via", "inet6", "fe80::1", "dev", "eth1", "table", "2", "proto", "97")


@EVERY_LOWERING
def test_an_uplink_of_the_other_family_is_an_ordinary_interface_in_this_one(can: Capabilities) -> None:
    """A device group knows no families: eth2 is an uplink for IPv6 and a LAN for IPv4."""
    host = make_host(
        {
            "eth0": ["192.0.2.10/24", "2001:db8:1::10/64"],
            "eth1": "198.51.100.10/24",
            "eth2": ["192.168.7.10/24", "2001:db8:2::10/64", "192.0.2.130/28"],
        },
        ["default via 192.0.2.1 dev eth0", "default via 198.51.100.1 dev eth1 metric 9", "default via fe80::1 dev eth0",
         "default via fe80::2 dev eth2 metric 2048", "10.8.0.0/16 via 192.168.7.1 dev eth2"],
    )  # fmt: skip
    closed = mended(host, can, fail_closed=True)  # nothing falls through to the rule for main behind ours
    assert way(closed, "192.0.2.10", "192.168.7.77") == "eth2 directly"
    assert way(closed, "198.51.100.10", "10.8.1.1") == way(closed, "192.0.2.10", "10.8.1.1") == "eth2 via 192.168.7.1"
    routing = mended(host, can)
    assert way(routing, "192.0.2.10", "192.168.7.77") == "eth2 directly"
    assert way(routing, "192.0.2.10", "10.8.1.1") == "eth2 via 192.168.7.1"
    assert way(routing, "198.51.100.10", "10.8.1.1") == "eth2 via 192.168.7.1"
    assert way(routing, "192.0.2.10", "192.0.2.135") == "eth2 directly", "nested in eth0's own subnet"
    assert way(routing, "2001:db8:2::10", "2600:4545::45") == "eth2 via fe80::2"


@pytest.mark.parametrize(
    "flags, hears, said", [(" dynamic", False, True), (" dynamic", True, False), ("", False, False)]
)
def test_a_prefix_that_a_router_may_change_is_said(flags: str, hears: bool, said: bool) -> None:  # noqa: FBT001
    """By the backends that hear no advertisement; of IPv6 alone."""
    host = make_host(
        {
            "eth0": ["192.0.2.10/24", "2001:db8:1::10/64"],
            "eth1": [f"198.51.100.10/24{flags}", f"2001:db8:2::10/64{flags}"],
        },
        [
            "default via 192.0.2.1 dev eth0", "default via 198.51.100.1 dev eth1 metric 200",
            "default via fe80::1 dev eth0 metric 1024", "default via fe80::2 dev eth1 metric 2048",
        ],
    )  # fmt: skip
    notes = [note for note in lower_for(host, Capabilities(hears_routers=hears)).notes if "advertisement" in note]
    assert [note.split("eth1 ")[1].split()[0] for note in notes] == (["(IPv6)"] if said else [])
