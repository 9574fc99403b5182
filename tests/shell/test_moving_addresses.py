"""Addresses that DHCP, router advertisements and PPP change: rules and routes follow what is live."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from asymgen.detection import detect
from asymgen.model import Choices, Kept
from asymgen.parse import parse_host
from tests.case_files import CASES
from tests.host_loader import loaded_host
from tests.shell.lab import SHELLS, Lab, lab
from tests.states import ONE_SUBNET, TWO_SUBNETS, Wire, kernel_state, moving

pytestmark = pytest.mark.netns

IFUPDOWN = "etc/network/if-up.d/asymgen"
DISPATCHER = "etc/NetworkManager/dispatcher.d/50-asymgen"


@contextmanager
def moving_lab(folder: Path, wires: Sequence[Wire] = TWO_SUBNETS, *, backend: str = "sysv") -> Iterator[Lab]:
    with lab(folder, wires, state=moving(kernel_state(wires))) as built:
        built.write(moving(kernel_state(wires)), backend=backend)
        yield built


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Lab]:
    with moving_lab(tmp_path) as built:
        assert built.run("start").returncode == 0
        yield built


def _move(host: Lab, name: str, *addresses: str, gateway: str = "") -> None:
    """Other addresses of one family, as a DHCP client or the kernel gives them."""
    family = "-6" if ":" in addresses[0] else "-4"
    host.namespace.ip(family, "address", "flush", "dev", name, "scope", "global")
    for address in addresses:
        nodad = ["nodad"] if family == "-6" else []
        host.namespace.ip("address", "add", address, "dev", name, "valid_lft", "600", "preferred_lft", "600", *nodad)
    if gateway:
        host.namespace.ip(family, "route", "replace", "default", "via", gateway, "dev", name, "metric", "500")


def _sources(host: Lab, family: int, slot: str) -> set[str]:
    """What the rules of one uplink's priorities select by."""
    return {rule.split(" from ")[1].split()[0] for rule in host.rules(family) if rule.startswith(slot)}


def _table(host: Lab, family: int, number: int) -> list[str]:
    """Destination, gateway and interface of the routes in a table."""
    lines = host.namespace.ip("-N", f"-{family}", "route", "show", "table", str(number)).splitlines()
    return sorted(line.split(" proto ")[0].strip() for line in lines)


def _follow(host: Lab, name: str, **environment: str) -> str:
    followed = host.run("follow", name, **environment)
    assert followed.returncode == 0, followed.stderr
    return followed.stderr


@pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: shell[0])
def test_nothing_moved(tmp_path: Path, shell: tuple[str, ...]) -> None:
    """A plan that is followed is the plan, word for word, where nothing moved."""
    with lab(tmp_path, TWO_SUBNETS) as built:
        built.shell = shell
        assert built.run("start").returncode == 0
        wanted = built.dump()
        built.write(moving(kernel_state(TWO_SUBNETS)))
        recorder = built.recorder()
        again = built.run("start", ASYMGEN_IP=recorder)
        assert (again.returncode, again.stderr) == (0, "")
        assert built.changing_commands() == []
        assert built.dump() == wanted
        assert built.run("check").returncode == 0


def test_another_address_of_the_same_subnet_needs_nothing(host: Lab) -> None:
    wanted = (host.rules(4), _table(host, 4, 2))
    _move(host, "eth1", "198.51.100.99/24", gateway="198.51.100.1")
    assert _follow(host, "eth1") == ""
    assert (host.rules(4), _table(host, 4, 2)) == wanted
    checked = host.run("check")
    assert checked.returncode == 0, checked.stdout
    assert host.run("status").returncode == 0


@pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: shell[0])
def test_another_subnet(host: Lab, shell: tuple[str, ...]) -> None:
    """Rules and routes of the old one go; those of the new one stand in the same slot and table."""
    host.shell = shell
    _move(host, "eth1", "203.0.113.130/26", gateway="203.0.113.129")
    assert _follow(host, "eth1") == ""
    assert _sources(host, 4, "3201") == {"203.0.113.128/26"}
    assert _table(host, 4, 2) == ["203.0.113.128/26 dev eth1", "default via 203.0.113.129 dev eth1"]
    answer = host.namespace.route_get(4, "100.64.0.9", "203.0.113.130")
    assert answer is not None
    assert (answer["dev"], answer["gateway"]) == ("eth1", "203.0.113.129")
    assert _sources(host, 4, "3200") == {"192.0.2.0/24"}
    assert host.run("check").returncode == 0
    before = host.dump()
    assert _follow(host, "eth1") == ""
    assert host.dump() == before
    assert host.run("stop").returncode == 0
    assert host.rules(4) == host.rules(6) == []
    assert host.namespace.ip("route", "show", "table", "all", "proto", "97") == ""


def test_another_gateway_of_the_same_subnet(host: Lab) -> None:
    host.namespace.ip("route", "add", "default", "via", "198.51.100.254", "dev", "eth1", "metric", "500")
    assert _follow(host, "eth1") == ""
    assert _table(host, 4, 2) == ["198.51.100.0/24 dev eth1", "default via 198.51.100.254 dev eth1"]


@pytest.mark.parametrize("word", ["new_routers", "DHCP4_ROUTERS", "IP4_GATEWAY"])
def test_gateway_that_only_the_event_knows(host: Lab, word: str) -> None:
    """As where the secondary interface has no default route in main; the next run finds it in our table."""
    _move(host, "eth1", "203.0.113.130/26")
    assert _follow(host, "eth1", **{word: "203.0.113.129 203.0.113.190"}) == ""
    assert _table(host, 4, 2)[-1] == "default via 203.0.113.129 dev eth1"
    assert _follow(host, "eth0", **{word: "192.0.2.1"}) == ""
    assert _table(host, 4, 2)[-1] == "default via 203.0.113.129 dev eth1"


def test_what_the_lease_says_counts_before_what_is_set(host: Lab) -> None:
    """NetworkManager 1.52 tells of a lease with another router while the old one is in place."""
    assert _follow(host, "eth1", DHCP4_ROUTERS="198.51.100.254", IP4_GATEWAY="198.51.100.1") == ""
    assert _table(host, 4, 2)[-1] == "default via 198.51.100.254 dev eth1"


def test_gateway_in_a_managers_own_table(host: Lab) -> None:
    _move(host, "eth1", "203.0.113.130/26")
    host.namespace.ip("route", "add", "default", "via", "203.0.113.140", "dev", "eth1", "table", "900")
    assert _follow(host, "eth1") == ""
    assert _table(host, 4, 2)[-1] == "default via 203.0.113.140 dev eth1"


def test_no_gateway_is_known(host: Lab) -> None:
    """Said; the old gateway, which is no neighbour any more, is not tried."""
    _move(host, "eth1", "203.0.113.130/26")
    assert "no gateway is known" in _follow(host, "eth1")
    assert _table(host, 4, 2) == ["203.0.113.128/26 dev eth1"]


def test_old_gateway_left_in_our_table_is_not_taken(host: Lab) -> None:
    """The new address comes before the old one goes, so the kernel keeps our old default route."""
    host.namespace.ip("address", "add", "203.0.113.130/26", "dev", "eth1", "valid_lft", "600", "preferred_lft", "600")
    host.namespace.ip("address", "del", "198.51.100.10/24", "dev", "eth1")
    assert "default via 198.51.100.1 dev eth1" in _table(host, 4, 2)
    assert "no gateway is known" in _follow(host, "eth1")
    assert _table(host, 4, 2) == ["203.0.113.128/26 dev eth1"]


def test_length_of_the_prefix_counts_in_the_rule_for_nested_networks(tmp_path: Path) -> None:
    """``to PREFIX lookup main suppress_prefixlength LENGTH``: both follow."""
    state = moving(kernel_state(TWO_SUBNETS))
    last = state.uplinks[2]
    own = last.uplink.prefixes[0]
    nested = replace(last.rules[1], priority=32010, destination=own, suppress_prefixlength=own.prefixlen)
    widened = replace(last, rules=(nested, *last.rules))
    with lab(tmp_path, TWO_SUBNETS, state=replace(state, uplinks=(*state.uplinks[:2], widened))) as built:
        _move(built, "eth1", "203.0.113.130/26", gateway="203.0.113.129")
        assert built.run("start").returncode == 0
        assert "32010: from 203.0.113.128/26 to 203.0.113.128/26 iif lo lookup 254 suppress_prefixlength 26" in "".join(
            built.rules(4)
        )
        guard = [rule for rule in built.rules(4) if rule.startswith("32012:")]
        assert "suppress_prefixlength 7 " in guard[0]


@pytest.mark.parametrize("hostile", [
    "203.0.113.129;touch pwned", "$(touch pwned)", "`touch pwned`", "203.0.113.129|touch pwned", "dead",
    "0.0.0.0",  # noqa: S104
    "203.0.113.129/24", "fe80::1", "* *", "-batch", "a.b.c.d e.f.0.1",
])  # fmt: skip
def test_what_a_server_sends_is_inert(host: Lab, hostile: str) -> None:
    _move(host, "eth1", "203.0.113.130/26", gateway="203.0.113.140")
    _follow(host, "eth1", new_routers=hostile, DHCP4_ROUTERS=hostile, IP4_GATEWAY=hostile)
    assert _table(host, 4, 2)[-1] == "default via 203.0.113.140 dev eth1"
    assert not list(host.folder.rglob("pwned"))


def test_renumbered_by_router_advertisement(host: Lab) -> None:
    """The old prefix is deprecated and stays for a while: both have rules; then it goes, and its rules with it."""
    host.namespace.ip(
        "address", "change", "2001:db8:0:2::10/64", "dev", "eth1", "valid_lft", "600", "preferred_lft", "0"
    )
    new = ("2001:db8:0:9::10/64", "dev", "eth1", "valid_lft", "900", "preferred_lft", "600", "nodad")
    host.namespace.ip("address", "add", *new)
    assert _follow(host, "eth1") == ""
    assert _sources(host, 6, "3201") == {"2001:db8:0:2::/64", "2001:db8:0:9::/64"}
    assert {"2001:db8:0:2::/64 dev eth1", "2001:db8:0:9::/64 dev eth1"} < set(_table(host, 6, 2))
    assert host.run("check").returncode == 0
    host.namespace.ip("address", "del", "2001:db8:0:2::10/64", "dev", "eth1")
    assert _follow(host, "eth1") == ""
    assert _sources(host, 6, "3201") == {"2001:db8:0:9::/64"}
    assert "2001:db8:0:2::/64 dev eth1" not in _table(host, 6, 2)
    assert host.run("check").returncode == 0


def test_privacy_addresses_on_a_shared_prefix(tmp_path: Path) -> None:
    """Rules by address: each live one inside the planned prefix gets its own, and they go with it."""
    wires = (Wire("eth0", "2001:db8:0:1::10/64", "2001:db8:0:1::1"), Wire("eth1", "2001:db8:0:1::11/64", "fe80::1"))
    with moving_lab(tmp_path, wires) as built:
        assert built.run("start").returncode == 0
        for temporary in ("2001:db8:0:1::a1", "2001:db8:0:1::a2"):
            given = (f"{temporary}/64", "dev", "eth1", "valid_lft", "900", "preferred_lft", "600", "nodad")
            built.namespace.ip("address", "add", *given)
        assert _follow(built, "eth1") == ""
        assert _sources(built, 6, "3201") == {"2001:db8:0:1::11", "2001:db8:0:1::a1", "2001:db8:0:1::a2"}
        assert _sources(built, 6, "3200") == {"2001:db8:0:1::10"}
        built.namespace.ip("address", "del", "2001:db8:0:1::a1/64", "dev", "eth1")
        assert _follow(built, "eth1") == ""
        assert _sources(built, 6, "3201") == {"2001:db8:0:1::11", "2001:db8:0:1::a2"}


def test_shared_subnet_renumbered(tmp_path: Path) -> None:
    """Two interfaces on one subnet, rules by address: both move to the same new subnet."""
    with moving_lab(tmp_path, ONE_SUBNET) as built:
        assert built.run("start").returncode == 0
        for name, last in (("eth0", 20), ("eth1", 21)):
            _move(built, name, f"203.0.113.{last}/24", gateway="203.0.113.1")
            assert _follow(built, name) == ""
        assert (_sources(built, 4, "3200"), _sources(built, 4, "3201")) == ({"203.0.113.20"}, {"203.0.113.21"})
        assert built.run("check").returncode == 0


def test_moved_into_another_uplinks_subnet_is_said(host: Lab) -> None:
    """Rules by prefix cannot tell the two apart: that takes a new plan."""
    _move(host, "eth1", "192.0.2.99/24", gateway="192.0.2.1")
    assert "asymgen detect --write" in _follow(host, "eth1")
    assert _sources(host, 4, "3200") == {"192.0.2.0/24"}
    assert _sources(host, 4, "3201") == set()


def test_static_addresses_of_others_are_not_followed(host: Lab) -> None:
    """A VIP that somebody adds beside the planned address is no lease."""
    host.namespace.ip("address", "add", "203.0.113.200/24", "dev", "eth1")
    before = host.rules(4)
    assert _follow(host, "eth1") == ""
    assert host.rules(4) == before


def test_gateway_that_a_person_gave_stays(tmp_path: Path) -> None:
    state = moving(kernel_state(TWO_SUBNETS))
    given = (replace(each, uplink=replace(each.uplink, gateway_source="--gateway")) for each in state.uplinks)
    with lab(tmp_path, TWO_SUBNETS, state=replace(state, uplinks=tuple(given))) as built:
        built.namespace.ip("route", "add", "default", "via", "198.51.100.254", "dev", "eth1", "metric", "500")
        assert built.run("start").returncode == 0
        assert _table(built, 4, 2)[-1] == "default via 198.51.100.1 dev eth1"


# --- real DHCP ---

# The clients and their own scripts, with the hooks where --write puts them; /etc may be written to, in memory.
WORLD = """
mount -t tmpfs tmpfs /run && mount -t tmpfs tmpfs /var/lib && mount -t tmpfs tmpfs /mnt
mkdir -p /run/dhcpcd /var/lib/dhcp /var/lib/dhcpcd /mnt/upper /mnt/work
mount -t overlay -o "lowerdir=$1/etc:$2/etc:/etc,upperdir=/mnt/upper,workdir=/mnt/work" none /etc
[ ! -d "$2/usr" ] || mount -t overlay -o "lowerdir=$1/usr:$2/usr:/usr" none /usr
"""
CLIENTS = {
    "isc-dhcp-client": 'exec "$2/sbin/dhclient" -d -sf "$2/sbin/dhclient-script" eth1',
    "dhcpcd-base": "exec dhcpcd --nobackground --ipv4only --noarp --persistent eth1",
}

SERVER = """\
start {first}
end {first}
interface {interface}
lease_file {folder}/leases
pidfile {folder}/pid
opt subnet 255.255.255.0
opt router {router}
opt lease 600
"""
# What a client's script does, with the backend's event at its end. udhcpc calls it with the DHCP variables.
CLIENT = """\
#!/bin/sh
case $1 in bound | renew) ;; *) exit 0 ;; esac
ip -4 address flush dev "$interface"
ip address add "$ip/$mask" dev "$interface" valid_lft "$lease" preferred_lft "$lease"
ip route replace default via "${{router%% *}}" dev "$interface" metric 200
exec env {event} >>{folder}/said 2>&1
"""
EVENTS = {
    "ifupdown": (IFUPDOWN, 'new_routers="$router" {script} follow "$interface"'),
    "networkmanager": (DISPATCHER, 'DHCP4_ROUTERS="$router" {script} "$interface" dhcp4-change'),
}


class DhcpServer:
    """BusyBox's udhcpd on the far end of eth1, with one address to give."""

    def __init__(self, host: Lab) -> None:
        self.host = host
        self.process: subprocess.Popen[str] | None = None

    def offer(self, address: str, router: str) -> None:
        self.stop()
        near = address.rpartition(".")[0]
        self.host.namespace.ip("address", "flush", "dev", "peer1")
        self.host.namespace.ip("address", "add", f"{near}.253/24", "dev", "peer1", "noprefixroute")
        settings = SERVER.format(first=address, interface="peer1", folder=self.host.folder, router=router)
        (self.host.folder / "udhcpd.conf").write_text(settings)
        (self.host.folder / "leases").write_bytes(b"")
        argv = ("busybox", "udhcpd", "-f", str(self.host.folder / "udhcpd.conf"))
        self.process = self.host.namespace.start(*argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(10)


@pytest.mark.parametrize("backend", EVENTS)
def test_leases_of_udhcpc(tmp_path: Path, backend: str) -> None:
    """udhcpd and udhcpc: another address, another gateway, another subnet."""
    path, event = EVENTS[backend]
    with moving_lab(tmp_path, TWO_SUBNETS[:3], backend=backend) as host:
        assert host.run("start", script=path).returncode == 0
        script = tmp_path / "client"
        words = event.format(script=tmp_path / "root" / path)
        script.write_text(CLIENT.format(event=f"ASYMGEN_LOCK={tmp_path}/lock {words}", folder=tmp_path))
        script.chmod(0o755)
        server = DhcpServer(host)
        try:
            for address, router in (
                ("198.51.100.77", "198.51.100.1"), ("198.51.100.78", "198.51.100.2"), ("203.0.113.7", "203.0.113.1"),
            ):  # fmt: skip
                server.offer(address, router)
                argv = ("busybox", "udhcpc", "-i", "eth1", "-n", "-q", "-f", "-t", "10", "-T", "1", "-s", str(script))
                client = host.namespace.run(*argv, check=False)
                assert client.returncode == 0, client.stderr
                network = f"{address.rpartition('.')[0]}.0/24"
                assert _sources(host, 4, "3201") == {network}
                assert _table(host, 4, 2) == [f"{network} dev eth1", f"default via {router} dev eth1"]
                answer = host.namespace.route_get(4, "100.64.0.9", address)
                assert answer is not None
                assert (answer["dev"], answer["gateway"]) == ("eth1", router)
            assert (tmp_path / "said").read_text() == ""
        finally:
            server.stop()


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The clients, unpacked: installing one would hand this machine's interfaces to it."""
    folder = tmp_path_factory.mktemp("clients")
    kept = os.environ.get("ASYMGEN_TEST_PACKAGES", "")
    for name in (*CLIENTS, "ppp"):
        found = sorted(Path(kept).glob(f"{name}_*.deb")) if kept else []
        if not found:
            subprocess.run(["apt-get", "download", name], cwd=folder, capture_output=True, check=False)
            found = sorted(folder.glob(f"{name}_*.deb"))
        assert found, f"apt-get download {name} failed"
        subprocess.run(["dpkg-deb", "-x", str(found[0]), str(folder / name)], check=True)
    return folder


def _wait_for(host: Lab, network: str, router: str, said: Path) -> None:
    wanted = [f"{network} dev eth1", f"default via {router} dev eth1"]
    for _ in range(200):
        if (_table(host, 4, 2), _sources(host, 4, "3201")) == (wanted, {network}):
            return
        time.sleep(0.1)
    raise AssertionError(f"wanted {wanted}, found {_table(host, 4, 2)}\n{host.dump()}\n{said.read_text()}")


@pytest.mark.parametrize("client", CLIENTS)
def test_hooks_of_real_clients(packages: Path, tmp_path: Path, client: str) -> None:
    """ifupdown's hook hears of no lease: the client's own hook calls it. The server's routers are in no table
    of the client (main has a default already), so its variables are what the gateway is taken from."""
    with moving_lab(tmp_path, TWO_SUBNETS[:3], backend="ifupdown") as host:
        assert host.run("start", script=IFUPDOWN).returncode == 0
        server, said = DhcpServer(host), tmp_path / "said"
        for address, router in (("198.51.100.78", "198.51.100.2"), ("203.0.113.7", "203.0.113.1")):
            server.offer(address, router)
            host.namespace.ip("-4", "address", "flush", "dev", "eth1")
            steps = ("unshare", "--mount", "sh", "-ec", WORLD + CLIENTS[client], "sh")
            argv = (*host.environment(), *steps, str(tmp_path / "root"), str(packages / client))
            with said.open("a") as output:
                running = host.namespace.start(*argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
            try:
                _wait_for(host, f"{address.rpartition('.')[0]}.0/24", router, said)
            finally:
                running.terminate()
                running.wait(20)
                server.stop()


# --- real router advertisements, and PPP ---

# One router advertisement: RFC 4861, 4.2 and 4.6.2; the argument is "PREFIX/64 PREFERRED-LIFETIME" each.
ROUTER = """
import ipaddress, socket, struct, sys
options = b""
for argument in sys.argv[2:]:
    prefix, preferred = argument.split()
    network = ipaddress.ip_network(prefix)
    options += struct.pack("!BBBBIII", 3, 4, network.prefixlen, 0xC0, 7200, int(preferred), 0) + network[0].packed
sender = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
sender.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
sender.bind(("fe80::1", 0, 0, socket.if_nametoindex(sys.argv[1])))
sender.sendto(
    struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, 1800, 0, 0) + options,
    ("ff02::1", 0, 0, socket.if_nametoindex(sys.argv[1])),
)
"""


def _advertise(host: Lab, *prefixes: str) -> None:
    host.namespace.run(sys.executable, "-c", ROUTER, "peer1", *prefixes)


def _autoconfigured(host: Lab, count: int) -> list[str]:
    """Global addresses of eth1, as soon as there are ``count``."""
    for _ in range(100):
        [link] = [one for one in host.namespace.json("-6", "address", "show", "dev", "eth1", "scope", "global") if one]
        found = [each["local"] for each in link["addr_info"] if each and not each.get("tentative")]
        if len(found) == count:
            return found
        time.sleep(0.05)
    raise AssertionError(f"eth1 has {found}")


def test_real_router_advertisements(host: Lab) -> None:
    """The kernel makes addresses of what a router says; the router then deprecates the prefix and names another."""
    for key, value in (("eth1/accept_ra", 2), ("eth1/autoconf", 1), ("eth1/accept_ra_from_local", 1)):
        host.namespace.sysctl(f"net/ipv6/conf/{key}", value)
    host.namespace.ip("-6", "address", "flush", "dev", "eth1")
    for name in ("eth1", "peer1"):
        host.namespace.ip("address", "add", f"fe80::{ {'eth1': 2, 'peer1': 1}[name] }/64", "dev", name, "nodad")
        host.namespace.ip("link", "set", "dev", name, "addrgenmode", "eui64")
    _advertise(host, "2001:db8:0:2::/64 3600")
    [first] = _autoconfigured(host, 1)
    assert _follow(host, "eth1") == ""
    assert _sources(host, 6, "3201") == {"2001:db8:0:2::/64"}
    _advertise(host, "2001:db8:0:2::/64 0", "2001:db8:0:7::/64 3600")
    both = _autoconfigured(host, 2)
    assert first in both
    assert _follow(host, "eth1") == ""
    assert _sources(host, 6, "3201") == {"2001:db8:0:2::/64", "2001:db8:0:7::/64"}
    for address in both:
        answer = host.namespace.route_get(6, "2001:db8:ffff::9", address)
        assert answer is not None
        assert (answer["dev"], answer["gateway"]) == ("eth1", "fe80::1")
    assert host.run("check").returncode == 0


PPP_WORLD = """
mount -t tmpfs tmpfs /run
mount -t overlay -o "lowerdir=$1/etc:$2/etc:/etc" none /etc
shift 2
exec env -i "$@"
"""


def test_ppp_comes_back_with_another_address(packages: Path, tmp_path: Path) -> None:
    """Debian's own /etc/ppp/ip-up, which pppd starts with an empty environment, calls the hook; the interface is
    the way, so there is no gateway to follow. (pppd itself needs a kernel with PPP.)"""
    [case] = [case for case in CASES if case.name == "ppp-and-lan"]
    detection = detect(parse_host(case.snapshot), Choices(backends={"": "ifupdown"}), Kept())
    for file in detection.files:
        path = tmp_path / file.path.relative_to("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(file.text)
        path.chmod(file.mode)
    with loaded_host(case.snapshot) as made:

        def inside(*argv: str) -> None:
            done = made.run(
                "unshare", "--mount", "sh", "-euc", PPP_WORLD, "sh", str(tmp_path), str(packages / "ppp"), *argv
            )
            assert done.stderr == ""

        inside("/etc/network/if-up.d/asymgen", "start")
        before = made.ip("rule")
        assert "from 203.0.113.40 iif lo" in before
        made.ip("address", "flush", "dev", "ppp0")
        inside("/etc/ppp/ip-down", "ppp0", "/dev/pts/7", "115200", "203.0.113.40", "203.0.113.1", "")
        assert "203.0.113.40" not in made.ip("rule")
        made.ip("address", "add", "203.0.113.77", "peer", "203.0.113.2", "dev", "ppp0")
        inside("/etc/ppp/ip-up", "ppp0", "/dev/pts/7", "115200", "203.0.113.77", "203.0.113.2", "dsl")
        assert made.ip("rule") == before.replace("203.0.113.40", "203.0.113.77")
        routes = made.ip("route", "show", "table", "all", "proto", "97")
        assert "203.0.113.2 dev ppp0" in routes
        assert "203.0.113.1 dev ppp0" not in routes
        answer = made.route_get(4, "100.64.0.7", "203.0.113.77")
        assert answer is not None
        assert answer["dev"] == "ppp0"
