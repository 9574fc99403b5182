"""The real systemd-networkd with our drop-ins, in a namespace that holds the host: the kernel is asked.

Each uplink has a .network file as an administrator would have written it, and beside it the very drop-in that
``detect --write`` would write. The kernel must then hold what lowering says, and nothing else of ours.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from asymgen.backends import networkd as networkd_backend
from asymgen.detection import Detection, detect
from asymgen.lowering import lower
from asymgen.model import (
    PROTOCOL,
    TABLE_MAIN,
    Address,
    Choices,
    Host,
    Kept,
    ManagedInterface,
    Managers,
)
from asymgen.parse import parse_host
from asymgen.planner import plan
from tests.case_files import CASES, Case, choices_of
from tests.command_line import TREE
from tests.host_loader import loaded_host, route_words, table_numbers
from tests.live_state import bare_routes, bare_rules, live_host, not_as_wanted
from tests.namespaces import Namespace, namespace
from tests.netns.test_backends_on_cases import everything
from tests.netns.test_cases import wrong_answers
from tests.networkd_daemon import Networkd, network_file, networkd, version
from tests.watch_lab import Watcher, watcher

pytestmark = pytest.mark.netns

FOLDER = "/etc/systemd/network/"
STATIC = 4


@dataclass(frozen=True)
class Managed:
    """A case whose uplinks networkd configures, and what asymgen makes of it."""

    case: Case
    detection: Detection

    @property
    def interfaces(self) -> list[str]:
        return sorted({uplink.interface for uplink in self.detection.plan.uplinks})

    def write_networks(self, folder: Path) -> None:
        """What the administrator wrote."""
        for interface in self.interfaces:
            text = network_file(self.case.snapshot, interface)
            (folder / f"10-{interface}.network").write_text(text, encoding="utf-8")

    def write_dropins(self, folder: Path) -> None:
        """What asymgen adds."""
        for file in self.detection.files:
            if str(file.path).startswith(FOLDER):
                path = folder / str(file.path).removeprefix(FOLDER)
                path.parent.mkdir()
                path.write_text(file.text, encoding="utf-8")

    def watcher(self, host: Namespace, folder: Path) -> AbstractContextManager[Watcher]:
        """asymgen-watch, which its unit would start."""
        [file] = [file for file in self.detection.files if file.path.name == "asymgen-watch"]
        path = folder / "root" / file.path.relative_to("/")
        path.parent.mkdir(parents=True)
        path.write_text(file.text, encoding="utf-8")
        path.chmod(file.mode)
        return watcher(host, folder / "root", folder)

    def bring_back(self, host: Namespace) -> None:
        """What other tools put into tables of their own, when the links were up."""
        names = table_numbers(self.case.snapshot)
        for family in (4, 6):
            routes = [
                route
                for route in self.case.snapshot[f"routes{family}"]
                if route.get("dev") in self.interfaces
                and route.get("protocol") != "kernel"
                and route.get("table", "main") not in ("main", "local")
            ]
            routes.sort(key=lambda route: "gateway" in route)  # what a gateway needs comes first
            host.batch("\n".join(f"route append {route_words(route, names)}" for route in routes), family=family)

    def forget(self, host: Namespace) -> None:
        """As after a boot: what networkd is to configure is not there yet."""
        for interface in self.interfaces:
            host.ip("link", "set", interface, "down")
            host.ip("addr", "flush", "dev", interface)
        for version_flag in ("-4", "-6"):
            for interface in self.interfaces:
                host.ip(version_flag, "route", "flush", "table", "all", "dev", interface, check=False)


def managed(case: Case, **changed: Any) -> Managed:
    """``case`` as if networkd configured its uplinks, each by a file that names addresses and gateways."""
    host, choices = parse_host(case.snapshot), replace(choices_of(case), **changed)
    interfaces = {
        uplink.interface: ManagedInterface(
            "networkd", f"{FOLDER}10-{uplink.interface}.network", gateways(host, uplink.interface)
        )
        for uplink in plan(host, choices).uplinks
    }
    managers = Managers("systemd", {"networkd": version()}, frozenset({"networkd"}), interfaces)
    return Managed(case, detect(replace(host, managers=managers, leases=host.leases), choices, Kept()))


def gateways(host: Host, interface: str) -> tuple[Address, ...]:
    """What the interface's own file names in the case, and its next hops in ``main``, which it names here."""
    known = host.managers.interfaces.get(interface, ManagedInterface("networkd")).gateways
    hops = (hop for route in host.routes if route.table == TABLE_MAIN for hop in route.nexthops)
    return (*known, *(hop.gateway for hop in hops if hop.interface == interface and hop.gateway))


def wait_until_held(daemon: Networkd, before: Host, detection: Detection) -> None:
    deadline = time.monotonic() + 8
    while found := not_as_wanted(daemon.host, before, detection):
        assert time.monotonic() < deadline, "\n".join([*found, daemon.log])
        time.sleep(0.1)


def wait_until(happened: Callable[[], bool], daemon: Networkd) -> None:
    deadline = time.monotonic() + 8
    while not happened():
        assert time.monotonic() < deadline, "\n".join([*everything(daemon.host), daemon.log])
        time.sleep(0.1)


def wait_until_configured(daemon: Networkd, made: Managed) -> None:
    wait_until(lambda: daemon.run("networkctl", "list").count(" configured") == len(made.interfaces), daemon)


def wait_until_gone(daemon: Networkd, before: Host) -> None:
    deadline = time.monotonic() + 8
    while True:
        now = live_host(daemon.host)
        left = [line for line in bare_rules(now.rules) if line not in bare_rules(before.rules)]
        left += bare_routes(route for route in now.routes if route.protocol == PROTOCOL)
        if not left:
            return
        assert time.monotonic() < deadline, "\n".join([*left, daemon.log])
        time.sleep(0.1)


WORKING = [case for case in CASES if not case.expect["nothing_to_do"]]
BY_NAME = {case.name: case for case in CASES}
NOT_HERE = {"carrier-lost": "networkd takes addresses away from a link that has lost its carrier"}


@contextmanager
def configured(made: Managed, folder: Path) -> Iterator[tuple[Networkd, Host]]:
    """The case's host after a boot with our drop-ins, and what it was before."""
    with loaded_host(made.case.snapshot) as host, networkd(host, folder) as daemon, ExitStack() as stack:
        before = live_host(host)
        made.write_networks(daemon.network)
        made.write_dropins(daemon.network)
        made.forget(host)
        daemon.start()
        if made.detection.state.watched:
            stack.enter_context(made.watcher(host, folder)).start()
        wait_until_held(daemon, before, made.detection)
        made.bring_back(host)
        yield daemon, before


def asks_of(made: Managed) -> list[dict[str, Any]]:
    """On one subnet, which interface an unbound packet takes depends on which one networkd configured first."""
    asks: list[dict[str, Any]] = made.case.expect["asks"]
    if any("same subnet" in shape or "one-subnet" in shape for shape in made.case.expect["shapes"]):
        return [ask for ask in asks if ask["source"]]
    return asks


@pytest.mark.parametrize("case", [case for case in WORKING if case.name not in NOT_HERE], ids=str)
def test_daemon_holds_what_lowering_says(case: Case, tmp_path: Path) -> None:
    made = managed(case)
    with configured(made, tmp_path) as (daemon, _):
        assert daemon.complaints() == []
        assert wrong_answers(daemon.host, asks_of(made)) == []
        for later in case.expect["later"]:
            if any(f"ip link set {name} down" in later["commands"] for name in made.interfaces):
                continue  # there networkd sets everything again, which the next test waits for
            daemon.host.run("sh", "-ec", "\n".join(later["commands"]))
            assert wrong_answers(daemon.host, [ask for ask in later["asks"] if ask["source"]]) == [], later["title"]


def flap(daemon: Networkd, interface: str) -> None:
    """Down, until networkd has seen it, and up: within a millisecond, 252 now and then sets a route before it has
    set the address anew, and gives the interface up."""
    daemon.host.ip("link", "set", interface, "down")
    wait_until(lambda: f"{interface}: Lost carrier" in daemon.log, daemon)
    # … and has taken its addresses away: else it may hold the old one for the gateway's subnet being there.
    wait_until(lambda: not daemon.host.ip("-4", "address", "show", "dev", interface, "scope", "global"), daemon)
    daemon.host.ip("link", "set", interface, "up")


@pytest.mark.parametrize("name", ["dual-stack-static", "three-providers", "one-subnet", "fail-closed"])
def test_flap_restart_reload_and_removal(name: str, tmp_path: Path) -> None:
    made = managed(BY_NAME[name])
    with configured(made, tmp_path) as (daemon, before):
        asks = [ask for ask in made.case.expect["asks"] if ask["source"]]
        wait_until_configured(daemon, made)
        for interface in made.interfaces:
            flap(daemon, interface)
        wait_until_held(daemon, before, made.detection)
        wait_until(lambda: wrong_answers(daemon.host, asks) == [], daemon)
        daemon.stop()
        daemon.start()
        wait_until_held(daemon, before, made.detection)
        daemon.reload()
        wait_until_held(daemon, before, made.detection)
        for dropin in daemon.network.glob("*.network.d/50-asymgen.conf"):
            dropin.unlink()
        daemon.reload()
        wait_until_gone(daemon, before)


def test_second_detect_takes_the_daemons_rules_for_ours(tmp_path: Path) -> None:
    """With the plan file, and without it (a package installed the drop-ins)."""
    made = managed(BY_NAME["dual-stack-static"])
    with configured(made, tmp_path) as (daemon, _):
        live = replace(live_host(daemon.host), managers=made.detection.host.managers)
        assert {rule.protocol for rule in live.rules if rule.priority in range(32000, 32020)} == {STATIC}
        for kept in (made.detection.plan.kept, Kept()):
            again = plan(live, Choices(), kept)
            assert again.repeats == ()
            state = lower(again, networkd_backend.capabilities(live))
            assert bare_rules(state.rules) == bare_rules(made.detection.state.rules)
            assert bare_routes(state.routes) == bare_routes(made.detection.state.routes)


def put_tunnel_ahead(host: Namespace) -> None:
    """wg-quick's commands."""
    host.ip("route", "replace", "default", "dev", "wg0", "table", "51820")
    host.ip("rule", "add", "not", "fwmark", "51820", "table", "51820")
    host.ip("rule", "add", "table", "main", "suppress_prefixlength", "0")


def kept_by(daemon: Networkd) -> list[str]:
    """What carries networkd's own protocol."""
    return [line for line in everything(daemon.host) if "proto 4" in line]


def test_watcher_and_daemon_do_not_fight(tmp_path: Path) -> None:
    """networkd removes foreign rules when it configures a link, unless it is told not to: a VPN's and the jumps.
    Whatever it removes, jumps are there when a tunnel is; networkd's own rules are nobody else's."""
    made = managed(BY_NAME["dual-stack-static"], ahead=True)
    with loaded_host(made.case.snapshot) as host, networkd(host, tmp_path, configuration="") as daemon:
        host.ip("link", "add", "wg0", "type", "veth", "peer", "name", "far-wg0")
        for name in ("wg0", "far-wg0"):
            host.ip("link", "set", name, "arp", "off", "addrgenmode", "none", "up")
        before = live_host(host)
        made.write_networks(daemon.network)
        made.write_dropins(daemon.network)
        assert "GoTo=" not in "".join(file.text for file in made.detection.files)
        made.forget(host)
        daemon.start()
        wait_until_held(daemon, before, made.detection)
        # To neighbours, "main without its default" that wg-quick puts ahead of all decides.
        far = [ask for ask in made.case.expect["asks"] if ask["source"] and ask["destination"] == "203.0.113.7"]
        assert {ask["dev"] for ask in far} == {"eth0", "eth1"}
        with made.watcher(host, tmp_path) as watch:
            watch.start()

            def settled() -> bool:
                return "missing" not in watch.run("status").stdout and wrong_answers(host, far) == []

            for event in ("reload", "reconfigure eth1", "restart"):
                if "51820" not in host.ip("rule"):
                    put_tunnel_ahead(host)
                wait_until(lambda: len(watch.jumps()) == 2 and settled(), daemon)
                ours = kept_by(daemon)
                if event == "restart":
                    daemon.stop()
                    daemon.start()
                else:
                    daemon.run("networkctl", *event.split())
                wait_until_configured(daemon, made)
                wait_until(lambda held=ours: kept_by(daemon) == held, daemon)  # type: ignore[misc]
                wait_until(settled, daemon)
                assert bool(watch.jumps()) == ("51820" in host.ip("rule"))
            assert watch.said.read_text() == ""
        # 252 wants to remove the jumps when a link is configured, and cannot: it knows no goto.
        assert [line for line in daemon.complaints() if "Missing goto target" not in line] == []


def test_detect_write_reload_and_remove(tmp_path: Path) -> None:
    """The whole way on a live host: the probe finds the daemon and its files, and nothing is left at the end."""
    made = managed(BY_NAME["dual-stack-static"])
    asks = [ask for ask in made.case.expect["asks"] if ask["source"]]
    with loaded_host(made.case.snapshot) as host, networkd(host, tmp_path) as daemon:
        made.write_networks(daemon.network)
        made.forget(host)
        daemon.start()
        wait_until_configured(daemon, made)
        before = everything(host)
        written = run_asymgen(daemon, "detect", "--write", "--gateway", "eth1=198.51.100.1")
        assert "create /etc/systemd/network/10-eth1.network.d/50-asymgen.conf" in written
        assert "  networkctl reload   #" in written
        assert "commands | sh" not in written
        assert wrong_answers(host, asks) != []
        daemon.reload()
        wait_until(lambda: wrong_answers(host, asks) == [], daemon)
        assert daemon.complaints() == []
        run_asymgen(daemon, "detect", "--check")
        reconfigured = daemon.log.count("Reconfiguring with")
        removed = run_asymgen(daemon, "remove")
        assert "nothing of asymgen is in the kernel" in removed
        wait_until(lambda: everything(host) == before, daemon)
        assert not list(daemon.network.glob("**/*asymgen*"))
        # Told by remove: else the next change of the link would bring rules back.
        wait_until(lambda: daemon.log.count("Reconfiguring with") == reconfigured + len(made.interfaces), daemon)
        daemon.stop()
        daemon.start()
        wait_until(lambda: everything(host) == before, daemon)


ROUTER = """[Match]
Name={name}
[Network]
Address={net4}.1/24
Address={net4}.2/24
Address={net6}::1/64
DHCPServer=yes
IPv6SendRA=yes
[DHCPServer]
Router={net4}.{router}
EmitDNS=no
[IPv6SendRA]
EmitDNS=no
[IPv6Prefix]
Prefix={net6}::/64
"""
PROVIDERS = (("router0", "192.0.2", "2001:db8:a"), ("router1", "198.51.100", "2001:db8:b"))


def write_router(folder: Path, *, router: int) -> None:
    for name, net4, net6 in PROVIDERS:
        text = ROUTER.format(name=name, net4=net4, net6=net6, router=router)
        (folder / f"10-{name}.network").write_text(text, encoding="utf-8")


def default_of(host: Namespace, family: int, table: int) -> list[str]:
    """Gateways of the default routes; the kernel joins two of one metric."""
    routes = host.json("-N", f"-{family}", "route", "show", "table", "all", "default")
    mine = [route for route in routes if str(route.get("table", TABLE_MAIN)) == str(table)]
    return [leg["gateway"] for route in mine for leg in route.get("nexthops", [route]) if "gateway" in leg]


def test_gateways_by_dhcp_and_router_advertisement(tmp_path: Path) -> None:
    """What the router says later is followed without asymgen."""
    folders = [tmp_path / "host", tmp_path / "router"]
    for folder in folders:
        folder.mkdir()
    with namespace("host") as host, namespace("router") as routers, ExitStack() as stack:
        for number in (0, 1):
            peer = ("peer", "name", f"router{number}", "netns", routers.name)
            host.ip("link", "add", f"eth{number}", "type", "veth", *peer)
        daemon, provider = (
            stack.enter_context(networkd(space, folder)) for space, folder in zip((host, routers), folders)
        )
        write_router(provider.network, router=1)
        for name in ("eth0", "eth1"):
            text = f"[Match]\nName={name}\n[Network]\nDHCP=ipv4\n"
            (daemon.network / f"10-{name}.network").write_text(text, encoding="utf-8")
        provider.start()
        daemon.start()
        wait_until(lambda: len(default_of(host, 4, 254)) == 2 == len(default_of(host, 6, 254)), daemon)
        wait_until(lambda: host.ip("-6", "addr", "show", "tentative") == "", daemon)
        run_asymgen(daemon, "detect", "--write")
        daemon.reload()
        expected = [["192.0.2.1"], ["198.51.100.1"]]
        wait_until(lambda: [default_of(host, 4, table) for table in (1, 2)] == expected, daemon)
        wait_until(lambda: [len(default_of(host, 6, table)) for table in (1, 2)] == [1, 1], daemon)
        assert daemon.complaints() == []
        wait_until(lambda: host.ip("-6", "addr", "show", "tentative") == "", daemon)
        run_asymgen(daemon, "detect", "--check")
        for link in live_host(host).links[1:]:
            for address in (one for one in link.addresses if one.scope == "global"):
                far = "203.0.113.7" if address.family == 4 else "2001:db8:ffff::7"
                found = host.route_get(int(address.family), far, str(address.address))
                assert found is not None, address
                assert found["dev"] == link.name, address

        write_router(provider.network, router=2)
        provider.reload()
        expected = [["192.0.2.2"], ["198.51.100.2"]]

        def renewed() -> bool:
            daemon.run("networkctl", "renew", "eth0", "eth1")
            time.sleep(0.3)
            return [default_of(host, 4, table) for table in (1, 2)] == expected

        wait_until(renewed, daemon)


def run_asymgen(daemon: Networkd, *arguments: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(TREE)}
    return daemon.run(sys.executable, "-m", "asymgen", *arguments, env=environment)
