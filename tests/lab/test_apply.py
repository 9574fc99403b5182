"""``asymgen apply`` run on booted machines: what nobody confirms goes back, also over a reboot and a power cut."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from asymgen.manifest import MANIFEST_PATH
from tests.lab.configured import STATIC_CHOICES
from tests.lab.machine import Machine, machine, wait_for
from tests.lab.proof import prove
from tests.lab.roots import SYSTEMS
from tests.lab.rows import Boot, configuration, wait_for_addresses
from tests.lab.world import World, world
from tests.source_tree import copy_of_checkout

pytestmark = [pytest.mark.netns, pytest.mark.lab]

ROWS = (
    Boot("bookworm", "networkd", "systemd-networkd"),
    Boot("bookworm", "NetworkManager", "networkmanager"),
    Boot("bookworm-sysvinit", "ifupdown", "ifupdown"),
)
PACKAGES = "usr/local/lib/python3.11/dist-packages"
ASYMGEN = ("python3", "-m", "asymgen")
LOG = "/root/apply.log"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This checkout as pip installs it."""
    folder = tmp_path_factory.mktemp("installed")
    checkout = copy_of_checkout(folder / "checkout")
    argv = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-compile"]
    subprocess.run([*argv, "--target", str(folder / "packages"), str(checkout)], check=True, capture_output=True)
    return folder / "packages"


@pytest.fixture(params=ROWS, ids=str)
def row(request: pytest.FixtureRequest) -> Boot:
    made: Boot = request.param
    return made


@pytest.fixture
def around(row: Boot, tmp_path: Path) -> Iterator[World]:
    with world(row.addressing, tmp_path) as made:
        yield made


@pytest.fixture
def server(row: Boot, around: World, installed: Path, tmp_path: Path) -> Iterator[Machine]:
    system = SYSTEMS[row.system]
    with machine(system, around, tmp_path / "machine") as made:
        configuration(row).write(made.root, is_systemd=system.is_systemd)
        subprocess.run(["cp", "-r", f"{installed}/.", str(made.root / PACKAGES)], check=True)
        made.boot()
        wait_for_addresses(made, configuration(row).addresses)
        yield made


def start_apply(server: Machine, *, seconds: int) -> None:
    """In a session of its own; returns when it waits for its confirmation."""
    words = " ".join((*ASYMGEN, "apply", "--confirm", str(seconds), *STATIC_CHOICES))
    server.run("sh", "-c", f"setsid {words} >{LOG} 2>&1 </dev/null &")
    wait_for(lambda: "goes back by itself" in said(server) or not applying(server), f"no end: {said(server)}")
    assert "goes back by itself" in said(server), said(server)


def said(server: Machine) -> str:
    return server.run("cat", LOG, check=False).stdout


def applying(server: Machine) -> list[str]:
    """Process numbers, seen from inside."""
    return server.run("pgrep", "-f", "asymgen apply", check=False).stdout.split()


def left_behind(server: Machine) -> list[str]:
    """Files that an apply that went back must not leave: nothing of the plan, and no hook. The scripts' lock in /run,
    an empty file, goes with the boot."""
    found = server.run(
        "sh", "-c", "find /etc /run /usr/local -name '*asymgen*' ! -path '*dist-packages*'", check=False
    ).stdout
    return [path for path in found.split() if not path.startswith("/run/systemd/") and path != "/run/asymgen.lock"]


def second_answers(server: Machine, row: Boot) -> bool:
    return all(server.lab.pings(address) for address in configuration(row).second)


def configuration_files(server: Machine) -> list[str]:
    """insserv sorts all scripts anew whenever one comes or goes: their numbers do not count."""
    return sorted(re.sub(r"\b[SK][0-9][0-9]\B", "", server.run("find", "/etc").stdout).splitlines())


def rules(server: Machine) -> str:
    return server.host.ip("rule") + server.host.ip("-6", "rule")


def test_an_apply_and_what_may_come_between(server: Machine, row: Boot) -> None:
    before = rules(server), configuration_files(server)
    dead = not second_answers(server, row)
    assert dead, "negative control: without asymgen the second uplink must not answer"

    start_apply(server, seconds=6)
    assert second_answers(server, row)
    server.run("kill", "-KILL", *applying(server))  # the SSH session is lost, and its shell with it
    wait_for(lambda: rules(server) == before[0], f"it did not go back: {rules(server)}")
    wait_for(lambda: not left_behind(server), f"left behind: {left_behind(server)}")
    assert configuration_files(server) == before[1]

    for end in (server.reboot, server.cut_power):
        start_apply(server, seconds=600)
        assert second_answers(server, row)
        end()
        wait_for_addresses(server, configuration(row).addresses)
        assert not second_answers(server, row), f"after {end.__name__} the old state must be there"
        assert rules(server) == before[0]
        wait_for(lambda: not left_behind(server), f"after {end.__name__}: {left_behind(server)}")

    server.run(*ASYMGEN, "apply", "--yes", *STATIC_CHOICES)
    prove(server, configuration(row).addresses)
    server.reboot()
    wait_for_addresses(server, configuration(row).addresses)
    wait_for(lambda: second_answers(server, row), "what was confirmed must be there after a reboot")
    prove(server, configuration(row).addresses)

    server.run(*ASYMGEN, "revert")
    assert rules(server) == before[0]
    assert server.run("test", "-e", str(MANIFEST_PATH), check=False).returncode == 1
    assert left_behind(server) == []
