"""What needs a kernel and udev of its own: names by .link files, allow-hotplug, a VLAN, a bond, a VRF, real WireGuard.

Not in CI: ``make lab-vm``.
"""

from __future__ import annotations

import base64
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from asymgen.backends import BACKENDS, watcher
from asymgen.cli.inputs import read_host
from asymgen.snapshot_script import snapshot_script
from tests.command_line import asymgen
from tests.lab.configured import wires
from tests.lab.life import Life
from tests.lab.machine import wait_for
from tests.lab.proof import own_rules
from tests.lab.roots import SYSTEMS
from tests.lab.rows import STATIC, THREE, Boot
from tests.lab.virtual_machine import VirtualMachine, virtual_machine
from tests.lab.world import world

pytestmark = [pytest.mark.netns, pytest.mark.vm]

ROW = Boot("bookworm-vm", "ifupdown", "ifupdown", THREE, ahead=True)
SECOND, THIRD = "trunk0.20", "bond0"
CHOICES = (
    "--gateway", f"{SECOND}=198.51.100.1", "--gateway", f"{SECOND}=2001:db8:b::1",
    "--gateway", f"{THIRD}=198.18.1.1", "--gateway", f"{THIRD}=2001:db8:d::1", "--backend", "ifupdown", "--ahead",
)  # fmt: skip
WIREGUARD = """\
umask 077
printf '%s\\n' '[Interface]' 'Address = 10.8.0.2/32, fd00:8::2/128' "PrivateKey = $(wg genkey)" '[Peer]' \
    "PublicKey = $(wg genkey | wg pubkey)" 'AllowedIPs = 0.0.0.0/0, ::/0' 'Endpoint = 203.0.113.7:51820' \
    >/etc/wireguard/wg0.conf
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[VirtualMachine]:
    with world(STATIC, tmp_path) as around, virtual_machine(SYSTEMS[ROW.system], around, tmp_path) as made:
        made.boot()
        yield made


def write(server: VirtualMachine, folder: Path) -> None:
    """Into a folder here, and from there into the machine."""
    snapshot, root = folder / "machine.json", folder / "written"
    snapshot.write_text(server.run("sh", stdin=snapshot_script()).stdout)
    root.mkdir()
    done = asymgen("detect", "--snapshot", str(snapshot), "--root", str(root), "--write", *CHOICES)
    assert done.returncode == 0, done.stderr
    assert "inner0" not in done.stdout.split("uplinks", 1)[-1].split("\n\n", 1)[0]
    packed = subprocess.run(["tar", "-C", str(root), "-cz", "."], check=True, capture_output=True).stdout
    server.run("sh", "-c", "base64 -d | tar -xz -C /", stdin=base64.b64encode(packed).decode())
    host = read_host(str(snapshot), None)
    for command in (*BACKENDS["ifupdown"].activation(host), *watcher.restart(host)):
        server.run(*command.argv)


def in_vrf(server: VirtualMachine) -> tuple[str, str]:
    """The VRF's own rules, and the way that its default takes."""
    rules = [rule for rule in server.host.ip("rule").splitlines() if "l3mdev" in rule]
    return rules[0], server.host.ip("route", "get", "203.0.113.100", "vrf", "blue")


def test_a_life_with_udev(server: VirtualMachine, tmp_path: Path) -> None:
    life = Life(server, ROW, second=wires(THREE)[1].addresses + wires(THREE)[2].addresses)
    wait_until_there(life)
    wait_for(life.is_dead, "negative control: without asymgen the other uplinks must not answer")
    vrf = in_vrf(server)
    write(server, tmp_path)
    life.prove("activated", part="vm")
    rules = own_rules(server)

    server.run("sh", "-c", f"ifdown {SECOND} && ifup {SECOND}")
    life.prove("VLAN down and up", part="vm")
    server.set_carrier(2, "off")
    wait_for(lambda: "NO-CARRIER" in server.host.ip("link", "show", "leg0"), "the leg has its carrier still")
    life.prove("bond loses a leg", part="vm")
    server.set_carrier(2, "on")
    server.pull_card(0)
    wait_for(lambda: "wan0" not in server.host.ip("link"), "the card is still there", seconds=60)
    server.put_card(0)
    wait_until_there(life)
    life.prove("card pulled and back (allow-hotplug)", part="vm")
    wait_for(lambda: own_rules(server) == rules, "other rules than before")

    server.run("sh", "-c", WIREGUARD)
    server.run("wg-quick", "up", "wg0")
    life.prove("real WireGuard, wg-quick up", part="vm", unbound=False)
    server.run("wg-quick", "down", "wg0")
    life.prove("down", part="vm")

    assert in_vrf(server) == vrf
    server.reboot()
    wait_until_there(life)
    life.prove("reboot", part="vm")
    assert in_vrf(server)[1].split("uid")[0] == vrf[1].split("uid")[0]
    life.note("VRF", outcome="left alone", part="vm")


def wait_until_there(life: Life) -> None:
    """All addresses, and the default routes of main and of the VRF."""
    host = life.server.host

    def are_there() -> bool:
        shown = host.ip("-o", "addr", "show", "scope", "global")
        defaults = [host.ip("route", "show", "table", table, check=False) for table in ("main", "100")]
        return all(f" {address}/" in shown for address in life.addresses) and all(
            "default" in each for each in defaults
        )

    wait_for(are_there, "no addresses", seconds=180)
