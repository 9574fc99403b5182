"""The real NetworkManager with our dispatcher script, in a namespace that holds the host: the kernel is asked.

Each uplink has a profile as an administrator would have written it. NetworkManager brings it up as after a boot
and calls the very script that ``detect --write`` would write; the kernel must then hold what lowering says.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from asymgen.detection import Detection, detect
from asymgen.model import Host, Kept, ManagedInterface, Managers
from asymgen.parse import parse_host
from asymgen.planner import plan
from tests.case_files import CASES, Case, choices_of
from tests.host_loader import loaded_host, route_words, table_numbers
from tests.live_state import live_host, not_as_wanted
from tests.namespaces import Namespace
from tests.netns.test_backends_on_cases import everything
from tests.netns.test_cases import wrong_answers
from tests.netns.test_networkd import gateways
from tests.networkmanager_daemon import NetworkManager, keyfiles, networkmanager, ports_of

pytestmark = pytest.mark.netns

PROFILES = "/etc/NetworkManager/system-connections"
SCRIPT = "/etc/NetworkManager/dispatcher.d/50-asymgen"
WORKING = [case for case in CASES if not case.expect["nothing_to_do"]]
OTHER_MAIN = {
    "blackhole-bogons": "NetworkManager sets the subnet's route, which this host's main lacks",
}
NOT_HERE = {"carrier-lost": "NetworkManager takes addresses away from a link that has lost its carrier"}


@dataclass(frozen=True)
class Managed:
    """A case whose uplinks NetworkManager brings up, and what asymgen makes of it."""

    case: Case
    detection: Detection

    @property
    def interfaces(self) -> list[str]:
        return sorted({uplink.interface for uplink in self.detection.plan.uplinks})

    def profiles(self) -> dict[str, str]:
        """What the administrator wrote."""
        snapshot = self.case.snapshot
        return {name: text for one in self.by_profile for name, text in keyfiles(snapshot, one).items()}

    def write_files(self, root: Path) -> None:
        """What asymgen adds."""
        for file in self.detection.files:
            path = root / file.path.relative_to("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(file.text, encoding="utf-8", errors="surrogateescape")
            path.chmod(file.mode)

    @property
    def by_profile(self) -> list[str]:
        """No profile names a peer: such an interface is somebody else's (pppd's), and NetworkManager tells of it."""
        entries = {entry["ifname"]: entry["addr_info"] for entry in self.case.snapshot["addrs"]}
        return [name for name in self.interfaces if not any("address" in one for one in entries[name])]

    def forget(self, host: Namespace) -> None:
        """As after a boot: what NetworkManager is to configure is not there yet."""
        for interface in self.by_profile:
            if ports_of(self.case.snapshot, interface):
                host.ip("link", "del", interface)  # NetworkManager makes the bridge
                continue
            host.ip("link", "set", interface, "down")
            host.ip("addr", "flush", "dev", interface)
            for version in ("-4", "-6"):
                host.ip(version, "route", "flush", "table", "all", "dev", interface, check=False)

    def bring_back(self, host: Namespace) -> None:
        """What other tools put there when the links are up: tables of their own, routes with several legs."""
        names = table_numbers(self.case.snapshot)
        for family in (4, 6):
            routes = [route for route in self.case.snapshot[f"routes{family}"] if self._is_foreign(route)]
            routes.sort(key=lambda route: "gateway" in route)  # what a gateway needs comes first
            host.batch("\n".join(f"route append {route_words(route, names)}" for route in routes), family=family)

    def _is_foreign(self, route: dict[str, Any]) -> bool:
        legs = {route.get("dev"), *(hop.get("dev") for hop in route.get("nexthops", ()))}
        elsewhere = route.get("table", "main") not in ("main", "local") or "nexthops" in route
        return bool(legs & set(self.interfaces)) and elsewhere and route.get("protocol") != "kernel"


def managed(case: Case) -> Managed:
    """``case`` as if NetworkManager brought its uplinks up, each by a profile that names addresses and gateways."""
    host, choices = parse_host(case.snapshot), choices_of(case)
    interfaces = {
        name: ManagedInterface("NetworkManager", f"{PROFILES}/{name}.nmconnection", gateways(host, name))
        for name in {uplink.interface for uplink in plan(host, choices).uplinks}
    }
    managers = Managers("", {"NetworkManager": "1.42.4"}, frozenset({"NetworkManager"}), interfaces)
    detection = detect(replace(host, managers=managers), choices, Kept())
    assert [use.name for use in detection.backends] == ["networkmanager"]
    return Managed(case, detection)


@contextmanager
def configured(made: Managed, folder: Path, packages: Path) -> Iterator[NetworkManager]:
    """The case's host after a boot with our script."""
    with loaded_host(made.case.snapshot) as host:
        before = live_host(host)
        made.write_files(folder)
        made.forget(host)
        profiles = made.profiles()
        with networkmanager(host, folder, packages, only=sorted({*profiles, *made.interfaces})) as daemon:
            for name, text in profiles.items():
                daemon.profile(name, text)
            daemon.start()
            wait_until_held(daemon, before, made.detection)
            yield daemon


def wait_until_held(daemon: NetworkManager, before: Host, detection: Detection) -> None:
    deadline = time.monotonic() + 20
    while found := not_as_wanted(daemon.host, before, detection):
        assert time.monotonic() < deadline, "\n".join([*found, daemon.run("nmcli"), daemon.log])
        time.sleep(0.1)


def asks_of(case: Case) -> list[dict[str, Any]]:
    """What is unbound goes by ``main``, which is NetworkManager's here."""
    asks: list[dict[str, Any]] = case.expect["asks"]
    shared = any("one-subnet" in shape for shape in case.expect["shapes"])
    return [ask for ask in asks if ask["source"]] if shared or case.name in OTHER_MAIN else asks


@pytest.mark.parametrize("case", [case for case in WORKING if case.name not in NOT_HERE], ids=str)
def test_daemon_brings_what_lowering_says(case: Case, tmp_path: Path, networkmanager_packages: Path) -> None:
    made = managed(case)
    with configured(made, tmp_path, networkmanager_packages) as daemon:
        made.bring_back(daemon.host)
        assert daemon.run(SCRIPT, "status") == "asymgen: everything planned is in the kernel\n"
        assert wrong_answers(daemon.host, asks_of(case)) == []
        for later in case.expect["later"]:
            daemon.host.run("sh", "-ec", "\n".join(later["commands"]))
            assert wrong_answers(daemon.host, [ask for ask in later["asks"] if ask["source"]]) == [], later["title"]
        daemon.run(SCRIPT, "stop")
        assert [line for line in everything(daemon.host) if "proto 97" in line] == []


def test_carrier_lost_is_rightly_left_out(tmp_path: Path, networkmanager_packages: Path) -> None:
    """NetworkManager does not bring up a link without carrier, whatever its profile says."""
    assert {*NOT_HERE, *OTHER_MAIN} <= {case.name for case in WORKING}
    [case] = [case for case in WORKING if case.name in NOT_HERE]
    made = managed(case)
    [lost] = [name for name in made.interfaces if _has_no_carrier(case, name)]
    with loaded_host(case.snapshot) as host:
        made.forget(host)
        with networkmanager(host, tmp_path, networkmanager_packages, only=made.interfaces) as daemon:
            for name, text in made.profiles().items():
                daemon.profile(name, text)
            daemon.start()
            states = dict(line.split(":") for line in daemon.run("nmcli", "-t", "-f", "DEVICE,STATE", "dev").split())
            assert states[lost] == "unavailable"
            assert host.ip("-4", "address", "show", "dev", lost) == ""


def _has_no_carrier(case: Case, interface: str) -> bool:
    return any(link["ifname"] == interface and "LOWER_UP" not in link["flags"] for link in case.snapshot["links"])
