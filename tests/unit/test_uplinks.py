"""Which interfaces are uplinks, by which next hop, and with which sources: routing.md, word for word."""

from __future__ import annotations

import ipaddress
from dataclasses import replace
from typing import Any

import pytest

from asymgen.model import Family, Host, Kept, Lease, ManagedInterface, Managers, Numbers, Plan, Uplink
from tests.hosts import make_host, make_link, plan_for

SECOND = "default via 198.51.100.1 dev eth1 metric 200"


def host_with(eth1: Any = "198.51.100.10/24", *routes: str, **fields: Any) -> Host:
    interfaces = {"eth0": "192.0.2.10/24", "eth1": eth1, **fields.pop("more", {})}
    return make_host(interfaces, ["default via 192.0.2.1 dev eth0", *routes], **fields)


def uplink(plan: Plan, interface: str, family: Family = Family.IPV4) -> Uplink:
    return next(up for up in plan.uplinks if up.interface == interface and up.family is family)


def why(plan: Plan, interface: str) -> str:
    return next(other.why for other in plan.others if other.interface == interface)


def gateway(text: str) -> tuple[ipaddress.IPv4Address, ...]:
    return (ipaddress.IPv4Address(text),)


# --- the next hop, first match wins ----------------------------------------------------------------


def test_the_command_line_wins_over_the_routes() -> None:
    plan = plan_for(host_with("198.51.100.10/24", SECOND), gateways={"eth1": gateway("198.51.100.254")})
    assert str(uplink(plan, "eth1").gateway) == "198.51.100.254"
    assert uplink(plan, "eth1").gateway_source.startswith("--gateway")


def test_none_on_the_command_line_says_no_uplink() -> None:
    plan = plan_for(host_with("198.51.100.10/24", SECOND), gateways={"eth1": ()})
    assert why(plan, "eth1") == "no uplink, as --gateway eth1=none says"
    assert plan.nothing_to_do


def test_what_the_command_line_said_earlier_comes_from_the_plan_file() -> None:
    first = plan_for(host_with(), gateways={"eth1": gateway("198.51.100.254")})
    again = plan_for(host_with(), kept=first.kept)
    assert str(uplink(again, "eth1").gateway) == "198.51.100.254"
    assert uplink(again, "eth1").gateway_source == uplink(first, "eth1").gateway_source, "the same files again"


def test_none_of_earlier_lasts_until_it_is_taken_back() -> None:
    host = host_with("198.51.100.10/24", SECOND)
    first = plan_for(host, gateways={"eth1": ()})
    again = plan_for(host, kept=first.kept)
    assert why(again, "eth1").startswith("no uplink, as --gateway eth1=none says (the plan file keeps it")
    assert again.nothing_to_do
    back = plan_for(host, kept=again.kept, uplinks=frozenset({"eth1"}))
    assert str(uplink(back, "eth1").gateway) == "198.51.100.1"
    assert str(uplink(plan_for(host, kept=back.kept), "eth1").gateway) == "198.51.100.1"


@pytest.mark.parametrize(
    ("route", "source"),
    [
        (SECOND, "default route in main, metric 200"),
        ("default via 198.51.100.1 dev eth1 table 7", "default route in table 7"),
    ],
)
def test_a_default_route_in_any_table_names_the_next_hop(route: str, source: str) -> None:
    found = uplink(plan_for(host_with("198.51.100.10/24", route)), "eth1")
    assert (str(found.gateway), found.gateway_source) == ("198.51.100.1", source)


def test_every_leg_of_a_multipath_default_counts() -> None:
    host = make_host(
        {"eth0": "192.0.2.10/24", "eth1": "198.51.100.10/24"},
        ["default nexthop via 192.0.2.1 dev eth0 nexthop via 198.51.100.1 dev eth1"],
    )
    assert [(up.interface, str(up.gateway)) for up in plan_for(host).uplinks] == [
        ("eth0", "192.0.2.1"), ("eth1", "198.51.100.1"),
    ]  # fmt: skip


def test_our_own_routes_are_no_evidence() -> None:
    plan = plan_for(host_with("198.51.100.10/24", "default via 198.51.100.9 dev eth1 table 2 proto 97"))
    assert [one.interface for one in plan.unresolved] == ["eth1"]


def test_a_point_to_point_interface_is_its_own_next_hop() -> None:
    ppp = make_link("ppp0", "198.51.100.10/32 peer 198.51.100.1", flags=frozenset({"UP", "LOWER_UP", "POINTOPOINT"}))
    plan = plan_for(host_with(ppp, "default dev eth1 metric 9", more={"ppp0": ppp}))
    assert "ppp0" not in [up.interface for up in plan.uplinks], "no default route, no uplink"
    plan = plan_for(make_host({"eth0": "192.0.2.10/24", "ppp0": ppp},
                              ["default via 192.0.2.1 dev eth0", "default dev ppp0 metric 9"]))  # fmt: skip
    found = uplink(plan, "ppp0")
    assert (found.gateway, found.onlink, [str(source) for source in found.sources]) == (
        None,
        False,
        ["198.51.100.10/32"],
    )


def test_a_device_default_on_ethernet_is_no_next_hop() -> None:
    plan = plan_for(host_with("198.51.100.10/24", "default dev eth1 metric 9"))
    assert [one.interface for one in plan.unresolved] == ["eth1"]


def test_another_uplinks_router_in_the_own_subnet_serves_both() -> None:
    found = uplink(plan_for(host_with("192.0.2.11/24")), "eth1")
    assert str(found.gateway) == "192.0.2.1"
    assert found.gateway_source == "the gateway of eth0, which lies in eth1's own subnet"


def test_a_lease_comes_before_the_managers_configuration() -> None:
    lease = Lease("eth1", gateway("198.51.100.1"), "/run/systemd/netif/leases/3")
    managed = Managers(
        interfaces={"eth1": ManagedInterface("ifupdown", "/etc/network/interfaces", gateway("198.51.100.2"))}
    )
    found = uplink(plan_for(host_with(leases=(lease,), managers=managed)), "eth1")
    assert (str(found.gateway), found.dynamic) == ("198.51.100.1", True)
    assert found.gateway_source == "DHCP lease /run/systemd/netif/leases/3"
    found = uplink(plan_for(host_with(managers=managed)), "eth1")
    assert (str(found.gateway), found.gateway_source) == ("198.51.100.2", "ifupdown (/etc/network/interfaces)")


def test_a_link_that_is_down_keeps_the_plan_files_gateway() -> None:
    kept = Kept(numbers=(Numbers("eth1", 2, 32010, gateways=gateway("198.51.100.1")),))
    down = make_link("eth1", "198.51.100.10/24", flags=frozenset({"BROADCAST"}))
    assert str(uplink(plan_for(host_with(down), kept=kept), "eth1").gateway) == "198.51.100.1"
    assert [one.interface for one in plan_for(host_with(), kept=kept).unresolved] == ["eth1"], "up: not remembered"


def test_never_a_guess_but_the_likely_one_is_named() -> None:
    plan = plan_for(host_with("198.51.100.10/24", "10.60.0.0/16 via 198.51.100.66 dev eth1"))
    [unresolved] = plan.unresolved
    assert unresolved.why.startswith("no gateway known; if it should answer by itself, give --gateway eth1=")
    assert "198.51.100.66 is the likely one" in unresolved.why
    assert [up.interface for up in plan.uplinks] == ["eth0"]


# --- excluded interfaces ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["docker0", "br-0123456789ab", "veth12ab", "virbr0", "cni0", "cali0123", "flannel.1"])
def test_interfaces_of_containers_are_no_uplinks_by_themselves(name: str) -> None:
    host = host_with("198.51.100.10/24", f"default via 172.17.0.9 dev {name} table 9", more={name: "172.17.0.1/16"})
    assert "--uplink" in why(plan_for(host), name)
    assert uplink(plan_for(host, uplinks=frozenset({name})), name).sources != ()


def test_a_bridge_that_is_left_out_although_main_leaves_by_it_is_named_so() -> None:
    host = host_with("198.51.100.10/24", SECOND, "default via 10.0.0.1 dev br-ex", more={"br-ex": "10.0.0.5/24"})
    assert why(plan_for(host), "br-ex").endswith("unless --uplink br-ex says so; main has a default route through it")


@pytest.mark.parametrize(
    ("choices", "note"),
    [
        ({"uplinks": frozenset({"lo"})}, "--uplink lo is not used: loopback"),
        ({"gateways": {"lo": gateway("192.0.2.1")}}, "--gateway lo=192.0.2.1 is not used: loopback"),
        (
            {"gateways": {"eth1": (ipaddress.IPv6Address("fe80::1"),)}},
            "--gateway eth1=fe80::1 is not used: eth1 has no IPv6 address that replies could come from",
        ),
    ],
)
def test_a_choice_that_nothing_comes_of_is_named(choices: dict[str, Any], note: str) -> None:
    plan = plan_for(host_with("198.51.100.10/24", SECOND), **choices)
    assert note in plan.notes
    assert "is not used" not in " ".join(plan_for(host_with("198.51.100.10/24", SECOND)).notes)


@pytest.mark.parametrize("kind", ["tun", "wireguard"])
def test_tunnels_are_uplinks_only_with_public_addresses_and_a_default(kind: str) -> None:
    flags = frozenset({"UP", "LOWER_UP", "POINTOPOINT"})

    def host(address: str) -> Host:
        more = {"tnl0": make_link("tnl0", address, kind=kind, flags=flags)}
        return host_with("198.51.100.10/24", "default dev tnl0 table 9", more=more)

    assert kind in why(plan_for(host("10.8.0.2/24")), "tnl0")
    assert uplink(plan_for(host("203.0.113.10/24")), "tnl0").gateway is None


def test_members_of_a_bridge_or_bond_count_through_their_master() -> None:
    more = {"eth5": make_link("eth5", "203.0.113.10/24", master="br0"), "br0": make_link("br0", kind="bridge")}
    assert why(plan_for(host_with(more=more)), "eth5") == "part of br0, which counts instead"


def test_vrf_members_are_reported_and_left_alone() -> None:
    more = {"eth5": make_link("eth5", "203.0.113.10/24", master="blue"), "blue": make_link("blue", kind="vrf")}
    plan = plan_for(host_with("198.51.100.10/24", "default via 203.0.113.1 dev eth5 table 10", more=more))
    assert why(plan, "eth5") == "member of VRF blue: left alone"
    assert why(plan, "blue") == "VRF device: left alone"


def test_excluded_interfaces_are_left_alone() -> None:
    assert (
        why(plan_for(host_with("198.51.100.10/24", SECOND), excluded=frozenset({"eth1"})), "eth1")
        == "excluded by --exclude"
    )


def test_a_link_without_carrier_stays_an_uplink() -> None:
    link = make_link("eth1", "198.51.100.10/24", flags=frozenset({"UP", "NO-CARRIER"}))
    assert str(uplink(plan_for(host_with(link, SECOND)), "eth1").gateway) == "198.51.100.1"


def test_only_the_asked_families_are_planned() -> None:
    host = make_host(
        {"eth0": ["192.0.2.10/24", "2001:db8:1::10/64"], "eth1": ["198.51.100.10/24", "2001:db8:2::10/64"]},
        [
            "default via 192.0.2.1 dev eth0",
            SECOND,
            "default via fe80::1 dev eth0",
            "default via fe80::2 dev eth1 metric 2048",
        ],
    )
    assert plan_for(host).active == set(Family)
    assert plan_for(host, families=frozenset({Family.IPV6})).active == {Family.IPV6}
    assert {up.family for up in plan_for(host, families=frozenset({Family.IPV6})).uplinks} == {Family.IPV6}


# --- order -----------------------------------------------------------------------------------------


def test_the_primary_holds_mains_best_default() -> None:
    host = make_host(
        {"eth0": "192.0.2.10/24", "eth1": "198.51.100.10/24", "eth2": "203.0.113.10/24"},
        ["default via 192.0.2.1 dev eth0 metric 300", "default via 198.51.100.1 dev eth1 metric 100",
         "default via 203.0.113.1 dev eth2 metric 200"],
    )  # fmt: skip
    assert [(up.interface, up.primary, up.table) for up in plan_for(host).uplinks] == [
        ("eth1", True, 1), ("eth2", False, 2), ("eth0", False, 3),
    ]  # fmt: skip


def test_names_are_ordered_as_people_do() -> None:
    links = {f"eth{n}": f"10.{n}.0.10/24" for n in (10, 2, 1)}
    host = make_host(links, [f"default via 10.{n}.0.1 dev eth{n} table {100 + n}" for n in (10, 2, 1)])
    assert [up.interface for up in plan_for(host).uplinks] == ["eth1", "eth2", "eth10"]


# --- sources ---------------------------------------------------------------------------------------


def sources(host: Host, interface: str, family: Family = Family.IPV4, **choices: Any) -> list[str]:
    return [str(source) for source in uplink(plan_for(host, **choices), interface, family).sources]


def test_a_prefix_that_only_one_uplink_has_is_one_source() -> None:
    host = host_with(["198.51.100.10/24", "198.51.100.11/24 secondary", "198.51.100.99/32"], SECOND)
    assert sources(host, "eth1") == ["198.51.100.0/24"]


@pytest.mark.parametrize("where", ["eth5", "lo"])
def test_an_address_of_another_interface_inside_the_prefix_makes_single_addresses(where: str) -> None:
    host = host_with("198.51.100.10/24", SECOND, more={"eth5": "198.51.100.200/32"} if where == "eth5" else {})
    if where == "lo":
        loopback = make_link("lo", ["127.0.0.1/8 scope host", "198.51.100.200/32"])
        host = replace(host, links=(loopback, *host.links[1:]))
    assert sources(host, "eth1") == ["198.51.100.10/32"]


def test_a_shared_prefix_and_a_lone_address_are_single_addresses() -> None:
    assert sources(host_with("192.0.2.11/24"), "eth1") == ["192.0.2.11/32"]
    host = host_with("203.0.113.7/32", "default via 203.0.113.1 dev eth1 metric 9 onlink")
    assert sources(host, "eth1") == ["203.0.113.7/32"]


def test_a_full_length_address_takes_the_on_link_prefix_around_it() -> None:
    host = make_host(
        {"eth0": "2001:db8:1::10/64", "eth1": "2001:db8:2::10/128"},
        [
            "default via fe80::1 dev eth0",
            "default via fe80::2 dev eth1 metric 2048",
            "2001:db8:2::/64 dev eth1 proto 2",
        ],
    )
    assert sources(host, "eth1", Family.IPV6) == ["2001:db8:2::/64"]


def test_addresses_are_asked_for_or_needed_where_the_host_forwards() -> None:
    forwarding = {"net/ipv4/conf/eth0/forwarding": "1", "net/ipv4/conf/eth1/forwarding": "1"}
    plain = host_with("198.51.100.10/24", SECOND)
    router = host_with("198.51.100.10/24", SECOND, sysctls=forwarding)
    proxy = host_with("198.51.100.10/24", SECOND, "local 0.0.0.0/0 dev lo table 100")
    assert sources(plain, "eth1") == ["198.51.100.0/24"]
    assert sources(plain, "eth1", rule_by="address") == ["198.51.100.10/32"]
    assert sources(router, "eth1") == sources(proxy, "eth1") == ["198.51.100.10/32"]
    assert sources(router, "eth1", rule_by="prefix") == ["198.51.100.0/24"]
    one_leg = host_with("198.51.100.10/24", SECOND, sysctls={"net/ipv4/conf/eth0/forwarding": "1"})
    assert sources(one_leg, "eth1") == ["198.51.100.0/24"]


@pytest.mark.parametrize("flag", ["tentative", "expired", "scope host", "scope link"])
def test_some_addresses_are_never_sources(flag: str) -> None:
    host = host_with(["198.51.100.10/24", f"203.0.113.5/24 {flag}"], SECOND)
    assert sources(host, "eth1") == ["198.51.100.0/24"]


@pytest.mark.parametrize("address", ["fe80::5/64", "169.254.7.7/16", "127.0.0.9/8"])
def test_link_local_and_loopback_addresses_are_never_sources(address: str) -> None:
    plan = plan_for(host_with(["198.51.100.10/24", address], SECOND))
    assert {str(source) for up in plan.uplinks for source in up.sources} == {"192.0.2.0/24", "198.51.100.0/24"}


# --- same subnet -----------------------------------------------------------------------------------


def settings(plan: Plan) -> dict[str, str]:
    return {setting.key: setting.value for setting in plan.sysctls}


def test_interfaces_of_one_subnet_answer_arp_for_themselves_only() -> None:
    names = ("eth0", "eth1")
    assert settings(plan_for(host_with("192.0.2.11/24"))) == {f"net/ipv4/conf/{name}/arp_filter": "1" for name in names}
    announce = {
        f"net/ipv4/conf/{name}/{key}": value
        for name in names
        for key, value in (("arp_ignore", "1"), ("arp_announce", "2"))
    }
    assert settings(plan_for(host_with("192.0.2.11/24"), arp="announce")) == announce
    assert settings(plan_for(host_with("198.51.100.10/24", SECOND))) == {}


def test_settings_that_are_in_force_already_are_not_ours() -> None:
    host = host_with("192.0.2.11/24", sysctls={"net/ipv4/conf/all/arp_filter": "1"})
    assert settings(plan_for(host)) == {}


def test_settings_that_an_earlier_run_made_stay_with_their_old_value() -> None:
    first = plan_for(host_with("192.0.2.11/24", sysctls={"net/ipv4/conf/eth0/arp_filter": "0"}))
    live = {"net/ipv4/conf/eth0/arp_filter": "1", "net/ipv4/conf/eth1/arp_filter": "1"}
    again = plan_for(host_with("192.0.2.11/24", sysctls=live), kept=first.kept)
    assert {setting.before for setting in again.sysctls} == {"0"}
    assert settings(again) == settings(first)


def test_secondaries_survive_the_removal_of_the_first_address() -> None:
    host = host_with(["198.51.100.10/24", "198.51.100.11/24 secondary"], SECOND)
    assert settings(plan_for(host)) == {"net/ipv4/conf/eth1/promote_secondaries": "1"}


def test_a_router_is_not_borrowed_from_a_smaller_subnet() -> None:
    host = make_host({"eth0": "10.0.0.5/24", "eth1": "10.1.0.5/8"}, ["default via 10.0.0.1 dev eth0"])
    assert [one.interface for one in plan_for(host).unresolved] == ["eth1"]
