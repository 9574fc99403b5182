"""The dispatcher script: with the arguments and environments of NetworkManager, and under the real daemon."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.networkmanager_daemon import NetworkManager, networkmanager
from tests.packet_lab import PacketLab, packet_lab
from tests.shell.lab import Lab, lab
from tests.states import TWO_SUBNETS, Wire, kernel_state, moving

pytestmark = pytest.mark.netns

SCRIPT = "etc/NetworkManager/dispatcher.d/50-asymgen"
FOLLOWED = ("up", "down", "reapply", "dhcp4-change", "dhcp6-change")
# Every other action of NetworkManager 1.10 to 1.50.
IGNORED = ("pre-up", "pre-down", "vpn-pre-up", "vpn-pre-down", "hostname", "connectivity-change", "dns-change",
           "device-add", "device-delete")  # fmt: skip
SCRIPT_STATUS = f"/{SCRIPT} status"
PROVIDERS = (
    Wire("eth0", "192.0.2.10/24", "192.0.2.1"), Wire("eth0", "2001:db8:a::10/64", "2001:db8:a::1"),
    Wire("eth1", "198.51.100.10/24", "198.51.100.1"), Wire("eth1", "2001:db8:b::10/64", "2001:db8:b::1"),
)  # fmt: skip
PROFILE = """\
[connection]
id={name}
type=ethernet
interface-name={name}
[ipv4]
method=manual
address1={four},{gateway4}
[ipv6]
method=manual
address1={six},{gateway6}
"""


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Lab]:
    with lab(tmp_path, TWO_SUBNETS) as built:
        built.write(kernel_state(TWO_SUBNETS), backend="networkmanager")
        yield built


def _event(host: Lab, interface: str, action: str, **environment: str) -> str:
    """Run the script for an event; it must never fail. Returns what it said."""
    result = host.run(interface, action, script=SCRIPT, NM_DISPATCHER_ACTION=action, **environment)
    assert (result.returncode, result.stdout) == (0, "")
    return result.stderr


@pytest.mark.parametrize("action", FOLLOWED)
def test_any_event_of_an_interface_brings_its_own(host: Lab, action: str) -> None:
    """A queued "up" may run after the "down", and the other way round: what the kernel has counts."""
    assert _event(host, "eth1", action, DEVICE_IFACE="eth1", DEVICE_IP_IFACE="eth1") == ""
    assert {rule.split(":")[0] for rule in (*host.rules(4), *host.rules(6))} == {"32011", "32012", "32013"}
    assert _event(host, "eth0", action) == ""
    assert host.run("status", script=SCRIPT).returncode == 0
    host.down("eth1")
    assert _event(host, "eth1", action) == ""
    assert {rule.split(":")[0] for rule in (*host.rules(4), *host.rules(6))} == {"32001", "32002", "32003"}


@pytest.mark.parametrize("action", ["vpn-up", "vpn-down"])
def test_vpn_is_a_reason_to_look_at_every_uplink(host: Lab, action: str) -> None:
    assert _event(host, "tun0", action) == ""
    assert host.run("status", script=SCRIPT).returncode == 0
    host.down("eth1")
    assert _event(host, "tun0", action) == ""
    assert len(host.rules(4)) == 3


@pytest.mark.parametrize("action", IGNORED)
def test_other_actions_ask_nothing(host: Lab, action: str) -> None:
    recorder = host.recorder()
    for interface in ("eth1", "none", ""):
        assert _event(host, interface, action, ASYMGEN_IP=recorder) == ""
    assert host.record.read_text() == ""


@pytest.mark.parametrize("interface", ["lo", "docker0", "eth10", "*", ""])
def test_interfaces_of_no_concern(host: Lab, interface: str) -> None:
    before = host.dump()
    for action in FOLLOWED:
        assert _event(host, interface, action) == ""
    assert host.dump() == before


def test_modem_has_its_addresses_on_another_interface(host: Lab) -> None:
    assert _event(host, "cdc-wdm0", "up", DEVICE_IFACE="cdc-wdm0", DEVICE_IP_IFACE="eth1") == ""
    assert len(host.rules(4)) == 3


def test_failure_is_said_and_fails_nobody(host: Lab) -> None:
    said = _event(host, "eth1", "up", ASYMGEN_IP="/bin/false")
    assert "cannot read the IPv4 rules" in said
    assert '50-asymgen status" tells what is missing' in said


def test_start_and_stop_by_hand(host: Lab) -> None:
    before = host.dump()
    for action, code in (("start", 0), ("status", 0), ("check", 0), ("stop", 0), ("status", 3)):
        assert host.run(action, script=SCRIPT).returncode == code
    assert host.dump() == before


# --- under the real daemon ---


@pytest.fixture
def providers() -> Iterator[PacketLab]:
    """Two providers in front of a host whose interfaces nobody has configured yet."""
    with packet_lab() as built:
        for name in ("eth0", "eth1"):
            built.host.ip("address", "flush", "dev", name)
            built.host.ip("link", "set", "dev", name, "down")
        yield built


@pytest.fixture
def daemon(providers: PacketLab, networkmanager_packages: Path, tmp_path: Path) -> Iterator[NetworkManager]:
    """NetworkManager with a static profile for each uplink, and the script where --write puts it."""
    written = Lab(providers.host, tmp_path, PROVIDERS).write(kernel_state(PROVIDERS), backend="networkmanager")
    with networkmanager(providers.host, tmp_path / "root", networkmanager_packages) as made:
        assert made.etc == written / "etc"
        for name in ("eth0", "eth1"):
            four, six = (wire for wire in PROVIDERS if wire.interface == name)
            made.profile(name, PROFILE.format(
                name=name, four=four.address, gateway4=four.gateway, six=six.address, gateway6=six.gateway
            ))  # fmt: skip
        yield made


def _rules(daemon: NetworkManager) -> str:
    """How many rules of ours each family has."""
    count = "for f in 4 6; do ip -N -$f rule show | grep -c 'proto 97$'; done | xargs"
    return daemon.run("sh", "-c", count).strip()


def _wait_for_rules(daemon: NetworkManager, wanted: str) -> None:
    count = "for f in 4 6; do ip -N -$f rule show | grep -c 'proto 97$'; done | xargs"
    daemon.wait_for("sh", "-c", f'[ "$({count})" = "{wanted}" ]')


def _answers(providers: PacketLab) -> list[str]:
    """The addresses that the client gets an answer from, by ping and by TCP."""
    addresses = [wire.address.split("/")[0] for wire in PROVIDERS]
    return [address for address in addresses if providers.pings(address) and providers.connects(address)]


def _wait_for_answers(providers: PacketLab, wanted: list[str]) -> None:
    """Until exactly these answer: the gateways have to find their neighbour anew after each flap."""
    for _ in range(10):
        if _answers(providers) == wanted:
            return
    assert _answers(providers) == wanted


def test_networkmanager_calls_the_script(daemon: NetworkManager, providers: PacketLab) -> None:
    """Up at its start, down and up by nmcli, reapply, and gone after ``stop``."""
    everything = [wire.address.split("/")[0] for wire in PROVIDERS]
    script = f"/{SCRIPT}"
    daemon.start()
    _wait_for_rules(daemon, "6 6")
    daemon.run(script, "status")
    _wait_for_answers(providers, everything)
    assert providers.wrong() == 0
    daemon.run("nmcli", "connection", "down", "eth1")
    _wait_for_rules(daemon, "3 3")
    _wait_for_answers(providers, everything[:2])
    daemon.run("nmcli", "connection", "up", "eth1")
    _wait_for_rules(daemon, "6 6")
    daemon.run(script, "status")
    daemon.run("nmcli", "connection", "down", "eth0")  # the primary
    _wait_for_rules(daemon, "3 3")
    daemon.run("nmcli", "connection", "up", "eth0")
    _wait_for_rules(daemon, "6 6")
    _wait_for_answers(providers, everything)
    assert providers.wrong() == 0
    daemon.run(script, "stop")
    assert _rules(daemon) == "0 0"
    assert _answers(providers) != everything, "without the rules the second provider drops the answers"
    daemon.run("nmcli", "device", "reapply", "eth1")
    _wait_for_rules(daemon, "3 3")


def test_script_that_is_gone_is_called_no_more(daemon: NetworkManager) -> None:
    daemon.start()
    _wait_for_rules(daemon, "6 6")
    daemon.run(f"/{SCRIPT}", "stop")
    (daemon.etc / "NetworkManager/dispatcher.d/50-asymgen").unlink()
    (daemon.etc / "NetworkManager/dispatcher.d/60-after").write_text(f"#!/bin/sh\necho >{daemon.etc}/called\n")
    (daemon.etc / "NetworkManager/dispatcher.d/60-after").chmod(0o755)
    daemon.run("nmcli", "connection", "up", "eth1")
    daemon.wait_for("test", "-e", str(daemon.etc / "called"))
    assert _rules(daemon) == "0 0"


SERVER = """\
start {address}
end {address}
interface lan0
lease_file {folder}/leases
pidfile {folder}/pid
opt subnet 255.255.255.0
opt router {router}
opt lease 600
"""
BY_DHCP = """\
[connection]
id=eth1
type=ethernet
interface-name=eth1
[ipv4]
method=auto
[ipv6]
method=ignore
"""


@contextmanager
def _offering(providers: PacketLab, folder: Path, address: str, router: str) -> Iterator[None]:
    """BusyBox's DHCP server on the second gateway, with one address to give."""
    gateway = providers.gateways[1]
    near = f"{address.rpartition('.')[0]}.253/24"
    gateway.ip("address", "replace", near, "dev", "lan0", "noprefixroute")
    folder.mkdir(exist_ok=True)
    (folder / "leases").write_bytes(b"")
    (folder / "settings").write_text(SERVER.format(address=address, router=router, folder=folder))
    argv = ("busybox", "udhcpd", "-f", str(folder / "settings"))
    server = gateway.start(*argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        server.terminate()
        server.wait(10)
        gateway.ip("address", "del", near, "dev", "lan0")


def test_leases_of_networkmanager(daemon: NetworkManager, providers: PacketLab, tmp_path: Path) -> None:
    """Its own DHCP client gets another address, another gateway, another subnet; the script hears and follows."""
    Lab(providers.host, tmp_path, PROVIDERS).write(moving(kernel_state(PROVIDERS[:3])), backend="networkmanager")
    daemon.profile("eth1", BY_DHCP)
    with _offering(providers, tmp_path / "server", "198.51.100.77", "198.51.100.1"):
        daemon.start()
        _wait_for_rules(daemon, "6 3")
    for address, router in (("198.51.100.78", "198.51.100.254"), ("203.0.113.7", "203.0.113.1")):
        with _offering(providers, tmp_path / "server", address, router):
            daemon.run("nmcli", "connection", "up", "eth1")
            expected = f"via {router} dev eth1 table 2"
            ask = f"ip -N route get 100.64.0.9 from {address} | grep -F '{expected}'"
            daemon.wait_for("sh", "-c", f"{ask} && {SCRIPT_STATUS}")
    rules = providers.host.ip("rule")
    assert "from 203.0.113.0/24 iif lo" in rules
    assert "from 198.51.100.0/24" not in rules
