"""A package on a machine that is booted by its own init: built from the machine's own snapshot, installed by dpkg."""

from __future__ import annotations

import json
from pathlib import Path

from asymgen.snapshot_script import snapshot_script
from tests.lab.machine import Machine
from tests.lab.rows import Boot, configuration
from tests.packages.built import Result, package

NAME = "asymgen-config-machine"
_SPARED = (
    "/var/lib/dpkg/", "/var/log/", "/var/cache/", "/run/", "/tmp/", "/proc/", "/sys/", "/dev/", "/root/",
    "/var/lib/NetworkManager/", "/var/lib/dhcp/",
)  # fmt: skip


def snapshot_of(server: Machine, place: Path) -> Path:
    place.write_text(server.run("sh", stdin=snapshot_script()).stdout)
    return place


def of_another(snapshot: Path, place: Path) -> Path:
    """The same host with other network cards."""
    text = snapshot.read_text()
    assert "02:00:00:00:00:1" in text
    place.write_text(text.replace("02:00:00:00:00:1", "02:00:00:00:00:f"))
    assert json.loads(place.read_text())
    return place


def build(snapshot: Path, row: Boot, folder: Path, *options: str, told: bool = True) -> Result:
    """``told``: what ``detect`` must be told of the row's second uplink; else it is no uplink."""
    said = configuration(row).choices if told else ("--gateway", "eth1=none")
    choices = (*said, "--backend", row.backend, "--name", NAME)
    return package(snapshot, folder, "--format", "deb", *choices, *options)


def dpkg(server: Machine, *arguments: str) -> str:
    """Run dpkg in the machine with standard input closed; it must succeed, and leave nothing half done."""
    done = server.run("dpkg", *arguments)
    assert server.run("dpkg", "--audit").stdout == ""
    return done.stdout + done.stderr


def install(server: Machine, built: Result) -> str:
    place = server.root / "root" / built.deb.name
    place.write_bytes(built.deb.read_bytes())
    return dpkg(server, "--install", f"/root/{built.deb.name}")


def files_of(server: Machine) -> set[str]:
    """Every file and link of the machine that no log or database is."""
    found = server.run("find", "/etc", "/usr", "/var/lib", "-xdev", "!", "-type", "d").stdout
    return {line for line in found.splitlines() if not line.startswith(_SPARED)}
