"""Every backend's script on every case, in a namespace that holds the host: the kernel is asked.

The script is the very file that ``detect --write`` would write. It is run as the system would run it, run
again, run four times at once; each uplink goes down and up; it is stopped, and nothing is left.
"""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from asymgen.detection import detect
from asymgen.model import Kept
from asymgen.parse import parse_host
from tests.case_files import CASES, Case, choices_of
from tests.host_loader import address_words, differences, loaded_host, route_words, table_numbers
from tests.live_state import live_host, not_as_wanted
from tests.namespaces import Namespace
from tests.netns.test_cases import wrong_answers

pytestmark = pytest.mark.netns

SCRIPTS = {
    "ifupdown": "/etc/network/if-up.d/asymgen",
    "networkmanager": "/etc/NetworkManager/dispatcher.d/50-asymgen",
    "sysv": "/etc/init.d/asymgen",
}
WORKING = [case for case in CASES if not case.expect["nothing_to_do"]]


class Script:
    """One backend's script for one case, run inside the host's namespace."""

    def __init__(self, case: Case, backend: str, folder: Path) -> None:
        choices = replace(choices_of(case), backends={"": backend})
        self.detection = detection = detect(parse_host(case.snapshot), choices, Kept())
        self.interfaces = sorted({uplink.interface for uplink in detection.plan.uplinks})
        self.addresses = {str(address.address) for uplink in detection.plan.uplinks for address in uplink.addresses}
        self.path = folder / "asymgen"
        text = next(file.text for file in detection.files if str(file.path) == SCRIPTS[backend])
        self.path.write_text(text, encoding="utf-8", errors="surrogateescape")
        self.environment = f"ASYMGEN_LOCK={folder / 'lock'}"

    def run(self, host: Namespace, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return host.run("env", self.environment, "sh", str(self.path), *words, check=check)

    def start_four_times_at_once(self, host: Namespace) -> None:
        running = [
            host.start("env", self.environment, "sh", str(self.path), "start", stderr=subprocess.PIPE) for _ in range(4)
        ]
        errors = [process.communicate()[1] for process in running]
        assert [process.returncode for process in running] == [0, 0, 0, 0], errors


def everything(host: Namespace) -> list[str]:
    """Rules, routes and device groups, comparable."""
    lines = [line for version in ("-4", "-6") for line in host.ip(version, "-N", "rule").splitlines()]
    tables = [host.ip(version, "-N", "route", "show", "table", "all") for version in ("-4", "-6")]
    routes = [line for table in tables for line in table.splitlines()]
    groups = [f"{link['ifname']} {link['group']}" for link in host.json("link")]
    return [*lines, *sorted(_steady(line) for line in routes), *groups]


def _steady(line: str) -> str:
    """Without the seconds that a route from a router advertisement still has."""
    words = line.split()
    return " ".join(word for place, word in enumerate(words) if "expires" not in (word, words[place - 1]))


def flap(host: Namespace, case: Case, interface: str) -> None:
    """Down and up, and then what the interface's manager does: addresses and routes as they were."""
    host.ip("link", "set", interface, "down")
    host.ip("link", "set", interface, "up")
    [entry] = [entry for entry in case.snapshot["addrs"] if entry["ifname"] == interface]
    lines = [f"addr add {address_words(address)} dev {interface}" for address in entry["addr_info"]]
    _force(host, 0, "\n".join(lines))
    names = table_numbers(case.snapshot)
    for family in (4, 6):
        mine = [route for route in case.snapshot[f"routes{family}"] if _leads_through(route, interface)]
        mine.sort(key=lambda route: "gateway" in route)  # what a gateway needs comes first
        _force(host, family, "\n".join(f"route append {route_words(route, names)}" for route in mine))


def _leads_through(route: dict[str, Any], interface: str) -> bool:
    by_hand = route.get("protocol") != "kernel" and route.get("type", "unicast") == "unicast"
    return by_hand and interface in (route.get("dev"), *(hop.get("dev") for hop in route.get("nexthops", ())))


def _force(host: Namespace, family: int, lines: str) -> None:
    version = [f"-{family}"] if family else []
    host.run("ip", *version, "-force", "-batch", "-", input=lines, check=False)


@pytest.mark.parametrize("backend", SCRIPTS)
@pytest.mark.parametrize("case", WORKING, ids=str)
def test_script_keeps_the_promise(case: Case, backend: str, tmp_path: Path) -> None:
    with loaded_host(case.snapshot) as host:
        before = everything(host)
        script = Script(case, backend, tmp_path)
        unplanned = live_host(host)
        script.run(host, "start")
        once = everything(host)
        assert not_as_wanted(host, unplanned, script.detection) == []
        assert wrong_answers(host, case.expect["asks"]) == []
        script.start_four_times_at_once(host)
        assert everything(host) == once, "running it again changed something"
        assert script.run(host, "status").returncode == 0
        script.run(host, "stop")
        assert script.run(host, "status", check=False).returncode == 3
        assert everything(host) == before, "something is left, or something of others is gone"
        assert differences(host, case.snapshot) == []


@pytest.mark.parametrize("case", WORKING, ids=str)
def test_promise_holds_when_uplinks_flap_and_networks_appear(case: Case, tmp_path: Path) -> None:
    """One backend stands for both: the events reach the same functions of the same script."""
    with loaded_host(case.snapshot) as host:
        script = Script(case, "ifupdown", tmp_path)
        script.run(host, "start")
        for interface in script.interfaces:
            flap(host, case, interface)
            script.run(host, "follow", interface)
        assert script.run(host, "status", check=False).returncode == 0
        # What is unbound, or comes from a non-uplink, is up to the manager that brings the routes back.
        ours = [ask for ask in case.expect["asks"] if ask["source"] in script.addresses]
        assert wrong_answers(host, ours) == []
        for later in case.expect["later"]:
            host.run("sh", "-ec", "\n".join(later["commands"]))
            assert wrong_answers(host, [ask for ask in later["asks"] if ask["source"]]) == [], later["title"]
        script.run(host, "stop")
        assert [line for line in everything(host) if " proto 97" in line] == []
