"""The probe and the parser against a real kernel: what was typed is what comes out of the Host.

One namespace holds every kind of route, rule, address and link that this kernel has; it is read once, by the probe
in a process of its own inside the namespace.
"""

from __future__ import annotations

import ipaddress
import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from asymgen.model import Family, Host, InterfaceAddress, NextHop, Range, Route, RouteType, Rule, RuleAction
from asymgen.parse import load_snapshot, parse_host
from tests.namespaces import Namespace, namespace
from tests.watch_lab import wait_until

pytestmark = pytest.mark.netns

TREE = Path(__file__).resolve().parents[2]
PROBE = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from asymgen.parse import snapshot_to_json
from asymgen.system.commands import Runner
from asymgen.system.probe import take_snapshot
runner = Runner(echo=lambda line: print(line, file=sys.stderr))
sys.stdout.writelines(snapshot_to_json(take_snapshot(runner, Path(sys.argv[2]))))
"""
V4, V6 = Family.IPV4, Family.IPV6
HOSTILE_NAMES = (
    b"\xff\xfe", b'qu"ote', b"$(id)", b"se;mi", b"back\\slash", b"tick's", b"ctl\x01\x7f", "Grüße".encode(), b"..x",
    b"a@b", b"-x",
)  # fmt: skip
"""A percent sign is missing: the kernel takes it for a number to fill in, and refuses any but "%d"."""
LONELY = [name.decode("utf-8", "surrogateescape") for name in HOSTILE_NAMES]


def probed(net: Namespace, root: str = "/") -> tuple[dict[str, Any], list[str]]:
    """The snapshot of ``net``, and the commands that the probe ran for it."""
    done = net.run(sys.executable, "-c", PROBE, str(TREE), root)
    return load_snapshot(done.stdout, "probe"), done.stderr.splitlines()


LINKS = """\
link add left0 type veth peer name peer-left
link add right0 type veth peer name peer-right
link add bridge0 type bridge
link add mac0 link right0 type macvlan mode bridge
link add vxlan0 type vxlan id 5 dstport 4789 local 192.0.2.10
link set peer-left master bridge0
link set left0 group 77 mtu 1400
link set left0 up
link set peer-left up
link set right0 up
link set peer-right up
link set mac0 up
addr add 192.0.2.10/24 dev left0
addr add 192.0.2.11/24 dev left0 valid_lft 900 preferred_lft 0
addr add 198.51.100.10/24 dev right0
addr add 10.20.0.1 peer 10.20.0.2/32 dev mac0
addr add 2001:db8:1::10/64 dev left0 nodad noprefixroute
addr add 2001:db8:2::10/64 dev right0 nodad
addr add 2001:db8:3::1 peer 2001:db8:4::1/64 dev right0 nodad
route add 2001:db8:1::/64 dev left0
nexthop add id 11 via 192.0.2.1 dev left0
nexthop add id 12 via 198.51.100.1 dev right0
nexthop add id 13 via 2001:db8:2::1 dev right0
nexthop add id 14 blackhole
nexthop add id 20 group 11/12,4
"""


def network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    return ipaddress.ip_network("0.0.0.0/0" if text == "default" else text)


def hop(interface: str | None, gateway: str | None = None, **more: Any) -> NextHop:
    return NextHop(interface, ipaddress.ip_address(gateway) if gateway else None, **more)


def route(destination: str, *hops: NextHop, **more: Any) -> Route:
    """A route of ours below: made by ip(8), hence protocol boot, in main."""
    to = network(destination)
    settled = {"metric": 1024 if to.version == 6 else 0, "protocol": 3, "table": 254, **more}
    return Route(family=Family(to.version), destination=to, nexthops=hops, **settled)


LEFT, RIGHT = hop("left0", "192.0.2.1"), hop("right0", "198.51.100.1")
LEFT6, RIGHT6 = hop("left0", "2001:db8:1::1"), hop("right0", "2001:db8:2::1")
SOURCE = ipaddress.ip_address("192.0.2.10")
ROUTES = {
    "default via 192.0.2.1 proto dhcp metric 100": route("default", LEFT, protocol=16, metric=100),
    "203.0.113.0/24 via 192.0.2.1 table 99999": route("203.0.113.0/24", LEFT, table=99999),
    "203.0.113.1 dev left0 scope link": route("203.0.113.1/32", hop("left0"), scope="link"),
    "203.0.113.2 via 10.99.0.1 dev left0 onlink": route("203.0.113.2/32", hop("left0", "10.99.0.1", onlink=True)),
    "203.0.113.4/30 nexthop via 192.0.2.1 weight 3 nexthop via 10.99.0.1 dev right0 onlink": route(
        "203.0.113.4/30", replace(LEFT, weight=3), hop("right0", "10.99.0.1", onlink=True)
    ),
    "203.0.113.8/30 via inet6 2001:db8:2::9 dev right0": route("203.0.113.8/30", hop("right0", "2001:db8:2::9")),
    "203.0.113.12/30 via 192.0.2.1 mtu 1280 advmss 900 tos 0x10 metric 55 proto 97 src 192.0.2.10 realm 3": route(
        "203.0.113.12/30", LEFT, mtu=1280, tos=0x10, metric=55, protocol=97, preferred_source=SOURCE
    ),
    "203.0.113.16/30 via 192.0.2.1 mtu lock 1300 proto 200": route("203.0.113.16/30", LEFT, mtu=1300, protocol=200),
    "203.0.113.20/30 nhid 11": route("203.0.113.20/30", LEFT),
    "203.0.113.24/30 nhid 20": route("203.0.113.24/30", LEFT, replace(RIGHT, weight=4)),
    "203.0.113.28/30 nhid 13": route("203.0.113.28/30", RIGHT6),
    "203.0.113.32/30 nhid 14": route("203.0.113.32/30", type=RouteType.BLACKHOLE),
    "blackhole 10.0.0.0/8": route("10.0.0.0/8", type=RouteType.BLACKHOLE),
    "unreachable 172.16.0.0/12 metric 7": route("172.16.0.0/12", type=RouteType.UNREACHABLE, metric=7),
    "prohibit 172.30.0.0/16 table 100": route("172.30.0.0/16", type=RouteType.PROHIBIT, table=100),
    "throw 192.168.0.0/16 table 100": route("192.168.0.0/16", type=RouteType.THROW, table=100),
    "0.0.0.0/1 dev mac0": route("0.0.0.0/1", hop("mac0"), scope="link"),
    "multicast 239.1.0.0/16 dev left0": route("239.1.0.0/16", hop("left0"), type=RouteType.MULTICAST, scope="link"),
    "::/0 via 2001:db8:1::1 proto ra expires 900 pref high mtu 1400": route(
        "::/0", LEFT6, protocol=9, preference="high", mtu=1400
    ),
    "2001:db8:70::/48 nexthop via 2001:db8:1::1 weight 2 nexthop via 2001:db8:2::1": route(
        "2001:db8:70::/48", replace(LEFT6, weight=2), RIGHT6
    ),
    "2001:db8:71::/48 nhid 13": route("2001:db8:71::/48", RIGHT6),
    "2001:db8:72::/48 via fe80::5 dev right0 onlink metric 9 table 100": route(
        "2001:db8:72::/48", hop("right0", "fe80::5", onlink=True), metric=9, table=100
    ),
    "2001:db8:73::/48 from 2001:db8:1::/64 via 2001:db8:1::1": route(
        "2001:db8:73::/48", LEFT6, source=network("2001:db8:1::/64")
    ),
    "blackhole 2001:db8:74::/48": route("2001:db8:74::/48", type=RouteType.BLACKHOLE),
    "unreachable ::/0 metric 4000": route("::/0", type=RouteType.UNREACHABLE, metric=4000),
    "throw 2001:db8:75::/48 table 100": route("2001:db8:75::/48", type=RouteType.THROW, table=100),
}


def rule(priority: int, table: int | None = 100, **more: Any) -> Rule:
    return Rule(family=more.pop("family", V4), priority=priority, table=table, **more)


RULES = {
    "pref 20 fwmark 0x10/0xff lookup 100": rule(20, mark=0x10, mask=0xFF),
    "pref 21 fwmark 5 lookup 100": rule(21, mark=5, mask=0xFFFFFFFF),
    "pref 22 fwmark 0/0xf lookup 100": rule(22, mark=0, mask=0xF),
    "pref 23 iif lo oif gone0 lookup 100": rule(23, iif="lo", oif="gone0"),
    "pref 24 uidrange 1000-2000 lookup main": rule(24, 254, uids=Range(1000, 2000)),
    "pref 25 uidrange 0-0 lookup 100": rule(25, uids=Range(0, 0)),
    "pref 26 ipproto tcp sport 10-20 dport 80 lookup 100": rule(
        26, ipproto=6, sport=Range(10, 20), dport=Range(80, 80)
    ),
    "pref 27 ipproto 200 lookup 100": rule(27, ipproto=200),
    "pref 28 not from 192.0.2.0/24 lookup 100": rule(28, source=network("192.0.2.0/24"), inverted=True),
    "pref 29 from 192.0.2.5 to 10.0.0.0/8 tos 0x10 lookup default": rule(
        29, 253, source=network("192.0.2.5/32"), destination=network("10.0.0.0/8"), tos=0x10
    ),
    "pref 30 lookup main suppress_prefixlength 0 suppress_ifgroup 77": rule(
        30, 254, suppress_prefixlength=0, suppress_group=77
    ),
    "pref 31 lookup main suppress_ifgroup default": rule(31, 254, suppress_group=0),
    "pref 32 goto 34": rule(32, None, action=RuleAction.GOTO, target=34),
    "pref 33 from 10.1.1.1 goto 40000": rule(
        33, None, action=RuleAction.GOTO, target=None, source=network("10.1.1.1/32")
    ),
    "pref 34 nop": rule(34, None, action=RuleAction.NOP),
    "pref 35 from 192.0.2.99 unreachable": rule(
        35, None, action=RuleAction.UNREACHABLE, source=network("192.0.2.99/32")
    ),
    "pref 36 blackhole iif gone0": rule(36, None, action=RuleAction.BLACKHOLE, iif="gone0"),
    "pref 37 prohibit to 10.3.0.0/16": rule(37, None, action=RuleAction.PROHIBIT, destination=network("10.3.0.0/16")),
    "pref 38 tun_id 5 lookup 100": rule(38, unmodelled=("tun_id",)),
    "pref 39 lookup 99999 protocol 97": rule(39, 99999, protocol=97),
    "pref 40 lookup 100 protocol bird realms 3/4": rule(40, protocol=12),
    "pref 1000 l3mdev": rule(1000, None, l3mdev=True),
    "pref 20 from 2001:db8:1::/64 to 2001:db8:5::1 tos 0x20 lookup 100": rule(
        20, family=V6, source=network("2001:db8:1::/64"), destination=network("2001:db8:5::1/128"), tos=0x20
    ),
    "pref 21 iif lo lookup main suppress_prefixlength 6": rule(21, 254, family=V6, iif="lo", suppress_prefixlength=6),
}


def build(net: Namespace) -> None:
    net.sysctl("net/ipv6/conf/default/dad_transmits", 0)
    net.batch(LINKS)
    for name in LONELY:
        net.ip("link", "add", "name", name, "type", "bridge")
    for typed, expected in ROUTES.items():
        net.ip(f"-{expected.family:d}", "route", "add", *typed.split())
    for typed, made in RULES.items():
        net.ip(f"-{made.family:d}", "rule", "add", *typed.split())
    net.sysctl("net/ipv4/conf/left0/arp_filter", 1)
    # While addresses are tentative, flags and routes of theirs still change between two looks.
    wait_until(lambda: not _tentative(net), lambda: f"still tentative: {_tentative(net)}")


def _tentative(net: Namespace) -> list[Any]:
    found = [address for link in net.json("addr") for address in link.get("addr_info", ())]
    return [address["local"] for address in found if "tentative" in address and "dadfailed" not in address]


@pytest.fixture(scope="module")
def busy() -> Iterator[Namespace]:
    with namespace() as net:
        build(net)
        yield net


@pytest.fixture(scope="module")
def snapshot(busy: Namespace) -> dict[str, Any]:
    return probed(busy)[0]


@pytest.fixture(scope="module")
def host(snapshot: dict[str, Any]) -> Host:
    return parse_host(snapshot)


@pytest.mark.parametrize("typed", ROUTES)
def test_route_comes_out_as_typed(host: Host, typed: str) -> None:
    expected = ROUTES[typed]
    same = [
        found
        for found in host.routes
        if (found.destination, found.table, found.metric) == (expected.destination, expected.table, expected.metric)
    ]
    assert same == [expected]


@pytest.mark.parametrize("typed", RULES)
def test_rule_comes_out_as_typed(host: Host, typed: str) -> None:
    expected = RULES[typed]
    found = [one for one in host.rules if (one.family, one.priority) == (expected.family, expected.priority)]
    assert found == [expected]


def test_rules_keep_the_kernels_order(busy: Namespace, host: Host) -> None:
    for family in Family:
        listed = [int(line.partition(":")[0]) for line in busy.ip(f"-{family:d}", "rule").splitlines()]
        assert [one.priority for one in host.rules if one.family is family] == listed


def typed_routes(host: Host) -> list[Route]:
    """What the kernel adds by itself (proto kernel) may change meanwhile: duplicate address detection ends."""
    return [route for route in host.routes if route.protocol != 2]


def test_routes_of_a_host_without_legs_in_its_routes(busy: Namespace, host: Host) -> None:
    """nexthop_compat_mode=0: a route shows the id of a nexthop object instead of its legs."""
    busy.sysctl("net/ipv4/nexthop_compat_mode", 0)
    try:
        terse = probed(busy)[0]
    finally:
        busy.sysctl("net/ipv4/nexthop_compat_mode", 1)
    assert not any("dev" in entry or "nexthops" in entry for entry in terse["routes4"] if "nhid" in entry)
    assert typed_routes(parse_host(terse)) == typed_routes(host)


def test_leg_without_carrier_is_marked(net: Namespace) -> None:
    net.batch(
        "link add left0 type veth peer name peer0\nlink set left0 up\naddr add 192.0.2.10/24 dev left0\n"
        "route add default via 192.0.2.1\n"
    )
    default = next(one for one in parse_host(probed(net)[0]).routes if one.destination.prefixlen == 0)
    assert default.nexthops == (replace(LEFT, linkdown=True),)


def test_addresses(host: Host) -> None:
    left, right, mac = (host.link(name) for name in ("left0", "right0", "mac0"))
    assert left is not None
    assert right is not None
    assert mac is not None
    assert left.addresses[:2] == (
        InterfaceAddress(SOURCE, 24),
        InterfaceAddress(ipaddress.ip_address("192.0.2.11"), 24, dynamic=True, secondary=True, deprecated=True),
    )
    own = InterfaceAddress(ipaddress.ip_address("2001:db8:1::10"), 64, noprefixroute=True)
    assert own in left.addresses
    peer = InterfaceAddress(ipaddress.ip_address("10.20.0.1"), 32, peer=ipaddress.ip_address("10.20.0.2"))
    assert mac.addresses[0] == peer
    assert str(mac.addresses[0].network) == "10.20.0.2/32"
    assert "2001:db8:4::/64" in [str(one.network) for one in right.addresses]


def test_tentative_address(net: Namespace) -> None:
    net.batch("link add left0 type veth peer name peer0\nlink set left0 up\naddr add 2001:db8::1/64 dev left0\n")
    link = parse_host(probed(net)[0]).link("left0")
    assert link is not None
    assert [one.tentative for one in link.addresses] == [True]


def test_links(host: Host) -> None:
    found = {link.name: link for link in host.links}
    assert (found["left0"].group, found["left0"].mtu, found["left0"].kind) == (77, 1400, "veth")
    assert (found["peer-left"].master, found["mac0"].lower, found["mac0"].kind) == ("bridge0", "right0", "macvlan")
    assert found["left0"].is_up
    assert not found["bridge0"].is_up
    assert len(found["left0"].mac) == 17
    assert found["vxlan0"].vlan_id is None  # its id is no VLAN's


@pytest.mark.parametrize("name", LONELY, ids=ascii)
def test_name_of_any_bytes_survives(host: Host, name: str) -> None:
    assert [link.name for link in host.links].count(name) == 1


def test_ip_runs_once_per_kind_of_object(busy: Namespace) -> None:
    asked = [line for line in probed(busy)[1] if line.startswith("+ ip ")]
    assert sorted(asked) == sorted(
        [
            "+ ip -V", "+ ip -j -d link", "+ ip -j -d addr", "+ ip -j -d -4 route show table all",
            "+ ip -j -d -6 route show table all", "+ ip -j -d -4 rule show", "+ ip -j -d -6 rule show",
            "+ ip -j -d nexthop show",
        ]
    )  # fmt: skip


def test_nothing_is_asked_twice_and_other_programs_work_while_ip_is_read(busy: Namespace) -> None:
    asked = probed(busy)[1]
    assert sorted(asked) == sorted(set(asked))
    assert asked.index("+ nft -j list ruleset") < asked.index("+ ip -V") < asked.index("+ ip -j -d link")


def test_sysctls_are_those_of_the_namespace(host: Host) -> None:
    assert host.sysctls["net/ipv4/conf/left0/arp_filter"] == "1"
    assert host.sysctls["net/ipv4/conf/right0/arp_filter"] == "0"
    assert host.sysctls["net/ipv4/ip_forward"] == "0"
    assert host.sysctls["net/ipv6/conf/left0/forwarding"] == "0"


def test_names_of_tables_and_groups_are_the_files_below_root(busy: Namespace, tmp_path: Path) -> None:
    """``ip`` prints names from the real /etc, so a table that is known there alone must still resolve."""
    folder = tmp_path / "etc/iproute2"
    folder.mkdir(parents=True)
    (folder / "rt_tables").write_text("255\tlocal\n254\tmain\n253\tdefault\n0x64 hundred # remark\n# 9 no\n")
    found = probed(busy, str(tmp_path))[0]
    assert found["rt_tables"] == {"255": "local", "254": "main", "253": "default", "100": "hundred"}
    assert parse_host(found).table_names[100] == "hundred"


def test_a_namespace_without_managers_is_understood(host: Host) -> None:
    assert host.managers.running == frozenset()
    assert host.kernel
    assert host.iproute2
    assert host.os_release["ID"]


def test_groups_in_nftables_are_seen(net: Namespace) -> None:
    if net.run("sh", "-c", "command -v nft", check=False).returncode:
        pytest.skip("needs nft")
    net.run("nft", "-f", "-", input="""
        table inet sample {
            set uplinks { type devgroup; elements = { 41, 42 } }
            chain incoming {
                type filter hook input priority 0
                iifgroup 7 accept
                oifgroup { 8, 10-12 } accept
                iifgroup vmap { 21 : accept, 22 : drop }
                iifgroup @uplinks drop
                iifgroup . meta l4proto { 31 . tcp } accept
            }
        }
    """)  # fmt: skip
    assert {7, 8, 10, 11, 12, 21, 22, 31, 41, 42} <= set(probed(net)[0]["firewall_groups"])


NETWORKD = Path("/usr/lib/systemd/systemd-networkd")
NETWORKD_HOST = """
set -eu
mount --make-rprivate /
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /etc/systemd/network
mount -o remount,bind,ro /sys
mkdir -p /run/systemd/network /run/systemd/netif/links /run/systemd/netif/leases /run/systemd/netif/lldp
chown -R systemd-network: /run/systemd/netif
cat >/run/systemd/network/10-netplan-left0.network <<END
[Match]
Name=left0
[Network]
Address=192.0.2.10/24
Gateway=192.0.2.1
END
mkdir /etc/systemd/network/10-netplan-left0.network.d
printf '[Network]\\nGateway=192.0.2.2\\n' >/etc/systemd/network/10-netplan-left0.network.d/50-more.conf
container=lab SYSTEMD_LOG_TARGET=console "$1" >/run/log 2>&1 &
daemon=$!
trap 'kill "$daemon"' EXIT
tries=0
until grep -qs '^NETWORK_FILE=' /run/systemd/netif/links/*; do
    tries=$((tries + 1))
    [ "$tries" -lt 100 ] || { cat /run/log >&2; exit 1; }
    sleep 0.1
done
shift
"$@"
"""


def test_a_real_networkd_is_found_with_its_files(net: Namespace) -> None:
    """The daemon of this system, alone in a namespace, with a file as netplan leaves it and a drop-in."""
    if not NETWORKD.exists():
        pytest.skip("needs systemd-networkd")
    net.batch("link add left0 type veth peer name peer0\nlink set peer0 up\n")
    probe = (sys.executable, "-c", PROBE, str(TREE), "/")
    done = net.run("unshare", "-m", "sh", "-c", NETWORKD_HOST, "sh", str(NETWORKD), *probe)
    managers = parse_host(load_snapshot(done.stdout, "probe")).managers
    assert managers.running == {"networkd"}
    assert managers.installed["networkd"].isdecimal()
    assert set(managers.interfaces) == {"left0"}
    left = managers.interfaces["left0"]
    assert (left.manager, left.file) == ("networkd", "/run/systemd/network/10-netplan-left0.network")
    assert [str(gateway) for gateway in left.gateways] == ["192.0.2.1", "192.0.2.2"]


def test_who_is_not_root_gets_notes_instead_of_errors(net: Namespace) -> None:
    """uid 65534: ip(8) answers, what is closed to it is said."""
    done = net.run("setpriv", "--reuid=65534", "--clear-groups", sys.executable, "-c", PROBE, str(TREE), "/")
    host = parse_host(load_snapshot(done.stdout, "probe"))
    assert [link.name for link in host.links] == ["lo"] + [link.name for link in host.links[1:]]
    assert any(note.startswith("Not run as root") for note in host.notes)


def test_ip_without_json_is_unsupported_with_advice(net: Namespace, tmp_path: Path) -> None:
    """BusyBox has an ip(8) that knows no -j."""
    busybox = shutil.which("busybox")
    if busybox is None:
        pytest.skip("needs busybox")
    (tmp_path / "ip").symlink_to(busybox)
    done = net.run("env", f"PATH={tmp_path}", sys.executable, "-c", PROBE, str(TREE), "/", check=False)
    assert "UnsupportedError: this ip(8) knows no -j (JSON)" in done.stderr
