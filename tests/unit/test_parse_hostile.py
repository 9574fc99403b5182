"""Whatever JSON comes in: a Host or an InputError, never a traceback."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asymgen.errors import InputError
from asymgen.model import Host
from asymgen.parse import load_snapshot, parse_host

WHOLE: dict[str, Any] = {
    "links": [
        {
            "ifindex": 2, "ifname": "eth0", "flags": ["UP"], "mtu": 1500, "group": "7", "address": "02:00:00:00:00:01",
            "linkinfo": {"info_kind": "vlan", "info_data": {"id": 5}}, "master": "br0", "link": "eth1",
        }
    ],
    "addrs": [
        {
            "ifindex": 2, "ifname": "eth0", "addr_info": [
                {"family": "inet", "local": "192.0.2.1", "prefixlen": 24, "dynamic": True, "valid_life_time": 5},
                {"family": "inet6", "local": "2001:db8::1", "address": "2001:db8::2", "prefixlen": 64},
            ],
        }
    ],
    "routes4": [
        {
            "type": "unicast", "dst": "default", "gateway": "192.0.2.1", "dev": "eth0", "table": "100", "tos": "0x10",
            "protocol": "dhcp", "scope": "global", "prefsrc": "192.0.2.1", "metric": 5, "flags": ["onlink"],
            "metrics": [{"mtu": 1400}],
        },
        {"dst": "10.0.0.0/8", "nexthops": [{"via": {"family": "inet6", "host": "fe80::1"}, "dev": "eth0"}]},
        {"dst": "10.0.0.0/9", "nhid": 20},
        {"dst": "10.0.0.0/10", "nhid": 11, "nh_info": {"id": 11, "dev": "eth0"}},
    ],
    "routes6": [{"dst": "default", "from": "2001:db8::/64", "gateway": "fe80::1", "dev": "eth0", "pref": "high"}],
    "rules4": [
        {
            "priority": 1, "not": None, "src": "192.0.2.0", "srclen": 24, "dst": "10.0.0.0", "dstlen": 8,
            "fwmark": "0x1", "fwmask": "0xff", "iif": "lo", "oif": "eth0", "uid_start": 1, "uid_end": 2,
            "ipproto": "tcp", "sport": 1, "dport_start": 1, "dport_end": 2, "table": "main",
            "suppress_prefixlen": 0, "suppress_ifgroup": "7",
        },
        {"priority": 2, "goto": 9, "unresolved": None},
    ],
    "rules6": [{"priority": 1, "src": "all", "action": "unreachable", "protocol": "97", "tos": "CS1"}],
    "nexthops": [{"id": 11, "dev": "eth0"}, {"id": 20, "group": [{"id": 11, "weight": 2}]}],
    "os_release": {"ID": "debian"}, "rt_tables": {"7": "seven"}, "rt_protos": {"97": "asymgen"}, "groups": {"7": "up"},
    "firewall_groups": [7], "leases": [{"interface": "eth0", "routers": ["192.0.2.1"], "file": "/x"}],
    "managers": {
        "init": "", "installed": {"ifupdown": "1"}, "running": ["networkd"],
        "interfaces": {"eth0": {"manager": "ifupdown", "file": "/x", "gateways": ["192.0.2.1"], "dynamic": ["4"]}},
    },
    "sysctls": {"net/ipv4/ip_forward": "1"}, "hostname": "web1", "machine_id": "a", "kernel": "6", "iproute2": "6",
    "notes": [""],
}  # fmt: skip

WORDS = (
    "default", "all", "0", "/", "0/0", "1.2.3.4/", "1.2.3.4/x", "::", "fe80::1%x", "-1", "0x", "²", "none", "lo", "1_0",
)  # fmt: skip
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 2**65), st.floats(), st.text(max_size=6), st.sampled_from(WORDS)
)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2)
)


def places(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every value inside ``node``."""
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [place for key, value in items for place in [(*path, key), *places(value, (*path, key))]]


def changed(path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    """WHOLE with ``value`` at ``path``."""
    result = copy.deepcopy(WHOLE)
    node: Any = result
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = value
    return result


def host_or_message(given: Any) -> Host | str:
    try:
        return parse_host(given, origin="x.json")
    except InputError as problem:
        return problem.message


def test_the_whole_one_is_well_formed() -> None:
    assert isinstance(host_or_message(WHOLE), Host)


@settings(max_examples=400, deadline=None)
@given(path=st.sampled_from(places(WHOLE)), value=VALUES)
def test_any_value_anywhere(path: tuple[Any, ...], value: Any) -> None:
    found = host_or_message(changed(path, value))
    # The message leads to what was changed: it starts with the key that holds it.
    assert (
        isinstance(found, Host)
        or found.startswith(f"x.json: {path[0]}")
        or path[0] in ("nexthops", "rt_tables", "groups")
    )


@pytest.mark.parametrize("wrong", [None, 5, "x", [], {}, [[]], [5]], ids=repr)
def test_every_place_with_every_kind_of_value(wrong: Any) -> None:
    for path in places(WHOLE):
        assert isinstance(host_or_message(changed(path, wrong)), (Host, str))


@settings(max_examples=200, deadline=None)
@given(text=st.text(max_size=30) | VALUES.map(json.dumps))
def test_any_text(text: str) -> None:
    try:
        value: Any = load_snapshot(text, "x.json")
    except InputError as problem:
        value = problem
    assert isinstance(value, dict) or value.message.startswith("x.json: ")
