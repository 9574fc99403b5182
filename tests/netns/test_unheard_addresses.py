"""What no event tells of: router advertisements, renewed prefixes, and IPv6 privacy addresses.

NetworkManager (1.42) calls no script for any of them, ifupdown hears nothing of what the kernel does by itself, and
a service at boot hears nothing at all: asymgen-watch tells the backend's script. The addresses are real ones, of
dnsmasq's advertisements and leases.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.command_line import TREE
from tests.namespaces import Namespace, namespace
from tests.netns.test_backends_on_cases import everything
from tests.netns.test_networkd_follow import Provider
from tests.networkmanager_daemon import NetworkManager, networkmanager
from tests.watch_lab import Watcher, wait_until, watcher

pytestmark = pytest.mark.netns

SCRIPTS = {
    "ifupdown": "etc/network/if-up.d/asymgen",
    "networkmanager": "etc/NetworkManager/dispatcher.d/50-asymgen",
    "sysv": "usr/local/lib/asymgen/routing",
}
FAR = {4: "100.64.0.9", 6: "2001:db8:ffff::7"}


@dataclass
class World:
    """A host at two routers (or both its interfaces at one): eth0 is static, eth1's addresses come from there."""

    host: Namespace
    provider: Provider
    folder: Path

    @property
    def root(self) -> Path:
        return self.folder / "root"

    def write(self, backend: str, inside: NetworkManager | None = None) -> None:
        """What ``detect --write`` makes of the host as it is now."""
        argv = (sys.executable, "-m", "asymgen", "detect", "--write", "--backend", backend, "--root", str(self.root))
        environment = {**os.environ, "PYTHONPATH": str(TREE)}
        if inside is None:
            self.host.run(*argv, env=environment)
        else:
            inside.run("env", f"PYTHONPATH={TREE}", *argv)

    def until(self, happened: Callable[[], bool], told: Callable[[], object] = str) -> None:
        deadline = time.monotonic() + 60
        while not happened():
            assert time.monotonic() < deadline, "\n".join([*everything(self.host), self.host.ip("addr"), str(told())])
            time.sleep(0.1)

    def addresses(self, interface: str = "eth1", *, family: int = 6, temporary: bool | None = None) -> set[str]:
        """Its global addresses that may be used, by whether they are privacy addresses."""
        lines = self.host.ip(f"-{family}", "-o", "address", "show", "dev", interface, "scope", "global", "-tentative")
        shown = [line for line in lines.splitlines() if temporary is None or temporary is (" temporary " in line)]
        return {line.split()[3].partition("/")[0] for line in shown}

    def way(self, address: str) -> tuple[str, str]:
        """Interface and next hop of an answer from ``address`` to somebody far away."""
        family = 6 if ":" in address else 4
        found = self.host.route_get(family, FAR[family], address)
        return ("", "") if found is None else (str(found["dev"]), str(found.get("gateway", "")))

    def all_by(self, interface: str, family: int = 6) -> bool:
        """Whether every address of ``interface`` answers by it."""
        found = self.addresses(interface, family=family)
        return bool(found) and {self.way(address)[0] for address in found} == {interface}

    def ours(self) -> list[str]:
        return [line for line in everything(self.host) if "proto 97" in line]


@contextmanager
def world(folder: Path, *, shared: bool = False) -> Iterator[World]:
    with namespace("host") as host, namespace("router") as routers, ExitStack() as stack:
        for number in (0, 1):
            far = f"port{number}" if shared else f"router{number}"
            host.ip("link", "add", f"eth{number}", "type", "veth", "peer", "name", far, "netns", routers.name)
        routers.run("sysctl", "-qw", "net.ipv6.conf.all.forwarding=1", "net.ipv6.conf.default.accept_dad=0")
        if shared:
            routers.ip("link", "add", "router1", "type", "bridge")
            for number in (0, 1):
                routers.ip("link", "set", f"port{number}", "master", "router1", "up")
        else:
            routers.ip("link", "set", "router0", "up")
        routers.ip("link", "set", "router1", "up")
        provider = Provider(routers, folder)
        stack.callback(provider.stop)
        (folder / "root").mkdir()
        yield World(host, provider, folder)


@contextmanager
def watched(made: World, backend: str) -> Iterator[Watcher]:
    """asymgen-watch, which the script starts where no systemd does; it finds the script where the test wrote it."""
    with watcher(made.host, made.root, made.folder) as watch:
        watch.settings["ASYMGEN_SCRIPT"] = str(made.root / SCRIPTS[backend])
        yield watch


def tell(watch: Watcher, backend: str) -> None:
    """The backend's event: the link of eth1 came up."""
    told = watch.run("follow", "eth1", script=SCRIPTS[backend])
    assert (told.returncode, told.stderr) == (0, "")
    wait_until(lambda: watch.monitor is not None)


def by_kernel(made: World, interface: str, *, lifetime: int = 600) -> None:
    """What ``iface … inet6 auto`` with ``privext 2`` sets; ``lifetime`` is that of a privacy address, in seconds."""
    settings = {"accept_ra": 2, "use_tempaddr": 2, "accept_dad": 1, "temp_prefered_lft": lifetime}
    for key, value in settings.items():
        made.host.sysctl(f"net/ipv6/conf/{interface}/{key}", value)
    made.host.ip("link", "set", interface, "up")


def static_eth0(made: World) -> None:
    made.host.ip("address", "add", "192.0.2.10/24", "dev", "eth0")
    made.host.ip("address", "add", "2001:db8:a::10/64", "dev", "eth0", "nodad")
    made.host.ip("link", "set", "eth0", "up")
    made.host.ip("route", "add", "default", "via", "192.0.2.1")
    made.host.ip("route", "add", "default", "via", "2001:db8:a::1", "dev", "eth0", "metric", "512")


@pytest.mark.parametrize("backend", SCRIPTS)
def test_advertisements_after_the_event(tmp_path: Path, backend: str) -> None:
    """The link came up, the hook looked, and only then the router spoke. Later it names another prefix; last
    another router speaks."""
    with world(tmp_path) as made:
        static_eth0(made)
        by_kernel(made, "eth1")
        made.provider.offer("198.51.100.77", "198.51.100.1")
        made.until(lambda: len(made.addresses()) == 2)
        made.write(backend)
        made.provider.stop()
        made.host.ip("link", "set", "eth1", "down")
        made.host.ip("link", "set", "eth1", "up")
        with watched(made, backend) as watch:
            tell(watch, backend)
            assert "dev eth1" not in "".join(made.ours()), "nothing is there yet"
            made.provider.offer("198.51.100.77", "198.51.100.1")
            made.until(lambda: len(made.addresses()) == 2 and made.all_by("eth1"))
            made.provider.offer("198.51.100.77", "198.51.100.1", prefix="2001:db8:c::")
            made.until(lambda: len(made.addresses()) == 4 and made.all_by("eth1"))
            checked = watch.run("check", script=SCRIPTS[backend])
            assert checked.returncode == 0, checked.stdout
            made.provider.stop()
            made.host.ip("-6", "route", "del", "default", "dev", "eth1", "proto", "ra")
            made.host.ip("-6", "route", "add", "default", "via", "fe80::99", "dev", "eth1", "proto", "ra")
            made.until(lambda: {made.way(one) for one in made.addresses()} == {("eth1", "fe80::99")})
            assert watch.run("stop").returncode == 0
            assert made.ours(), "what the script did, it undoes itself"


@pytest.mark.parametrize("backend", SCRIPTS)
def test_privacy_addresses_on_a_shared_prefix(tmp_path: Path, backend: str) -> None:
    """Rules go by single addresses there, and the kernel makes new ones without a word to anybody."""
    with world(tmp_path, shared=True) as made:
        made.provider.offer("198.51.100.77", "198.51.100.1")
        for interface in ("eth0", "eth1"):
            by_kernel(made, interface, lifetime=15)
        made.until(lambda: all(len(made.addresses(name)) >= 2 for name in ("eth0", "eth1")))
        planned = {name: made.addresses(name, temporary=True) for name in ("eth0", "eth1")}
        made.write(backend)
        with watched(made, backend) as watch:
            tell(watch, backend)
            assert watch.run("start", script=SCRIPTS[backend]).returncode == 0
            for interface in ("eth0", "eth1"):
                made.until(lambda name=interface: bool(made.addresses(name, temporary=True) - planned[name]))  # type: ignore[misc]
                made.until(lambda name=interface: made.all_by(name))  # type: ignore[misc]
            gone = next(iter(planned["eth1"]))
            made.host.ip("address", "del", f"{gone}/64", "dev", "eth1")
            made.until(lambda: gone not in "".join(made.ours()))


AUTO = """\
[connection]
id=eth1
type=ethernet
interface-name=eth1
[ipv4]
method=auto
[ipv6]
method=auto
ip6-privacy=2
"""
MANUAL = """\
[connection]
id=eth0
type=ethernet
interface-name=eth0
[ipv4]
method=manual
address1=192.0.2.10/24,192.0.2.1
[ipv6]
method=manual
address1=2001:db8:a::10/64,2001:db8:a::1
"""


def test_networkmanager_calls_nobody(tmp_path: Path, networkmanager_packages: Path) -> None:
    """Under the real daemon: it is up by DHCP when the router begins to speak, and then changes its prefix."""
    with world(tmp_path) as made:
        made.provider.offer("198.51.100.77", "198.51.100.1", silent=True)
        with networkmanager(made.host, made.root, networkmanager_packages) as daemon:
            daemon.profile("eth0", MANUAL)
            daemon.profile("eth1", AUTO)
            spy = made.root / "etc/NetworkManager/dispatcher.d/10-spy"
            spy.parent.mkdir(parents=True)
            spy.write_text(f'#!/bin/sh\necho "$1 $2" >>{tmp_path}/events\n', encoding="utf-8")
            spy.chmod(0o755)
            (made.root / "usr/local/lib/asymgen").mkdir(parents=True)  # before it becomes a part of the daemon's /usr
            daemon.start()
            made.until(lambda: "eth1 up" in events(tmp_path), lambda: daemon.log)
            made.provider.offer("198.51.100.77", "198.51.100.1")
            made.until(lambda: len(made.addresses()) == 2)
            made.write("networkmanager", daemon)
            daemon.run("nmcli", "connection", "down", "eth1")
            made.provider.offer("198.51.100.77", "198.51.100.1", silent=True)
            made.until(lambda: "eth1 down" in events(tmp_path))
            daemon.run("nmcli", "connection", "up", "eth1")
            made.until(lambda: made.way("198.51.100.77") == ("eth1", "198.51.100.1"), lambda: daemon.log)
            made.until(lambda: events(tmp_path).count("eth1 up") == 2)
            heard = events(tmp_path)
            made.provider.offer("198.51.100.77", "198.51.100.1")
            made.until(lambda: len(made.addresses()) == 2 and made.all_by("eth1"), lambda: daemon.log)
            made.provider.offer("198.51.100.77", "198.51.100.1", prefix="2001:db8:c::")
            made.until(lambda: len(made.addresses()) == 4 and made.all_by("eth1"), lambda: daemon.log)
            assert [line for line in events(tmp_path)[len(heard) :] if line.startswith("eth1 ")] == []
            assert daemon.run("/usr/local/lib/asymgen/asymgen-watch", "status").startswith("asymgen-watch: running")


def events(folder: Path) -> list[str]:
    """What NetworkManager told its dispatcher, a line each."""
    path = folder / "events"
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []
