"""Routes that are folded while they are read: the same plan, the same promise and the same answers as one by one.

Here a list is folded from the first route on; otherwise it would need hundreds.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asymgen import folded_routes
from asymgen.errors import InputError
from asymgen.folded_routes import FoldedObjects, unfolded
from asymgen.json_stream import read_list, read_snapshot
from asymgen.lookup import Packet, after, before
from asymgen.lowering import lower
from asymgen.model import Address, Capabilities, Choices, Family, Host, KernelState, Plan
from asymgen.parse import parse_host, snapshot_to_json
from asymgen.planner import plan
from asymgen.prefix_set import PrefixSet
from asymgen.promise import Promise

INTERFACES = {
    "eth0": ("192.0.2.10/24", "2001:db8:0:1::10/64"),
    "eth1": ("198.51.100.10/24", "2001:db8:0:2::10/64"),
    "eth2": ("203.0.113.10/24", "2001:db8:0:3::10/64"),
    "lan0": ("10.1.0.10/16", "fd00:1::10/64"),
    "tun0": ("10.9.0.10/24", "fd00:9::10/64"),
}
UPLINKS = ("eth0", "eth1", "eth2")
NETWORKS = {
    4: (
        "10.0.0.0/12", "10.1.0.0/17", "10.1.2.0/24", "10.2.0.0/16", "10.2.3.0/24", "100.64.0.0/10", "100.64.7.0/24",
        "192.0.2.64/26", "192.0.2.77", "198.51.100.0/24", "198.51.100.128/25", "203.0.113.128/25", "203.0.113.192/26",
        "0.0.0.0/1", "128.0.0.0/1", "45.45.0.0/16", "45.45.45.0/24", "169.254.7.0/24",
    ),
    6: (
        "2001:db8:0:1:8000::/66", "2001:db8:0:2::/64", "2001:db8:7::/48", "2001:db8:7:1::/64", "2001:db8:7:1::5",
        "2600::/12", "2600:4545::/32", "2000::/3", "fd00:1:0:1::/64", "fd00::/16",
    ),
}  # fmt: skip
OWN = {
    4: (
        "192.0.2.10",
        "192.0.2.11",
        "192.0.2.12",
        "198.51.100.10",
        "198.18.0.0/24",
        "198.18.0.0",
        "198.18.0.9",
        "127.0.0.1",
    ),
    6: ("2001:db8:0:1::10", "2001:db8:0:1::11", "2001:db8:0:2::10", "fd00:7::/64"),
}
"""What ``local`` may hold: addresses that an interface has, and others that are taken for the host's own."""

CAPABILITIES = (
    Capabilities(),
    Capabilities(suppress_ifgroup=False),
    Capabilities(suppress_prefixlength=False, suppress_ifgroup=False),
)


@pytest.fixture(autouse=True, scope="module")
def _at_once() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(folded_routes, "FEWEST", 0)
        yield


def neighbour(interface: str, version: int, host: int) -> str:
    network = ipaddress.ip_interface(INTERFACES[interface][version == 6]).network
    return str(network[host])


@st.composite
def listed_routes(draw: st.DrawFn, version: int) -> list[dict[str, Any]]:
    """Routes by a gateway as the kernel lists them, some networks by two ways; before them devices and defaults, behind
    them those of ``local``."""
    ways = st.tuples(st.sampled_from(tuple(INTERFACES)), st.integers(1, 3), st.sampled_from((0, 20)))
    chosen = draw(st.dictionaries(st.sampled_from(NETWORKS[version]), st.lists(ways, min_size=1, max_size=2)))
    routes: list[dict[str, Any]] = [
        {"dst": "default", "gateway": neighbour(name, version, 1), "dev": name, "metric": 100 * at}
        for at, name in enumerate(UPLINKS, 1)
    ]
    connected = {str(ipaddress.ip_interface(each[version == 6]).network): name for name, each in INTERFACES.items()}
    for text in sorted({*chosen, *connected}, key=lambda text: (int(ipaddress.ip_network(text)[0]), text)):
        metrics: set[int] = set()
        if text in connected:
            routes.append({"dst": text, "dev": connected[text], "protocol": "kernel", "scope": "link"})
        for interface, host, metric in sorted(chosen.get(text, ()), key=lambda way: way[2]):
            if metric not in metrics:
                metrics.add(metric)
                more = {"metric": metric} if metric else {}
                gateway = neighbour(interface, version, host)
                routes.append({"dst": text, "gateway": gateway, "dev": interface, "protocol": "zebra", **more})
    if draw(st.booleans()):
        routes.append({"type": "unreachable", "dst": draw(st.sampled_from(NETWORKS[version])), "metric": 4000})
    return [*routes, *draw(own_routes(version))]


@st.composite
def own_routes(draw: st.DrawFn, version: int) -> list[dict[str, Any]]:
    """As the kernel makes them for addresses, some for an address of two interfaces; one of another type between."""
    holders = st.lists(st.sampled_from(("eth0", "eth1", "lan0")), min_size=1, max_size=2, unique=True)
    chosen = draw(st.dictionaries(st.sampled_from(OWN[version]), holders))
    other = draw(st.sampled_from(("local", "local", "broadcast", "anycast")))
    return [
        {"type": "local" if at else other, "dst": text, "dev": interface, "table": "local", "protocol": "kernel"}
        for at, text in enumerate(sorted(chosen, key=lambda text: int(ipaddress.ip_network(text)[0])))
        for interface in chosen[text]
    ]


@st.composite
def documents(draw: st.DrawFn) -> str:
    """The snapshot of a host with three uplinks and two other interfaces, as text."""
    rules = [{"priority": at, "src": "all", "table": table} for at, table in ((0, "local"), (32766, "main"))]
    routes = {f"routes{version}": draw(listed_routes(version)) for version in (4, 6)}
    flags = ["BROADCAST", "UP", "LOWER_UP"]
    held = {name: [ipaddress.ip_interface(address) for address in addresses] for name, addresses in INTERFACES.items()}
    snapshot = {
        "hostname": "router", "os_release": {"ID": "debian"}, "rules4": rules, "rules6": rules, **routes,
        "links": [{"ifname": name, "ifindex": at, "flags": flags} for at, name in enumerate(INTERFACES, 1)],
        "addrs": [
            {"ifname": name, "addr_info": [
                {"family": f"inet{'6' if one.version == 6 else ''}", "local": str(one.ip),
                 "prefixlen": one.network.prefixlen} for one in each]}
            for name, each in held.items()
        ],
    }  # fmt: skip
    return json.dumps(snapshot, indent=draw(st.sampled_from((None, 1))))


def in_pieces(text: str, size: int) -> Iterator[str]:
    return (text[at : at + size] for at in range(0, len(text), size))


def as_sets(state: KernelState) -> tuple[object, ...]:
    """The order of routes to different networks says nothing; that of rules with one priority does."""
    routes = {(each.uplink.interface, each.uplink.family): frozenset(each.routes) for each in state.uplinks}
    rules = {(each.uplink.interface, each.uplink.family): frozenset(each.rules) for each in state.uplinks}
    return routes, rules, frozenset(state.notes), state.groups


def destinations(version: int) -> list[Address]:
    """One inside of each network, and their neighbours."""
    networks = [ipaddress.ip_network(text) for text in NETWORKS[version]]
    inside = [network[min(5, network.num_addresses - 1)] for network in networks]
    own = [ipaddress.ip_network(text)[0] for text in OWN[version]]
    return [
        *inside,
        *(address + (1 << 9) for address in inside),
        *own,
        ipaddress.ip_address(neighbour("eth1", version, 7)),
    ]


def answers(host: Host, made: Plan, state: KernelState) -> Iterator[object]:
    """What the model and the promise say of every uplink address to every destination."""
    today, planned = before(host), after(host, state)
    for uplink in made.uplinks:
        promise = Promise(made, uplink.family)
        sources = (uplink.addresses[0].address, ipaddress.ip_network(OWN[uplink.family][-2])[0])
        for destination in destinations(uplink.family):
            packets = [Packet(uplink.family, destination, source=source) for source in (*sources, None)]
            found = [routing.lookup(packet).outcomes for routing in (today, planned) for packet in packets]
            asked = [[(one.kind, one.hop, one.source) for one in outcomes] for outcomes in found]
            yield uplink.interface, destination, promise.ways(uplink, destination), asked


@settings(deadline=None, max_examples=40)
@given(documents(), st.integers(1, 400))
def test_folded_and_single_routes_give_the_same(text: str, size: int) -> None:
    folded, single = parse_host(read_snapshot(in_pieces(text, size))), parse_host(json.loads(text))
    assert single.bulk == ()
    plans = [plan(host, Choices()) for host in (folded, single)]
    assert replace(plans[0], main=(), bulk=(), unresolved=()) == replace(plans[1], main=(), unresolved=())
    for can in CAPABILITIES:
        states = [lower(made, can) for made in plans]
        assert as_sets(states[0]) == as_sets(states[1])
        found = [list(answers(*each)) for each in zip((folded, single), plans, states)]
        assert found[0] == found[1]


def in_order(value: object) -> str:
    return json.dumps(value, sort_keys=True)


def without_order(snapshot: dict[str, Any]) -> dict[str, Any]:
    lists = {key: sorted(map(in_order, snapshot[key])) for key in ("routes4", "routes6")}
    return {**snapshot, **lists}


@given(documents(), st.integers(1, 400))
def test_unfolded_is_what_was_read(text: str, size: int) -> None:
    found = read_snapshot(in_pieces(text, size))
    assert without_order(unfolded(found)) == without_order(json.loads(text))
    assert without_order(json.loads("".join(snapshot_to_json(found)))) == without_order(json.loads(text))


PLAIN = [{"dst": f"10.{at}.0.0/16", "gateway": "192.0.2.1", "dev": "eth0"} for at in range(9)]
LOCAL = [{"type": "local", "dst": f"10.0.0.{at}", "dev": "eth0", "table": "local"} for at in range(7)]


def test_something_is_folded() -> None:
    """Or the properties above would prove nothing. Each table begins anew."""
    found = read_list([json.dumps(PLAIN + LOCAL)], Family.IPV4)
    assert isinstance(found, FoldedObjects)
    assert [len(run.networks) for run in found.runs] == [9, 7]


def test_tables_stay_apart_where_they_are_unfolded() -> None:
    between = {"dst": "10.99.0.0/16", "dev": "eth0"}
    found = read_list([json.dumps([*PLAIN, between, *LOCAL])], Family.IPV4)
    assert isinstance(found, FoldedObjects)
    assert list(found.unfolded()) == [*PLAIN, between, *LOCAL]


@pytest.mark.parametrize(
    "changed",
    [
        {"gateway": "192.0.2.1"},
        {"table": "main"},
        {"table": 77},
        {"type": "broadcast"},
        {"dst": "169.254.0.1"},
        {"tos": 8},
    ],
)
def test_of_local_only_plain_addresses_are_folded(changed: dict[str, Any]) -> None:
    assert isinstance(read_list([json.dumps([{**LOCAL[1], **changed}])], Family.IPV4), list)


def test_what_an_administrator_calls_main_or_local_is_no_bulk() -> None:
    """rt_tables may give these names to other tables."""
    plain = [{**route, "table": "main"} for route in PLAIN]
    folded = read_list([json.dumps(plain + LOCAL)], Family.IPV4)
    host = parse_host({**BARE, "routes4": folded, "rt_tables": {"77": "local", "78": "main"}})
    assert host.bulk == ()
    assert [route.table for route in host.routes] == [78] * len(PLAIN) + [77] * len(LOCAL)


def test_an_address_of_two_interfaces_is_answered_by_the_first() -> None:
    """In the kernel's order: the second one's route is no part of a run, and the first one's none any more."""
    second = {**LOCAL[3], "dev": "eth1"}
    host = parsed_as_list(*LOCAL[:4], second, *LOCAL[4:])
    assert [len(bulk.networks) for bulk in host.bulk] == [6]
    assert [route.interfaces for route in host.routes] == [("eth0",), ("eth1",)]


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)
routish = st.dictionaries(
    st.sampled_from(("dst", "gateway", "dev", "type", "flags", "metric", "table")),
    st.sampled_from(
        ('10.0.0.0/8"', "10.1.0.0/16", "1.2.3.4", "unicast", "main", "local", 0, '"dst":"', "x\\", "ü\ud800")
    )
    | values,
)


@given(st.dictionaries(st.sampled_from(("routes4", "routes6", "links", "a\n")), st.lists(routish | values) | values),
       st.integers(1, 50), st.sampled_from((None, 0, 2)))  # fmt: skip
def test_any_document_is_read_as_json_reads_it(document: dict[str, Any], size: int, indent: int | None) -> None:
    text = json.dumps(document, indent=indent)
    assert without_lists(unfolded(read_snapshot(in_pieces(text, size)))) == without_lists(document)


@pytest.mark.parametrize("number", ["12", "-7", "1.5", "10e2", "1e+5", "-0.25E-3", "true", "null", "[1, 2.5]"])
def test_a_number_that_comes_in_pieces_is_one(number: str) -> None:
    text = f'{{"routes4": [{number}, {number}], "other": {number}}}'
    for size in range(1, len(text)):
        assert read_snapshot(in_pieces(text, size)) == json.loads(text)


@given(st.permutations([f"10.{at}.{at % 3}.0/24" for at in range(9)] + ["10.4.0.0/16", "10.4.1.0/24"]))
def test_no_order_of_routes_loses_one(order: list[str]) -> None:
    """Not as the kernel lists them, and one of them twice: found in the runs or among the single routes."""
    routes = [{"dst": text, "gateway": "192.0.2.1", "dev": "eth0"} for text in order]
    found = read_list([json.dumps(routes)], Family.IPV4)
    assert isinstance(found, FoldedObjects)
    ((run),) = found.runs
    single = [entry["dst"] for _, entry in found.entries]
    assert all(ipaddress.IPv4Network(text) in run.networks for text in set(order) - set(single))
    assert len(run.networks) + len(single) == len(order)


BARE: dict[str, Any] = {
    "hostname": "r", "os_release": {}, "links": [], "addrs": [], "rules4": [], "rules6": [], "routes6": [],
}  # fmt: skip


def parsed_as_list(*routes: object) -> Host:
    folded = read_list([json.dumps(routes)], Family.IPV4)
    assert isinstance(folded, FoldedObjects)
    return parse_host({**BARE, "routes4": folded})


@pytest.mark.parametrize(
    "text", ["10.9.0.0/1_6", "10.9.0.0/ 16", "10.9.0.0/+16", "10.9.0.0/", "10.9.0.0/33", "10.9.0.0/16/", "10.9.0"]
)
def test_what_is_no_destination_is_refused_behind_a_run_too(text: str) -> None:
    """By its place in the list, as where nothing is folded."""
    routes = [{"dst": one, "gateway": "192.0.2.1"} for one in (*(f"10.{at}.0.0/16" for at in range(8)), text)]
    with pytest.raises(InputError, match=r"routes4\[8\]\.dst: found"):
        parsed_as_list(*routes)


def test_what_is_no_object_is_named_by_its_place() -> None:
    with pytest.raises(InputError, match=r"routes4\[2\]: found 7, expected an object"):
        parsed_as_list(*({"dst": f"10.{at}.0.0/16", "gateway": "192.0.2.1"} for at in range(2)), 7)


def without_lists(document: dict[str, Any]) -> dict[str, Any]:
    """Runs stand together: the order of a list is not kept."""
    return {
        key: sorted(map(in_order, value)) if key in ("routes4", "routes6") and isinstance(value, list) else value
        for key, value in document.items()
    }


@given(documents(), st.integers(1, 400), st.data())
def test_a_document_that_is_cut_off_or_goes_on_is_refused(text: str, size: int, data: st.DataObject) -> None:
    broken = data.draw(st.sampled_from((text[: data.draw(st.integers(0, len(text) - 1))], f"{text},", f"{text}1")))
    with pytest.raises(json.JSONDecodeError):
        read_snapshot(in_pieces(broken, size))


prefixes4 = st.tuples(st.integers(0, (1 << 10) - 1), st.integers(24, 32)).map(
    lambda drawn: ipaddress.ip_network(((10 << 24) + drawn[0], drawn[1]), strict=False)
)
prefixes6 = st.tuples(st.integers(0, (1 << 10) - 1), st.integers(54, 64)).map(
    lambda drawn: ipaddress.ip_network(((0x20010DB8 << 96) + (drawn[0] << 64), drawn[1]), strict=False)
)


@given(
    st.sampled_from((prefixes4, prefixes6)).flatmap(
        lambda prefixes: st.tuples(st.sets(prefixes), prefixes, st.sets(prefixes))
    )
)
def test_set_of_prefixes_is_what_ipaddress_says(drawn: Any) -> None:
    networks, asked, gone = drawn
    found = PrefixSet(asked.version)
    unstored = 64 if asked.version == 6 else 0
    for network in sorted(networks):
        found.append(int(network.network_address) >> unstored, network.prefixlen)
    assert list(found) == sorted(networks)
    assert len(found) == len(networks)
    assert (asked in found) == (asked in networks)
    holding = [network for network in networks if asked.subnet_of(network)]
    assert found.of(asked) == max(holding, key=lambda network: network.prefixlen, default=None)
    inside = {network for network in networks if network != asked and network.subnet_of(asked)}
    assert set(found.inside(asked)) == inside
    assert set(found.without(gone)) == networks - gone
