"""Which systems are booted, and how the files come onto one: the table of the lab."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from asymgen.backends import BACKENDS, watcher
from asymgen.cli.inputs import read_host
from asymgen.snapshot_script import snapshot_script
from tests.command_line import asymgen
from tests.lab.configured import Addressing, Configuration
from tests.lab.events import global_addresses
from tests.lab.machine import Machine, wait_for

STATIC, DHCP, RA, SHARED, THREE, ONLINK = Addressing


@dataclass(frozen=True)
class Boot:
    """A row of the table: which system, whose network, by which backend."""

    system: str
    manager: str
    backend: str
    addressing: Addressing = STATIC
    in_ci: bool = True
    spared: frozenset[str] = frozenset()
    """Events that this system does not survive without asymgen either."""
    ahead: bool = False
    """With the watcher (``--ahead``), and a tunnel by wg-quick."""

    def __str__(self) -> str:
        return f"{self.system}-{self.backend}-{self.addressing.name.lower()}{'-ahead' if self.ahead else ''}"


EVERY_ROW = (
    Boot("bookworm", "ifupdown", "ifupdown"),
    Boot("bookworm", "ifupdown", "ifupdown", DHCP),
    Boot("bookworm", "ifupdown", "ifupdown", RA, in_ci=False),
    Boot("bookworm", "ifupdown", "ifupdown", SHARED, in_ci=False),
    Boot("bookworm", "ifupdown", "ifupdown", ONLINK, in_ci=False),
    Boot("bookworm", "NetworkManager", "networkmanager"),
    Boot("bookworm", "NetworkManager", "networkmanager", DHCP),
    Boot("bookworm", "NetworkManager", "networkmanager", RA, in_ci=False),
    Boot("bookworm", "NetworkManager", "networkmanager", SHARED, in_ci=False),
    Boot("bookworm", "NetworkManager", "networkmanager", ONLINK, in_ci=False),
    Boot("bookworm", "networkd", "systemd-networkd"),
    Boot("bookworm", "networkd", "systemd-networkd", DHCP),
    Boot("bookworm", "networkd", "systemd-networkd", RA, in_ci=False),
    Boot("bookworm", "networkd", "systemd-networkd", SHARED, in_ci=False),
    Boot("bookworm", "networkd", "systemd-networkd", ONLINK, in_ci=False),
    Boot("bookworm", "ifupdown", "sysv"),  # under systemd: the native unit
    Boot("bookworm-sysvinit", "ifupdown", "sysv"),
    Boot("bookworm-sysvinit", "ifupdown", "sysv", SHARED, in_ci=False),
    Boot("bookworm-sysvinit", "ifupdown", "sysv", ONLINK, in_ci=False),
    Boot("bookworm-sysvinit", "ifupdown", "ifupdown", DHCP),
    Boot("bullseye", "networkd", "systemd-networkd", in_ci=False),  # systemd 247: no device groups in its rules
    # networkd 247 gives a link up that goes down while it sets a DHCP route, and keeps rules that its files do not have
    # any more: those of a subnet that the host has left.
    Boot(
        "bullseye", "networkd", "systemd-networkd", DHCP, in_ci=False, spared=frozenset({"twenty flaps", "old rules"})
    ),
    # NetworkManager 1.30 does not hear that a renewal is refused: it moves when the lease ends.
    Boot("bullseye", "NetworkManager", "networkmanager", DHCP, in_ci=False, spared=frozenset({"moves"})),
    Boot("bullseye", "ifupdown", "ifupdown", in_ci=False),
    Boot("trixie", "networkd", "systemd-networkd", in_ci=False),
    Boot("trixie", "networkd", "systemd-networkd", DHCP, in_ci=False),
    Boot("trixie", "NetworkManager", "networkmanager", in_ci=False),
    Boot("trixie", "NetworkManager", "networkmanager", DHCP, in_ci=False),
    Boot("trixie", "ifupdown", "ifupdown", in_ci=False),
    Boot("trixie", "ifupdown", "ifupdown", DHCP, in_ci=False),  # its client is dhcpcd
    Boot("trixie", "ifupdown", "sysv", in_ci=False),
    Boot("trixie-sysvinit", "ifupdown", "sysv", in_ci=False),
    Boot("trixie-sysvinit", "ifupdown", "ifupdown", DHCP, in_ci=False),
    Boot("sid", "networkd", "systemd-networkd", in_ci=False),
    Boot("sid", "NetworkManager", "networkmanager", DHCP, in_ci=False),
    Boot("sid", "ifupdown", "ifupdown", in_ci=False),
    Boot("bookworm-ifupdown2", "ifupdown", "ifupdown", in_ci=False),
    Boot("bookworm-ifupdown2", "ifupdown", "ifupdown", DHCP, in_ci=False),
    Boot("bookworm-ifupdown-ng", "ifupdown", "ifupdown", in_ci=False),
    Boot("bookworm-ifupdown-ng", "ifupdown", "ifupdown", DHCP, in_ci=False),
)

EVERY_AHEAD_ROW = (
    Boot("bookworm", "networkd", "systemd-networkd", ahead=True),
    Boot("bookworm", "NetworkManager", "networkmanager", ahead=True, in_ci=False),
    Boot("bookworm", "ifupdown", "ifupdown", ahead=True, in_ci=False),
    Boot("bookworm-sysvinit", "ifupdown", "ifupdown", ahead=True, in_ci=False),
    Boot("bookworm-sysvinit", "ifupdown", "sysv", ahead=True),
    Boot("trixie", "ifupdown", "sysv", ahead=True, in_ci=False),
)


def chosen(rows: Iterable[Boot]) -> tuple[Boot, ...]:
    """``make lab`` boots them all; CI those that take one root file system or two."""
    return tuple(row for row in rows if row.in_ci or os.environ.get("ASYMGEN_LAB") == "all")


ROWS = chosen(EVERY_ROW)
AHEAD_ROWS = chosen(EVERY_AHEAD_ROW)


def configuration(row: Boot) -> Configuration:
    return Configuration(row.manager, row.addressing)


def has_addresses(server: Machine, addresses: tuple[str, ...]) -> bool:
    interfaces = (f"eth{place}" for place in range(len(server.world.places)))
    return set().union(*(global_addresses(server, interface) for interface in interfaces)) >= set(addresses)


def wait_for_addresses(server: Machine, addresses: tuple[str, ...]) -> None:
    wait_for(lambda: has_addresses(server, addresses), f"no {addresses}\n{server.log}", seconds=60)


def write(server: Machine, row: Boot, folder: Path) -> None:
    """``detect --write`` for the running machine, from its own snapshot."""
    snapshot = folder / "machine.json"
    snapshot.write_text(server.run("sh", stdin=snapshot_script()).stdout)
    assert json.loads(snapshot.read_text())["notes"] == []
    written = asymgen(
        "detect", "--snapshot", str(snapshot), "--root", str(server.root), "--write", *configuration(row).choices,
        "--backend", row.backend, *(["--ahead"] if row.ahead else []),
    )  # fmt: skip
    assert written.returncode == 0, written.stderr


def activate(server: Machine, row: Boot, folder: Path) -> None:
    """The commands that ``detect --write`` names as next, typed on the machine."""
    host = read_host(str(folder / "machine.json"), None)
    is_watched = (server.root / watcher.MARK.relative_to("/")).exists()
    for command in (*BACKENDS[row.backend].activation(host), *(watcher.restart(host) if is_watched else ())):
        server.run(*command.argv)


def run_again(server: Machine) -> None:
    """What ``detect`` says to do after an event that the sysv backend does not hear."""
    by_unit, by_script = ("systemctl", "restart", "asymgen"), ("/etc/init.d/asymgen", "restart")
    server.run(*(by_unit if server.system.is_systemd else by_script))
