"""Addresses that move under the real systemd-networkd: leases of a real DHCP server, real router advertisements.

networkd's rules name prefixes literally, so the script of ``asymgen-follow.service`` has to write what is new.
No systemd runs here: what a path unit does (start the service when a folder changes, look again when it has
ended) is done by ``PathUnit``; the folders and the command are those of the written units.
"""

from __future__ import annotations

import configparser
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.namespaces import Namespace, namespace
from tests.netns.test_backends_on_cases import everything
from tests.netns.test_networkd import run_asymgen
from tests.networkd_daemon import Networkd, networkd

pytestmark = pytest.mark.netns

UNITS = "/etc/systemd/system"
STATIC = "[Match]\nName=eth0\n[Network]\nAddress=192.0.2.10/24\nGateway=192.0.2.1\nIPv6AcceptRA=no\n"
SIX = "Address=2001:db8:a::10/64\nGateway=2001:db8:a::1\n"
BY_DHCP = "[Match]\nName=eth1\n[Network]\nDHCP=ipv4\n[DHCPv4]\nRouteMetric=2048\n"


@dataclass
class Provider:
    """dnsmasq on the far end of eth1: one address to lease, and a prefix to advertise."""

    routers: Namespace
    folder: Path
    process: subprocess.Popen[str] | None = None

    def offer(
        self, address: str, router: str, *, prefix: str = "2001:db8:b::", silent: bool = False, stateful: bool = False
    ) -> None:
        """``silent``: leases only, no router advertisements; ``stateful``: they say that DHCPv6 has the addresses."""
        self.stop()
        near = address.rpartition(".")[0]
        # The old subnet's address stays: a renewal is sent to the server that gave the lease.
        self.routers.ip("address", "replace", f"{near}.253/24", "dev", "router1")
        self.routers.ip("-6", "address", "flush", "dev", "router1", "scope", "global")
        self.routers.ip("address", "add", f"{prefix}1/64", "dev", "router1", "nodad")
        (self.folder / "leases").write_text("", encoding="utf-8")
        six = f"{prefix}100,{prefix}100,64,600" if stateful else f"{prefix},ra-only,64,600"
        advertising = ("--enable-ra", "--ra-param=router1,high,4,600", f"--dhcp-range={six}")
        self.process = self.routers.start(
            "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--port=0", "--interface=router1",
            "--bind-dynamic", "--log-dhcp", f"--log-facility={self.folder}/dnsmasq",
            "--dhcp-authoritative", "--no-ping", "--user=root", f"--pid-file={self.folder}/pid",
            f"--dhcp-leasefile={self.folder}/leases", f"--dhcp-range={address},{address},255.255.255.0,120",
            f"--dhcp-option=option:router,{router}",
            *(() if silent else advertising),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(10)
            self.process = None


@dataclass
class PathUnit:
    """What systemd does for the written units."""

    daemon: Networkd
    seen: str = ""
    runs: list[subprocess.CompletedProcess[str]] = field(default_factory=list)

    def _value(self, unit: str, section: str, key: str) -> list[str]:
        parser = configparser.RawConfigParser(strict=False, allow_no_value=True)
        text = self.daemon.run("cat", f"{UNITS}/{unit}")
        parser.read_string(text)
        assert parser.has_option(section, key), text
        return re.findall(f"^{key}=(.*)$", text, re.MULTILINE)

    def _stamps(self) -> str:
        folders = self._value("asymgen-follow.path", "Path", "PathChanged")
        return self.daemon.run("stat", "--format=%n %z", *folders)

    def start(self) -> None:
        self.seen = self._stamps()

    def poll(self) -> None:
        """Start the service if a folder has changed since it last ended."""
        if not self.seen or self._stamps() == self.seen:
            return
        [command] = self._value("asymgen-follow.service", "Service", "ExecStart")
        argv = self.daemon.inside(*command.split())
        self.runs.append(subprocess.run(argv, capture_output=True, text=True, check=False, timeout=120))
        assert (self.runs[-1].returncode, self.runs[-1].stderr) == (0, "")
        self.seen = self._stamps()


@dataclass
class World:
    """The host with its daemon, and the provider that gives it addresses."""

    host: Namespace
    daemon: Networkd
    provider: Provider
    unit: PathUnit

    def until(self, happened: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 60
        while not happened():
            assert time.monotonic() < deadline, "\n".join(
                [str(self.way(4, one)) for one in self.addresses(4)]
                + [
                    *everything(self.host),
                    self.host.ip("address"),
                    self.daemon.log,
                    *map(str, self.unit.runs),
                    (self.provider.folder / "dnsmasq").read_text(encoding="utf-8")[-3000:],
                ]
            )
            self.unit.poll()
            time.sleep(0.3)

    def offer(self, address: str, router: str, **more: Any) -> None:
        """Another server with another lease, and a flap: dnsmasq broadcasts its refusal of a renewal, which
        systemd-networkd 252 does not hear before the lease is nearly over."""
        self.provider.offer(address, router, **more)
        lost = self.daemon.log.count("eth1: Lost carrier")
        self.host.ip("link", "set", "eth1", "down")
        self.until(lambda: self.daemon.log.count("eth1: Lost carrier") > lost)
        self.host.ip("link", "set", "eth1", "up")

    def has(self, address: str) -> bool:
        """``address`` is the start of one that eth1 has and may use."""
        shown = self.host.ip("-o", "address", "show", "dev", "eth1", "scope", "global", "-tentative")
        return any(word.startswith(address) for word in shown.split())

    def way(self, family: int, address: str) -> tuple[str, str]:
        """Interface and next hop of an answer from ``address`` to somebody far away."""
        found = self.host.route_get(family, "100.64.0.9" if family == 4 else "2001:db8:ffff::7", address)
        return ("", "") if found is None else (str(found["dev"]), str(found.get("gateway", "")))

    def addresses(self, family: int) -> list[str]:
        shown = self.host.ip(f"-{family}", "-o", "address", "show", "dev", "eth1", "scope", "global", "-tentative")
        return [line.split()[3].split("/")[0] for line in shown.splitlines() if " temporary " not in line]

    def followed(self) -> list[str]:
        return self.daemon.run("find", "/run/systemd", "-name", "*asymgen*", "-type", "f").split()


@contextmanager
def world(folder: Path, *, eth0: str = STATIC, shared: bool = False) -> Iterator[World]:
    """eth0 by a static file, eth1 by DHCP and RA; ``shared``: both at one switch. asymgen has written its files."""
    with namespace("host") as host, namespace("router") as routers, ExitStack() as stack:
        for number in (0, 1):
            peer = ("peer", "name", f"router{number}" if not shared else f"port{number}", "netns", routers.name)
            host.ip("link", "add", f"eth{number}", "type", "veth", *peer)
        if shared:
            routers.ip("link", "add", "router1", "type", "bridge")
            for number in (0, 1):
                routers.ip("link", "set", f"port{number}", "master", "router1", "up")
        else:
            routers.ip("link", "set", "router0", "up")
        routers.ip("link", "set", "router1", "up")
        routers.run("sysctl", "-qw", "net.ipv6.conf.all.forwarding=1")
        daemon = stack.enter_context(networkd(host, folder))
        (daemon.network / "10-eth0.network").write_text(eth0, encoding="utf-8")
        (daemon.network / "10-eth1.network").write_text(BY_DHCP, encoding="utf-8")
        provider = Provider(routers, folder)
        stack.callback(provider.stop)
        yield World(host, daemon, provider, PathUnit(daemon))


def write(made: World) -> None:
    written = run_asymgen(made.daemon, "detect", "--write")
    for name in ("asymgen-follow.path", "asymgen-follow.service", "systemd-networkd.service.d/50-asymgen.conf"):
        assert f"create {UNITS}/{name}" in written
    assert "run this again when DHCP" not in written
    made.daemon.reload()
    made.unit.start()


def test_another_subnet_gateway_and_prefix(tmp_path: Path) -> None:
    with world(tmp_path, eth0=STATIC + SIX) as made:
        made.provider.offer("198.51.100.77", "198.51.100.1")
        made.daemon.start()
        made.until(lambda: made.has("198.51.100.77") and made.has("2001:db8:b:"))
        before = everything(made.host)
        write(made)
        made.until(lambda: made.way(4, "198.51.100.77") == ("eth1", "198.51.100.1"))
        assert made.followed() == []
        # the same subnet: the prefix rule holds, the gateway is the lease's; nothing is to be written
        made.offer("198.51.100.78", "198.51.100.2")
        made.until(lambda: made.way(4, "198.51.100.78") == ("eth1", "198.51.100.2"))
        assert made.followed() == []
        made.offer("203.0.113.7", "203.0.113.1", prefix="2001:db8:c::")
        made.until(lambda: made.has("203.0.113.7"))
        made.until(lambda: made.way(4, "203.0.113.7") == ("eth1", "203.0.113.1"))
        made.until(lambda: made.has("2001:db8:c:"))
        made.until(lambda: {made.way(6, one)[0] for one in made.addresses(6)} == {"eth1"})
        both = {"ipv4.conf", "ipv6.conf"}
        made.until(lambda: {path.rpartition("-")[2] for path in made.followed() if "/51-" in path} == both)
        assert made.daemon.complaints() == []
        steady_after(made)
        run_asymgen(made.daemon, "remove")
        assert made.followed() == []
        made.until(lambda: [line for line in everything(made.host) if "proto static" in line or " 97" in line] == [
            line for line in before if "proto static" in line
        ])  # fmt: skip
        traces = made.daemon.run("sh", "-c", "find /etc /run /usr/local -xdev -name '*asymgen*' 2>/dev/null || :")
        assert [line for line in traces.split() if "lock" not in line] == []


def steady_after(made: World) -> None:
    """Its own reload changes what it watches: that must come to rest."""
    quiet = 0
    for _ in range(100):
        count = made.daemon.log.count("Reconfiguring with")
        runs = len(made.unit.runs)
        made.unit.poll()
        same = (made.daemon.log.count("Reconfiguring with"), len(made.unit.runs)) == (count, runs)
        quiet = quiet + 1 if same else 0
        if quiet == 10:
            return
        time.sleep(0.3)
    raise AssertionError(f"never at rest: {len(made.unit.runs)} runs\n{made.daemon.log}")


def test_address_rules_on_a_shared_subnet(tmp_path: Path) -> None:
    """Both interfaces on one subnet: rules go by single addresses, of which eth1's is another after a renewal."""
    with world(tmp_path, shared=True) as made:
        made.provider.offer("192.0.2.77", "192.0.2.1")
        made.daemon.start()
        made.until(lambda: made.has("192.0.2.77"))
        write(made)
        made.until(lambda: made.way(4, "192.0.2.77") == ("eth1", "192.0.2.1"))
        made.offer("192.0.2.78", "192.0.2.2")
        made.until(lambda: made.has("192.0.2.78"))
        made.until(lambda: made.way(4, "192.0.2.78") == ("eth1", "192.0.2.2"))
        assert made.way(4, "192.0.2.10") == ("eth0", "192.0.2.1")
        steady_after(made)
        [path] = made.followed()
        assert os.path.basename(path) == "51-asymgen-ipv4.conf"
        assert made.daemon.run("stat", "--format=%a", path) == "644\n"
        # back at the planned address: nothing of the run-time file is left
        made.offer("192.0.2.77", "192.0.2.1")
        made.until(lambda: made.has("192.0.2.77"))
        made.until(lambda: made.followed() == [])
        assert made.way(4, "192.0.2.77") == ("eth1", "192.0.2.1")


PRIVATE = "[Match]\nName={name}\n[Network]\nIPv6AcceptRA=yes\nIPv6PrivacyExtensions=yes\n"
WATCHER = "/usr/local/lib/asymgen/asymgen-watch"


def temporary(made: World, interface: str) -> set[str]:
    """Privacy addresses that may be used."""
    shown = made.host.ip("-6", "-o", "address", "show", "dev", interface, "scope", "global", "-tentative")
    return {line.split()[3].split("/")[0] for line in shown.splitlines() if " temporary " in line}


def all_answer(made: World) -> bool:
    """Whether every privacy address answers by its own interface."""
    found = [(interface, address) for interface in ("eth0", "eth1") for address in temporary(made, interface)]
    return bool(found) and all(made.way(6, address)[0] == interface for interface, address in found)


def end_session(process: subprocess.Popen[str]) -> None:
    """With all that it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    process.communicate(timeout=20)


def test_privacy_addresses_on_a_shared_prefix(tmp_path: Path) -> None:
    """The kernel makes them without a word; asymgen-watch tells the script, and its rules are no drop-in's: reading
    one, networkd would have others made. networkd drops them when it starts anew, which is heard as well."""
    with world(tmp_path, shared=True) as made, ExitStack() as stack:
        for interface in ("eth0", "eth1"):
            (made.daemon.network / f"10-{interface}.network").write_text(PRIVATE.format(name=interface))
            made.host.sysctl(f"net/ipv6/conf/{interface}/temp_prefered_lft", 15)
        made.provider.offer("192.0.2.77", "192.0.2.1")
        made.daemon.start()
        made.until(lambda: bool(temporary(made, "eth0") and temporary(made, "eth1")))
        written = run_asymgen(made.daemon, "detect", "--write")
        assert f"create {WATCHER}: follows addresses that move without an event: of eth0, eth1" in written
        made.daemon.reload()
        watching = subprocess.Popen(
            made.daemon.inside("setsid", WATCHER, "run"), stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        stack.callback(end_session, watching)
        first = temporary(made, "eth0") | temporary(made, "eth1")
        for _ in range(2):
            made.until(lambda: all(temporary(made, name) - first for name in ("eth0", "eth1")))  # noqa: B023
            made.until(lambda: all_answer(made))
            first = temporary(made, "eth0") | temporary(made, "eth1")
        made.daemon.stop()
        made.daemon.start()
        made.until(lambda: all_answer(made))
        made.daemon.run(WATCHER, "stop")
        assert watching.communicate(timeout=20)[1] == ""
        run_asymgen(made.daemon, "remove")
        made.until(lambda: [line for line in everything(made.host) if " 97" in line] == [])
