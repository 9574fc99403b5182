"""Text of ip(8) as it was before its JSON, and what is refused in it. (Against real hosts: test_snapshot_text.py.)

The lines called OLD are in the form of iproute2 4.9 and 4.11, by the source of print_route(), print_rule() and
print_linkinfo(): two blanks between some words, no ``proto`` in rules, ``error`` in routes, no ``minmtu``.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asymgen.errors import InputError
from asymgen.iproute2 import decode
from asymgen.parse import parse_host
from asymgen.parse_text import read_texts

OLD = {
    "links": (
        "1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN mode DEFAULT group default qlen 1\n"
        "    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00 promiscuity 0 addrgenmode eui64 \n"
        "2: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 xdp qdisc mq master bond0 state UP mode DEFAULT group 7 "
        "qlen 1000\n"
        "    link/ether 52:54:00:12:34:56 brd ff:ff:ff:ff:ff:ff promiscuity 0 \n"
        "    bond_slave state ACTIVE mii_status UP addrgenmode eui64 numtxqueues 1 numrxqueues 1 \n"
        "    vf 0 MAC 00:00:00:00:00:00, spoof checking on, link-state auto\n"
        "3: bond0.5@bond0: <BROADCAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP mode DEFAULT group default \n"
        "    link/ether 52:54:00:12:34:56 brd ff:ff:ff:ff:ff:ff link-netnsid 0 promiscuity 0 \n"
        "    vlan protocol 802.1Q id 5 <REORDER_HDR> addrgenmode eui64 \n"
        "4: sit0@NONE: <NOARP> mtu 1480 qdisc noop state DOWN mode DEFAULT group default qlen 1\n"
        "    link/sit 0.0.0.0 brd 0.0.0.0 promiscuity 0 \n"
        "    sit remote any local any ttl 64 nopmtudisc addrgenmode eui64 \n"
        "5: tun0: <POINTOPOINT,MULTICAST,NOARP,UP,LOWER_UP> mtu 1500 qdisc pfifo_fast state UNKNOWN mode DEFAULT group "
        "default qlen 100\n"
        "    link/none  promiscuity 0 \n"
        "    tun addrgenmode random \n"
        "6: eth1@if9: <BROADCAST,UP,LOWER_UP,M-DOWN> mtu 1500 qdisc noqueue state UP mode DEFAULT group default \n"
        "    link/ether 52:54:00:12:34:57 brd ff:ff:ff:ff:ff:ff promiscuity 0 \n"
        "    veth addrgenmode eui64 \n"
        "    alias of our provider\n"
    ),
    "addrs": (
        "2: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc mq state UP group default qlen 1000\n"
        "    link/ether 52:54:00:12:34:56 brd ff:ff:ff:ff:ff:ff\n"
        "    inet 192.0.2.10/24 brd 192.0.2.255 scope global dynamic eth0\n"
        "       valid_lft 85992sec preferred_lft 85992sec\n"
        "    inet 192.0.2.11/24 scope global secondary eth0:1\n"
        "       valid_lft forever preferred_lft forever\n"
        "    inet6 2001:db8::10/64 scope global mngtmpaddr dynamic \n"
        "       valid_lft 0sec preferred_lft 0sec\n"
        "    inet6 2001:db8::a:b/64 scope global temporary deprecated dynamic flags 800 \n"
        "       valid_lft 5sec preferred_lft 0sec\n"
    ),
    "routes4": (
        "unicast default via 192.0.2.1 dev eth0  table main  proto static  scope global  metric 100 \n"
        "unicast 192.0.2.0/24 dev eth0  table main  proto kernel  scope link  src 192.0.2.10  metric 100 \n"
        "unicast 203.0.113.0/24  table 100  proto boot  scope global  metric 5 \n"
        "\tnexthop via 192.0.2.1  dev eth0 weight 3\n"
        "\tnexthop via 198.51.100.1  dev eth1 weight 1 onlink linkdown\n"
        "unicast 203.0.114.0/24 tos 0x10 via 192.0.2.1 dev eth0  table main  proto zebra  scope global onlink "
        "realms 3/4  mtu lock 1300 rtt 5ms features ecn rto_min lock 5ms congctl cubic\n"
        "unicast 203.0.115.0/24 tunnel id 7 src 10.0.0.1 dst 10.0.0.2 ttl 64 tos 0 via 192.0.2.1 dev eth0  table main "
        " proto boot  scope global \n"
        "blackhole 0/8  table main  proto boot  scope global \n"
    ),
    "routes6": (
        "unreachable default dev lo  table unspec  proto kernel  scope global  metric 4294967295  error -101 "
        "pref medium\n"
        "unicast default via fe80::1 dev eth0  table main  proto ra  scope global  metric 1024  expires 1789sec "
        "hoplimit 64 pref high\n"
    ),
    "rules4": (
        "0:\tfrom all lookup local \n"
        "99:\tnot from 192.0.2.0/24 to 10.0.0.0/8 tos 0x10 fwmark 0x10/0xff iif eth0 [detached] oif eth1 lookup 100 "
        "suppress_prefixlength 0 suppress_ifgroup 7 realms 3/4 \n"
        "100:\tfrom 10.0.0.1 goto 200 [unresolved] \n"
        "101:\tfrom all lookup [l3mdev-table] \n"
        "102:\tfrom all blackhole\n"
        "32766:\tfrom all lookup main \n"
    ),
    "rules6": "0:\tfrom all lookup local \n32766:\tfrom all lookup main \n",
}
SAME: dict[str, Any] = {
    "links": [
        {"ifindex": 1, "ifname": "lo", "flags": ["LOOPBACK", "UP", "LOWER_UP"], "mtu": 65536, "group": "default",
         "address": "00:00:00:00:00:00"},
        {"ifindex": 2, "ifname": "eth0", "flags": ["BROADCAST", "MULTICAST", "UP", "LOWER_UP"], "mtu": 1500,
         "master": "bond0", "group": "7", "address": "52:54:00:12:34:56"},
        {"ifindex": 3, "ifname": "bond0.5", "link": "bond0", "flags": ["BROADCAST", "UP", "LOWER_UP"],
         "address": "52:54:00:12:34:56", "linkinfo": {"info_kind": "vlan", "info_data": {"id": 5}}},
        {"ifindex": 4, "ifname": "sit0", "flags": ["NOARP"], "mtu": 1480, "address": "0.0.0.0",  # noqa: S104 - data
         "linkinfo": {"info_kind": "sit"}},
        {"ifindex": 5, "ifname": "tun0", "flags": ["POINTOPOINT", "MULTICAST", "NOARP", "UP", "LOWER_UP"],
         "linkinfo": {"info_kind": "tun"}},
        {"ifindex": 6, "ifname": "eth1", "flags": ["BROADCAST", "UP", "LOWER_UP", "M-DOWN"],
         "address": "52:54:00:12:34:57", "linkinfo": {"info_kind": "veth"}},
    ],
    "addrs": [
        {"ifname": "eth0", "addr_info": [
            {"family": "inet", "local": "192.0.2.10", "prefixlen": 24, "scope": "global", "dynamic": True},
            {"family": "inet", "local": "192.0.2.11", "prefixlen": 24, "scope": "global", "secondary": True},
            {"family": "inet6", "local": "2001:db8::10", "prefixlen": 64, "scope": "global", "dynamic": True,
             "valid_life_time": 0},
            {"family": "inet6", "local": "2001:db8::a:b", "prefixlen": 64, "scope": "global", "dynamic": True,
             "temporary": True, "deprecated": True},
        ]},
    ],
    "routes4": [
        {"dst": "default", "gateway": "192.0.2.1", "dev": "eth0", "protocol": "static", "metric": 100},
        {"dst": "192.0.2.0/24", "dev": "eth0", "protocol": "kernel", "scope": "link", "prefsrc": "192.0.2.10",
         "metric": 100},
        {"dst": "203.0.113.0/24", "table": "100", "protocol": "boot", "metric": 5, "nexthops": [
            {"gateway": "192.0.2.1", "dev": "eth0", "weight": 3},
            {"gateway": "198.51.100.1", "dev": "eth1", "flags": ["onlink", "linkdown"]},
        ]},
        {"dst": "203.0.114.0/24", "tos": "0x10", "gateway": "192.0.2.1", "dev": "eth0", "protocol": "zebra",
         "flags": ["onlink"], "metrics": [{"mtu": 1300}]},
        {"dst": "203.0.115.0/24", "gateway": "192.0.2.1", "dev": "eth0", "protocol": "boot"},
        {"type": "blackhole", "dst": "0.0.0.0/8", "protocol": "boot"},
    ],
    "routes6": [
        {"type": "unreachable", "dst": "default", "dev": "lo", "table": 0, "protocol": "kernel", "metric": 4294967295},
        {"dst": "default", "gateway": "fe80::1", "dev": "eth0", "protocol": "ra", "metric": 1024, "pref": "high"},
    ],
    "rules4": [
        {"priority": 0, "src": "all", "table": "local"},
        {"priority": 99, "not": None, "src": "192.0.2.0", "srclen": 24, "dst": "10.0.0.0", "dstlen": 8, "tos": "0x10",
         "fwmark": "0x10", "fwmask": "0xff", "iif": "eth0", "oif": "eth1", "table": "100", "suppress_prefixlen": 0,
         "suppress_ifgroup": "7"},
        {"priority": 100, "src": "10.0.0.1", "goto": 200, "unresolved": None},
        {"priority": 101, "src": "all", "l3mdev": None},
        {"priority": 102, "src": "all", "action": "blackhole"},
        {"priority": 32766, "src": "all", "table": "main"},
    ],
    "rules6": [
        {"priority": 0, "src": "all", "table": "local"}, {"priority": 32766, "src": "all", "table": "main"},
    ],
}  # fmt: skip


def read(**texts: Any) -> dict[str, Any]:
    return read_texts({**OLD, "os_release": {}, **texts}, origin="web1.json")


@pytest.mark.parametrize("part", ["links", "routes", "rules"])
def test_old_text_is_what_its_json_would_be(part: str) -> None:
    found, wanted = parse_host(read()), parse_host({**SAME, "os_release": {}})
    assert getattr(found, part) == getattr(wanted, part)


def test_lists_are_left_alone() -> None:
    assert read_texts({**SAME, "notes": ["x"]}, origin="") == {**SAME, "notes": ["x"]}


HEAD = "2: eth0: <UP> mtu 1500 qdisc mq state UP group default\n"
REFUSED = {
    "links": [
        "Cannot open netlink socket", "2: eth0 <UP> mtu 1500", "two: eth0: <UP> mtu 1500", "2: eth0: <UP> mtu",
        "2: eth0: <UP> speed 1000", f"{HEAD}{HEAD}", "2: a@b@eth0: <UP> mtu 1500", "    link/ether 52:54:00:12:34:56",
    ],
    "addrs": [
        f"{HEAD}    inet", f"{HEAD}    inet 192.0.2.1/24", f"{HEAD}    inet 192.0.2.1/24 scope global shiny eth0",
        f"{HEAD}    inet6 2001:db8::1/64 scope global shiny", f"{HEAD}    decnet 1.1/16 scope global",
        f"{HEAD}    inet 192.0.2.1/24 scope global eth0\n       valid_lft soon preferred_lft forever",
        f"{HEAD}       valid_lft 5sec",
    ],
    "routes4": [
        "unicast", "default shiny", "default via", "default dev eth0 metric", "default encap ip id 7",
        "\tnexthop via 192.0.2.1 dev eth0", "default dev eth0\n\tnexthop via 192.0.2.1 shiny", "default metric -x",
    ],
    "rules4": [
        "from all lookup main", "5: from all lookup main", "5:\tlookup main", "5:\tfrom all lookup",
        "5:\tfrom all shiny", "5:\tfrom all [detached] lookup main", "5:\tfrom",
    ],
}  # fmt: skip


@pytest.mark.parametrize("key, line", [(key, line) for key, lines in REFUSED.items() for line in lines])
def test_a_line_that_is_not_understood_is_refused(key: str, line: str) -> None:
    with pytest.raises(InputError) as refused:
        read(**{key: line})
    assert refused.value.message.startswith(f"web1.json: {key}: found ")


def is_host_or_refused(**texts: Any) -> bool:
    try:
        return bool(parse_host(read(**texts)).os_release == {})
    except InputError as problem:
        return bool(problem.message)


@pytest.mark.parametrize("key", OLD)
def test_cut_off_anywhere_it_is_read_or_refused(key: str) -> None:
    assert all(is_host_or_refused(**{key: OLD[key][:length]}) for length in range(len(OLD[key])))


WORDS = sorted({word for text in OLD.values() for word in text.replace("\n", " ").split(" ")})


@given(
    key=st.sampled_from(sorted(OLD)),
    words=st.lists(
        st.sampled_from([*WORDS, "\n", "\n    ", "\n\t", "\x85", "\x1c"]) | st.text(max_size=4), max_size=30
    ),
    files=st.none() | st.dictionaries(st.sampled_from(["/sys/class/net/eth0/ifindex", "/x"]), st.text() | st.none()),
)
def test_any_text_is_read_or_refused(key: str, words: list[str], files: Any) -> None:
    assert is_host_or_refused(**{key: " ".join(words), "collected": {"files": files}})


def test_the_name_of_an_index_is_that_of_sysfs() -> None:
    files = {"/sys/class/net/eth0@eth1/ifindex": "2", "/sys/class/net/lo/ifindex": "1\n"}
    text = "2: eth0@eth1: <UP> mtu 1500\n2000: eth9: <UP> mtu 1500\n    alias\n"
    found = read(links=text, addrs="", collected={"files": files})
    assert [(link["ifname"], link.get("link")) for link in found["links"]] == [("eth0@eth1", None)]
    assert any("'eth9' was listed, but is not in /sys/class/net" in note for note in found["notes"])
    with pytest.raises(InputError, match="the name that /sys/class/net has for interface 1"):
        read(links="1: eth0: <UP> mtu 1500", collected={"files": files})


def test_an_alias_is_no_kind() -> None:
    """ip-link(8) takes any text for it, with line ends; a network card has no kind of its own."""
    text = "2: eth0: <UP> mtu 1500\n    link/ether 52:54:00:12:34:56 promiscuity 0 \n    alias of\n    wireguard "
    assert "linkinfo" not in read(links=text)["links"][0]


def test_a_rule_of_busybox_may_have_more_selectors_unless_it_is_the_kernels() -> None:
    text = "0:\tfrom all lookup local \n5:\tfrom all lookup main \n32766:\tfrom 10.0.0.0/8 lookup main \n"
    rules = parse_host(read(rules4=text, rules6="32766:\tfrom all lookup main \n", iproute2="BusyBox v1.35.0")).rules
    assert [bool(rule.unmodelled) for rule in rules] == [False, True, True, False]


# --- ip -j ---------------------------------------------------------------------------------------

TUNNELLED = (
    '[{"type":"unicast","dst":"203.0.113.0/24","encap":"ip","id":7,"src":"0.0.0.0","dst":"192.0.2.9","ttl":0,"tos":8,'
    '%s"dev":"tun7","table":"100","flags":[]}]'
)


def test_words_of_an_encapsulation_are_not_the_routes() -> None:
    plain = {"type": "unicast", "dst": "203.0.113.0/24", "encap": "ip", "dev": "tun7", "table": "100", "flags": []}
    assert decode(TUNNELLED % "") == [plain]
    assert decode(TUNNELLED % '"tos":"0x10",') == [{**plain, "tos": "0x10"}]


def test_what_asymgen_wrote_itself_is_left_alone() -> None:
    written = {"dev": "tun7", "dst": "203.0.113.0/24", "encap": "mpls", "flags": [], "metric": 5, "table": "100"}
    assert decode(json.dumps([written])) == [written]
