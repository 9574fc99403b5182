"""Snapshot into Host: what is malformed is named to the letter, and old versions of ip(8) are understood.

What a current ip(8) prints is compared with a kernel in ``tests/netns/test_probe.py``; here stand the shapes that no
kernel of ours makes: other link kinds (iproute2's iplink_vlan.c, iplink_bond.c, iplink_vrf.c) and older versions.
"""

from __future__ import annotations

import ipaddress
import time
from typing import Any

import pytest

from asymgen.errors import InputError
from asymgen.model import (
    Family,
    Host,
    Lease,
    Link,
    ManagedInterface,
    NextHop,
    Range,
    Route,
    RouteType,
    Rule,
    RuleAction,
)
from asymgen.parse import load_snapshot, parse_host, snapshot_to_json

ETH0 = {"ifindex": 2, "ifname": "eth0", "flags": ["BROADCAST", "UP", "LOWER_UP"], "mtu": 1500, "group": "default"}


def snapshot(**more: Any) -> dict[str, Any]:
    empty: dict[str, Any] = {key: [] for key in ("links", "addrs", "routes4", "routes6", "rules4", "rules6")}
    return {**empty, "os_release": {}, **more}


def parsed_route(family: int = 4, **entry: Any) -> Route:
    return parse_host(snapshot(**{f"routes{family}": [entry]})).routes[0]


def parsed_rule(family: int = 4, **entry: Any) -> Rule:
    return parse_host(snapshot(**{f"rules{family}": [{"priority": 5, **entry}]})).rules[0]


def parsed_link(**entry: Any) -> Link:
    return parse_host(snapshot(links=[{**ETH0, **entry}])).links[0]


def complaint(given: Any) -> str:
    with pytest.raises(InputError) as caught:
        parse_host(given, origin="host.json")
    assert caught.value.exit_code == 6
    assert caught.value.hint
    return caught.value.message


WRONG = [  # (list, one entry of it, what the message says after the list's name and index, what was expected)
    ("routes4", {"dst": "10.0.0.0/40"}, ".dst: found '10.0.0.0/40'", "an IPv4 prefix"),
    ("routes4", {"dst": "2001:db8::/32"}, ".dst: found '2001:db8::/32'", "an IPv4 prefix"),
    ("routes6", {"gateway": "fe80::1"}, ".dst: found nothing", "an IPv6 prefix"),
    ("routes6", {"dst": "default", "gateway": "fe80::1%x"}, ".gateway: found 'fe80::1%x'", "an IPv6 address"),
    ("routes4", {"dst": "default", "table": "cables"}, ".table: found 'cables'", "rt_tables"),
    ("routes4", {"dst": "default", "type": "nat"}, ".type: found 'nat'", "unicast, local"),
    ("routes4", {"dst": "default", "metric": -1}, ".metric: found -1", "a number"),
    ("routes4", {"dst": "default", "metric": True}, ".metric: found True", "a number"),
    ("routes4", {"dst": "default", "metric": 1.5}, ".metric: found 1.5", "a number"),
    ("routes4", {"dst": "default", "protocol": 300}, ".protocol: found 300", "0 to 255"),
    ("routes4", {"dst": "default", "nhid": 9}, ".nhid: found 9", "ip -j -d nexthop"),
    ("routes4", {"dst": "default", "metrics": [{"mtu": "much"}]}, ".metrics[0].mtu: found 'much'", "a number"),
    ("routes4", {"dst": "default", "via": {"family": "inet6", "host": "192.0.2.1"}}, ".via.host:", "an IPv6 address"),
    ("routes4", {"dst": "default", "nexthops": [{}, {"dev": 5}]}, ".nexthops[1].dev: found 5", "a string"),
    ("routes4", {"dst": "default", "nexthops": ["eth0"]}, ".nexthops[0]: found 'eth0'", "an object"),
    ("routes4", {"dst": "default", "dev": "eth0", "flags": "up"}, ".flags: found 'up'", "a list of strings"),
    ("routes4", None, ": found None", "an object"),
    ("rules4", {"table": "main"}, ".priority: found nothing", "a number"),
    ("rules4", {"priority": 1}, ".table: found nothing", "goto"),
    ("rules4", {"priority": 1, "table": "cables"}, ".table: found 'cables'", "rt_tables"),
    ("rules4", {"priority": 1, "action": "dance"}, ".action: found 'dance'", "unreachable"),
    ("rules6", {"priority": 1, "table": "main", "src": "10.0.0.1"}, ".src: found '10.0.0.1'", "an IPv6 prefix"),
    ("rules4", {"priority": 1, "table": "main", "src": "10.0.0.1", "srclen": 33}, ".srclen: found 33", "0 to 32"),
    ("rules4", {"priority": 1, "table": "main", "suppress_ifgroup": "up"}, ".suppress_ifgroup:", "group"),
    ("rules4", {"priority": 1, "table": "main", "tos": "XY1"}, ".tos: found 'XY1'", "DS field"),
    ("rules4", {"priority": 1, "table": "main", "sport": 70000}, ".sport: found 70000", "0 to 65535"),
    ("links", {"ifname": "a/b"}, ".ifname: found 'a/b'", "an interface name"),
    ("links", {"ifname": "x" * 16}, ".ifname:", "1 to 15 bytes"),
    ("links", {"ifname": ".."}, ".ifname: found '..'", "an interface name"),
    ("links", {"ifname": "new\nline"}, ".ifname: found 'new\\nline'", "an interface name"),
    ("links", {"ifindex": 3}, ".ifname: found nothing", "an interface name"),
    ("links", {**ETH0, "group": "uplinks"}, ".group: found 'uplinks'", "device group"),
    ("addrs", {**ETH0, "addr_info": [{"family": "inet", "local": "x"}]}, ".addr_info[0].local: found 'x'", "an IPv4"),
    ("leases", {"interface": "eth0", "routers": "192.0.2.1"}, ".routers: found '192.0.2.1'", "a list"),
    ("firewall_groups", "many", ": found 'many'", "device group"),
    ("notes", 1, ": found 1", "a string"),
]  # fmt: skip


@pytest.mark.parametrize("key, entry, found, expected", WRONG)
def test_malformed_entry_is_named(key: str, entry: Any, found: str, expected: str) -> None:
    message = complaint(snapshot(**{key: [entry]}))
    assert message.startswith(f"host.json: {key}[0]{found}")
    assert expected in message.partition("expected")[2]


WRONG_ELSEWHERE = [
    ("routes4", "none", "", "a list of objects"),
    ("rt_tables", {"many": "few"}, "", "numbers as keys"),
    ("rt_tables", ["main"], "", "an object"),
    ("os_release", "Debian", "", "an object"),
    ("managers", {"interfaces": {"eth0": {"gateways": ["x"]}}}, ".interfaces.eth0.gateways[0]", "an address"),
    ("managers", {"interfaces": {"eth0": {"dynamic": ["5"]}}}, ".interfaces.eth0.dynamic[0]", '"4" or "6"'),
    ("managers", {"interfaces": {"eth0": "ifupdown"}}, ".interfaces.eth0", "an object"),
]


@pytest.mark.parametrize("key, value, path, expected", WRONG_ELSEWHERE)
def test_malformed_value_is_named(key: str, value: Any, path: str, expected: str) -> None:
    message = complaint(snapshot(**{key: value}))
    assert message.startswith(f"host.json: {key}{path}: found ")
    assert expected in message.partition("expected")[2]


def test_prefix_length_of_thousands_of_digits() -> None:
    """Python refuses to convert those, with an error of its own."""
    assert complaint(snapshot(routes4=[{"dst": "10.0.0.0/" + "1" * 5000}])).startswith("host.json: routes4[0].dst:")


def test_index_is_that_of_the_list() -> None:
    assert complaint(snapshot(routes4=[{}, {"dst": "default"}, {"dst": 5}])).startswith("host.json: routes4[2].dst:")


@pytest.mark.parametrize("key", ["links", "addrs", "routes4", "routes6", "rules4", "rules6", "os_release"])
def test_required_key(key: str) -> None:
    whole = snapshot()
    del whole[key]
    assert complaint(whole).startswith(f"host.json: {key}: found nothing, expected")


def test_what_is_shown_is_one_short_line() -> None:
    message = complaint(snapshot(routes4=[{"dst": "x\n\x1b[31m" * 1000}]))
    assert "\n" not in message
    assert "\x1b" not in message
    assert len(message) < 200


def test_unknown_keys_are_no_error() -> None:
    plain = snapshot(links=[ETH0], routes4=[{"dst": "default"}])
    rich = snapshot(links=[{**ETH0, "xdp": {}}], routes4=[{"dst": "default", "offload": None}], weather={"rain": True})
    assert parse_host(rich) == parse_host(plain)


# --- JSON ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text, where",
    [
        ("", "line 1, column 1"), ('{"links": [', "line 1, column 12"), ('{\n "links": nope}', "line 2, column 11"),
        ("[1, 2]", "expected an object"), ("null", "expected an object"), ("9" * 5000, "host.json: "),
        ("[" * 100_000, "host.json: no valid JSON"), ('{"links": []}{}', "line 1, column 14"),
    ],
)  # fmt: skip
def test_what_is_no_snapshot(text: str, where: str) -> None:
    with pytest.raises(InputError) as caught:
        load_snapshot(text, "host.json")
    assert caught.value.message.startswith("host.json: ")
    assert where in caught.value.message


def test_every_cut_off_snapshot_is_refused() -> None:
    text = "".join(snapshot_to_json(snapshot(links=[ETH0]))).rstrip()
    for length in range(len(text)):
        with pytest.raises(InputError):
            load_snapshot(text[:length], "host.json")


def test_json_keeps_names_that_are_not_utf8() -> None:
    name = b"\xff\xfe\xe9".decode("utf-8", "surrogateescape")
    text = "".join(snapshot_to_json(snapshot(links=[{**ETH0, "ifname": name}])))
    assert text.isascii()
    assert text.endswith("}\n")
    assert (
        parse_host(load_snapshot(text, "host.json")).links[0].name.encode("utf-8", "surrogateescape") == b"\xff\xfe\xe9"
    )


def test_json_from_raw_bytes_equals_json_from_escapes() -> None:
    """The shell script that collects a snapshot passes ip(8)'s bytes on as they are."""
    name = b"\xff\x01".decode("utf-8", "surrogateescape")
    escaped = "".join(snapshot_to_json(snapshot(links=[{**ETH0, "ifname": name}])))
    raw = escaped.replace("\\udcff", "\udcff").replace("\\u0001", "\x01")
    assert raw != escaped
    assert load_snapshot(raw, "raw") == load_snapshot(escaped, "escaped")


def test_json_does_not_depend_on_the_order_of_keys() -> None:
    forwards = snapshot(links=[ETH0])
    backwards = dict(reversed([(key, value) for key, value in forwards.items()]))
    assert "".join(snapshot_to_json(forwards)) == "".join(snapshot_to_json(backwards))


# --- names -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "table, number",
    [("main", 254), ("local", 255), ("default", 253), ("9", 9), (9, 9), ("4294967295", 2**32 - 1), ("cable", 7)],
)  # fmt: skip
def test_table(table: Any, number: int) -> None:
    given = snapshot(routes4=[{"dst": "default", "table": table}], rt_tables={"7": "cable"})
    assert parse_host(given).routes[0].table == number


def test_table_absent_is_main() -> None:
    assert parsed_route(dst="default").table == 254


@pytest.mark.parametrize(
    "name, number", [("kernel", 2), ("ra", 9), ("dhcp", 16), ("asymgen", 97), ("97", 97), (97, 97), ("mine", 40)]
)
def test_protocol(name: Any, number: int) -> None:
    given = snapshot(routes4=[{"dst": "default", "protocol": name}], rt_protos={"40": "mine"})
    assert parse_host(given).routes[0].protocol == number


def test_unknown_protocol_is_somebody_elses_and_a_note_says_so() -> None:
    host = parse_host(snapshot(rules4=[{"priority": 1, "table": "main", "protocol": "zeppelin"}], notes=["earlier"]))
    assert host.rules[0].protocol == 0
    assert host.notes[0] == "earlier"
    assert "'zeppelin'" in host.notes[1]


@pytest.mark.parametrize("group, number", [("default", 0), ("7", 7), (7, 7), ("uplinks", 9)])
def test_group(group: Any, number: int) -> None:
    given = snapshot(links=[{**ETH0, "group": group}], groups={"9": "uplinks"})
    assert parse_host(given).links[0].group == number
    assert parse_host(given).group_names == {9: "uplinks"}


@pytest.mark.parametrize(
    "tos, number", [("0x10", 16), ("CS1", 0x20), ("EF", 0xB8), ("mine", 4), ("lowdelay", 16), (16, 16)]
)
def test_tos(tos: Any, number: int) -> None:
    given = snapshot(rules4=[{"priority": 1, "table": "main", "tos": tos}], rt_dsfield={"4": "mine"})
    assert parse_host(given).rules[0].tos == number


# --- routes and rules that no kernel here makes ------------------------------------------------------------


def test_metric_absent() -> None:
    assert parsed_route(dst="default").metric == 0
    assert parsed_route(6, dst="default").metric == 1024
    assert parsed_route(6, dst="::1", metric=0).metric == 0


def test_error_routes_have_no_legs_in_either_family() -> None:
    assert parsed_route(6, type="unreachable", dst="default", dev="lo", metric=4294967295).nexthops == ()
    assert parsed_route(4, type="blackhole", dst="default").nexthops == ()


def test_nexthop_object_printed_with_its_route() -> None:
    """iproute2 6.0 with -d and net.ipv4.nexthop_compat_mode=0."""
    info = {"id": 11, "gateway": "fe80::1", "dev": "eth0", "scope": "link", "flags": ["onlink"]}
    assert parsed_route(dst="default", nhid=11, nh_info=info).nexthops == (
        NextHop("eth0", ipaddress.ip_address("fe80::1"), onlink=True),
    )


def test_dead_leg() -> None:
    legs = [{"dev": "eth0", "weight": 1, "flags": ["dead", "linkdown"]}]
    assert parsed_route(dst="default", nexthops=legs).nexthops == (NextHop("eth0", dead=True, linkdown=True),)


def test_zero_prefix_that_is_not_all() -> None:
    """iprule.c prints {"src": "0", "srclen": 8} where the kernel sends a length without an address."""
    assert str(parsed_rule(table="main", src="0", srclen=8).source) == "0.0.0.0/8"
    assert parsed_rule(table="main", src="0", srclen=0).source is None


def test_rule_of_old_iproute2() -> None:
    """4.17 to 5.0: no protocol, numbers as text, [detached] printed beside."""
    old: dict[str, Any] = {
        "src": "all",
        "iif": "eth9",
        "iif_detached": None,
        "fwmark": "0x1",
        "fwmask": "0x3",
        "table": "7",
    }
    assert parsed_rule(**old) == Rule(Family.IPV4, 5, table=7, iif="eth9", mark=1, mask=3)


def test_empty_objects_of_old_iproute2_are_nothing() -> None:
    """``ip -4 -j addr`` of 4.15 prints {} for each link without an IPv4 address."""
    address = {"family": "inet", "local": "192.0.2.1", "prefixlen": 24}
    host = parse_host(
        snapshot(links=[{}, ETH0], addrs=[{}, {**ETH0, "addr_info": [{}, address]}], routes4=[{}], rules4=[{}])
    )
    assert [str(one.address) for one in host.links[0].addresses] == ["192.0.2.1"]
    assert host.routes == ()
    assert host.rules == ()


def test_selector_of_a_newer_kernel_is_remembered_as_unknown() -> None:
    found = parsed_rule(table="main", src="all", dscp="CS1", flowlabel="0x5")
    assert found.unmodelled == ("dscp", "flowlabel")
    assert not found.is_unconditional


def test_unknown_ip_protocol_is_a_selector_all_the_same() -> None:
    found = parsed_rule(table="main", src="all", ipproto="warp")
    assert (found.ipproto, found.unmodelled) == (None, ("ipproto",))


def test_mask_without_mark() -> None:
    found = parsed_rule(table="main", src="all", fwmask="0xf")
    assert (found.mark, found.mask) == (0, 0xF)


def test_goto_nowhere() -> None:
    assert parsed_rule(src="all", goto="none").target is None
    assert parsed_rule(src="all", goto=9).action is RuleAction.GOTO


def test_one_port() -> None:
    assert parsed_rule(table="main", sport=53, dport_start=1, dport_end=9).sport == Range(53, 53)


@pytest.mark.parametrize("kind", [kind.value for kind in RouteType])
def test_every_route_type(kind: str) -> None:
    assert parsed_route(dst="192.0.2.0/24", type=kind).type.value == kind


# --- links -----------------------------------------------------------------------------------------------


def test_vlan() -> None:
    info = {"info_kind": "vlan", "info_data": {"protocol": "802.1Q", "id": 100, "flags": ["REORDER_HDR"]}}
    found = parsed_link(ifname="eth0.100", link="eth0", linkinfo=info)
    assert (found.kind, found.vlan_id, found.lower) == ("vlan", 100, "eth0")


def test_bond_and_its_port() -> None:
    bond = parsed_link(flags=["MASTER", "UP"], linkinfo={"info_kind": "bond", "info_data": {"mode": "active-backup"}})
    port = parsed_link(
        flags=["SLAVE", "UP"], master="bond0", linkinfo={"info_slave_kind": "bond", "info_slave_data": {}}
    )
    assert (bond.kind, bond.master, port.kind, port.master) == ("bond", None, "", "bond0")


def test_vrf_and_its_member() -> None:
    assert parsed_link(linkinfo={"info_kind": "vrf", "info_data": {"table": 10}}).kind == "vrf"
    member = {"info_slave_kind": "vrf", "info_slave_data": {"table": 10}}
    assert parsed_link(master="vrf-blue", linkinfo=member).master == "vrf-blue"


def test_link_below_in_another_namespace() -> None:
    assert parsed_link(link=None, link_index=7, link_netnsid=0).lower is None


def test_unknown_kind_and_absent_parts() -> None:
    assert parsed_link(linkinfo={"info_kind": "quantum"}).kind == "quantum"
    bare = parse_host(snapshot(links=[{"ifname": "eth0"}])).links[0]
    assert bare == Link("eth0", 0)


def test_link_that_came_between_the_two_commands() -> None:
    address = {"family": "inet", "local": "192.0.2.1", "prefixlen": 24}
    late = {"ifindex": 9, "ifname": "late0", "flags": ["UP"], "addr_info": [address]}
    host = parse_host(snapshot(links=[ETH0], addrs=[{**ETH0, "addr_info": []}, late]))
    assert [link.name for link in host.links] == ["eth0", "late0"]
    assert len(host.links[1].addresses) == 1


def test_address_flags() -> None:
    flags = {"dynamic": True, "temporary": True, "dadfailed": True, "valid_life_time": 0, "mngtmpaddr": True}
    address = {"family": "inet6", "local": "2001:db8::1", "prefixlen": 64, "scope": "global", **flags}
    found = parse_host(snapshot(links=[ETH0], addrs=[{**ETH0, "addr_info": [address]}])).links[0].addresses[0]
    assert (found.dynamic, found.temporary, found.tentative, found.expired) == (True, True, True, True)
    assert (found.deprecated, found.secondary, found.noprefixroute) == (False, False, False)


def test_addresses_of_other_families_are_left_out() -> None:
    host = parse_host(snapshot(links=[ETH0], addrs=[{**ETH0, "addr_info": [{"family": "mctp", "local": "8"}]}]))
    assert host.links[0].addresses == ()


# --- what asymgen itself puts into a snapshot ----------------------------------------------------------------


def test_managers_and_leases() -> None:
    router = ipaddress.ip_address("192.0.2.1")
    eth0 = {"manager": "networkd", "file": "/etc/x.network", "gateways": ["192.0.2.1"], "dynamic": ["4", 6]}
    managers = {"init": "systemd", "installed": {"networkd": "252", "netplan": ""}, "running": ["networkd"]}
    given = {**managers, "interfaces": {"eth0": eth0}, "netplan_renderer": "networkd"}
    lease = {"interface": "eth0", "routers": ["192.0.2.1"], "file": "/run/lease"}
    host = parse_host(
        snapshot(managers=given, leases=[lease], firewall_groups=[7, "0x8"], sysctls={"net/ipv4/ip_forward": 1})
    )
    assert host.managers.init == "systemd"
    assert host.managers.installed == {"networkd": "252", "netplan": ""}
    assert host.managers.running == {"networkd"}
    assert host.managers.interfaces == {
        "eth0": ManagedInterface("networkd", "/etc/x.network", (router,), frozenset(Family))
    }
    assert host.leases == (Lease("eth0", (router,), "/run/lease"),)
    assert host.firewall_groups == {7, 8}
    assert host.sysctls == {"net/ipv4/ip_forward": "1"}


def test_both_families_in_one_list_each_in_order() -> None:
    host = parse_host(
        snapshot(
            routes6=[{"dst": "default"}], routes4=[{"dst": "default"}, {"dst": "10.0.0.0/8"}],
            rules6=[{"priority": 0, "table": "local"}], rules4=[{"priority": 3, "table": "main"}],
        )
    )  # fmt: skip
    assert [str(route.destination) for route in host.routes] == ["0.0.0.0/0", "10.0.0.0/8", "::/0"]
    assert [rule.priority for rule in host.rules] == [3, 0]


def many_routes(count: int) -> dict[str, Any]:
    entry = {"type": "unicast", "gateway": "192.0.2.1", "dev": "eth0", "table": "main", "protocol": "bird", "flags": []}
    return snapshot(routes4=[{**entry, "dst": f"10.{i >> 16}.{i >> 8 & 255}.{i & 255}"} for i in range(count)])


def parsing_seconds(given: dict[str, Any]) -> float:
    started = time.process_time()
    parse_host(given)
    return time.process_time() - started


def test_time_grows_no_faster_than_the_number_of_routes() -> None:
    """100,000 routes take a few seconds; a parser that searches for each route would take minutes."""
    small, large = many_routes(2_000), many_routes(20_000)
    parsing_seconds(small)
    assert parsing_seconds(large) < 40 * max(parsing_seconds(small), 0.02)


def test_host_knows_its_links_by_name() -> None:
    host: Host = parse_host(snapshot(links=[ETH0], hostname="web1", machine_id="ab", kernel="6.1", iproute2="6.1.0"))
    assert host.link("eth0") == host.links[0]
    assert (host.hostname, host.machine_id, host.kernel, host.iproute2) == ("web1", "ab", "6.1", "6.1.0")
