"""Real systems, booted by their real init: written by ``detect --write``, proven, rebooted, proven again.

The snapshot is taken on the machine by the plain sh script, as of a server without asymgen.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from asymgen.backends import BACKENDS
from asymgen.cli.inputs import read_host
from asymgen.snapshot_script import snapshot_script
from tests.command_line import asymgen
from tests.lab.configured import Configuration
from tests.lab.machine import Machine, machine, wait_for
from tests.lab.roots import SYSTEMS
from tests.lab.world import World, dhcp, world
from tests.packet_lab import PREFIXES

pytestmark = [pytest.mark.netns, pytest.mark.lab]


@dataclass(frozen=True)
class Boot:
    """A row of the table: which system, whose network, by which backend."""

    system: str
    manager: str
    backend: str
    by_dhcp: bool = False

    def __str__(self) -> str:
        return f"{self.system}-{self.backend}-{'dhcp' if self.by_dhcp else 'static'}"


ROWS = (
    Boot("bookworm", "ifupdown", "ifupdown"),
    Boot("bookworm", "ifupdown", "ifupdown", by_dhcp=True),
    Boot("bookworm", "NetworkManager", "networkmanager"),
    Boot("bookworm", "NetworkManager", "networkmanager", by_dhcp=True),
    Boot("bookworm", "networkd", "systemd-networkd"),
    Boot("bookworm", "networkd", "systemd-networkd", by_dhcp=True),
    Boot("bookworm", "ifupdown", "sysv"),  # under systemd: the native unit
    Boot("bookworm-sysvinit", "ifupdown", "sysv"),
    Boot("bookworm-sysvinit", "ifupdown", "ifupdown", by_dhcp=True),
)


@pytest.fixture(params=ROWS, ids=str)
def row(request: pytest.FixtureRequest) -> Boot:
    made: Boot = request.param
    return made


@pytest.fixture
def around(row: Boot, tmp_path: Path) -> Iterator[World]:
    with ExitStack() as stack:
        made = stack.enter_context(world())
        if row.by_dhcp:
            for place, gateway in enumerate(made.gateways):
                stack.enter_context(dhcp(gateway, tmp_path, place, address=f"{PREFIXES[place][0]}.50"))
        yield made


def configuration(row: Boot) -> Configuration:
    return Configuration(row.manager, by_dhcp=row.by_dhcp)


@pytest.fixture
def server(row: Boot, around: World, tmp_path: Path) -> Iterator[Machine]:
    system = SYSTEMS[row.system]
    with machine(system, around, tmp_path / "machine") as made:
        configuration(row).write(made.root, is_systemd=system.is_systemd)
        made.boot()
        yield made


def has_addresses(server: Machine, addresses: tuple[str, ...]) -> bool:
    shown = {
        entry["local"]: entry for link in server.host.json("addr") for entry in link.get("addr_info", ()) if "local" in entry
    }
    return all(address in shown and not shown[address].get("tentative") for address in addresses)


def wait_for_addresses(server: Machine, addresses: tuple[str, ...]) -> None:
    wait_for(lambda: has_addresses(server, addresses), f"no {addresses}: {server.host.ip('addr')}\n{server.log}", seconds=60)


def write(server: Machine, row: Boot, folder: Path) -> None:
    """``detect --write`` for the running machine, from its own snapshot."""
    snapshot = folder / "machine.json"
    snapshot.write_text(server.run("sh", stdin=snapshot_script()).stdout)
    assert json.loads(snapshot.read_text())["notes"] == []
    written = asymgen(
        "detect", "--snapshot", str(snapshot), "--root", str(server.root), "--write", *configuration(row).choices,
        "--backend", row.backend,
    )  # fmt: skip
    assert written.returncode == 0, written.stderr


def activate(server: Machine, row: Boot, folder: Path) -> None:
    """The commands that ``detect --write`` names as next, typed on the machine."""
    host = read_host(str(folder / "machine.json"), None)
    for command in BACKENDS[row.backend].activation(host):
        server.run(*command.argv)


def prove(server: Machine, addresses: tuple[str, ...], *, seconds: float = 30) -> None:
    """Ping and TCP to every address; nothing reaches a provider with a source that is not its own."""
    deadline = time.monotonic() + seconds
    while True:
        server.lab.reset()
        silent = [address for address in addresses if not (server.lab.pings(address) and server.lab.connects(address))]
        if not silent and server.lab.wrong() == 0:
            return
        state = "\n".join(server.host.ip(*words) for words in (("addr",), ("rule",), ("-6", "rule"), ("route", "show", "table", "all")))
        assert time.monotonic() < deadline, f"no answer from {silent}, {server.lab.wrong()} wrong\n{state}\n{server.log}"
        time.sleep(0.2)


def test_answers_after_a_reboot(server: Machine, row: Boot, tmp_path: Path) -> None:
    wanted = configuration(row)
    wait_for_addresses(server, wanted.addresses)
    assert not any(server.lab.pings(address) for address in wanted.second), "negative control: dead without asymgen"
    write(server, row, tmp_path)
    activate(server, row, tmp_path)
    prove(server, wanted.addresses)
    server.reboot()
    prove(server, wanted.addresses)
    for version in ("-4", "-6"):
        server.host.ip(version, "rule", "flush", "protocol", "97")
        server.host.ip(version, "rule", "flush", "protocol", "static")
    assert not any(server.lab.pings(address) for address in wanted.second), "negative control: the rules did it"
    server.cut_power()
    prove(server, wanted.addresses)
