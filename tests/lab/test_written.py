"""What ``detect --write`` leaves does its work at the next boot: written into the image of a machine that is off, and
written by asymgen from its own .deb on the running machine. Nothing is activated by hand."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from asymgen.snapshot_script import snapshot_script
from tests.command_line import asymgen
from tests.lab.life import Life
from tests.lab.machine import Machine, wait_for
from tests.lab.rows import RA, Boot, chosen, configuration, wait_for_addresses
from tests.source_tree import copy_of_checkout

pytestmark = [pytest.mark.netns, pytest.mark.lab]

EVERY_ROW = (
    Boot("bookworm", "ifupdown", "ifupdown"),
    Boot("bookworm", "NetworkManager", "networkmanager", in_ci=False),
    Boot("bookworm", "networkd", "systemd-networkd", in_ci=False),
    Boot("bookworm", "ifupdown", "sysv", in_ci=False),
    Boot("bookworm-sysvinit", "ifupdown", "sysv"),
)
# Addresses that only asymgen-watch hears of: its unit has to start in an image, too.
EVERY_IMAGE = (*EVERY_ROW, Boot("bookworm", "NetworkManager", "networkmanager", RA, in_ci=False))


@pytest.fixture
def row(request: pytest.FixtureRequest) -> Boot:
    made: Boot = request.param
    return made


def choices(row: Boot) -> tuple[str, ...]:
    return (*configuration(row).choices, "--backend", row.backend)


def enabling(said: str, start: str) -> list[str]:
    """The commands that have to be typed once, as they were printed: sysvinit takes no file for a wish."""
    return [line.strip() for line in said.splitlines() if line.lstrip().startswith(start)]


@pytest.mark.parametrize("row", chosen(EVERY_IMAGE), ids=str, indirect=True)
def test_an_image_is_right_from_its_first_boot(server: Machine, row: Boot, tmp_path: Path) -> None:
    wait_for_addresses(server, configuration(row).addresses)
    snapshot = tmp_path / "machine.json"
    snapshot.write_text(server.run("sh", stdin=snapshot_script()).stdout)
    server.pull_the_plug()
    written = asymgen("detect", "--snapshot", str(snapshot), "--root", str(server.root), "--write", *choices(row))
    assert written.returncode == 0, written.stderr
    for line in enabling(written.stdout, "chroot "):
        subprocess.run(["sh", "-ec", line], check=True)
    server.boot()
    _prove_from_the_boot_on(server, row, "image, first boot")


@pytest.mark.parametrize("row", chosen(EVERY_ROW), ids=str, indirect=True)
def test_written_by_asymgens_own_package(server: Machine, row: Boot, own_deb: Path) -> None:
    life = Life(server, row)
    wait_for_addresses(server, life.addresses)
    wait_for(life.is_dead, "negative control: without asymgen the second uplink must not answer")
    (server.root / "root" / own_deb.name).write_bytes(own_deb.read_bytes())
    server.run("dpkg", "--install", f"/root/{own_deb.name}")
    said = server.run("asymgen", "detect", "--write", *choices(row)).stdout
    assert "create" in said
    for line in enabling(said, "update-rc.d "):
        server.run("sh", "-ec", line)
    server.run("dpkg", "--purge", "asymgen")  # what it wrote needs neither it nor Python
    for _ in range(2):
        server.reboot()
        _prove_from_the_boot_on(server, row, "own .deb, reboot")


def _prove_from_the_boot_on(server: Machine, row: Boot, event: str) -> None:
    life = Life(server, row)
    wait_for_addresses(server, life.addresses)
    life.prove(event, part="written")


@pytest.fixture(scope="session")
def own_deb(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built as ``make deb`` does."""
    copy = copy_of_checkout(tmp_path_factory.mktemp("own") / "tree")
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(copy.parent), "LC_ALL": "C.UTF-8"}
    top = " ".join(sorted(path.name for path in copy.iterdir()))
    argv = ["make", "deb", f"TRACKED=printf '%s\\n' {top}"]
    done = subprocess.run(argv, cwd=copy, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    [made] = (copy / "dist").glob("*.deb")
    return made
