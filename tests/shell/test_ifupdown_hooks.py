"""The hooks, called with the environments that ifupdown, ifupdown2 and ifupdown-ng call them with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from asymgen.model import Placement
from tests.shell.lab import Lab, lab
from tests.states import TWO_SUBNETS, kernel_state

pytestmark = pytest.mark.netns

UP = "etc/network/if-up.d/asymgen"
DOWN = "etc/network/if-post-down.d/asymgen"
# As recorded from the three programs.
IFUPDOWN = {"ADDRFAM": "inet", "METHOD": "static", "MODE": "start", "PHASE": "post-up"}
IFUPDOWN_NG = {"MODE": "start", "PHASE": "up"}
IFUPDOWN2 = {"ADDRFAM": "inet,inet6", "MODE": "start", "PHASE": "up"}


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Lab]:
    with lab(tmp_path, TWO_SUBNETS) as built:
        built.write(kernel_state(TWO_SUBNETS), backend="ifupdown")
        yield built


def _event(host: Lab, script: str, interface: str, **environment: str) -> str:
    """Run a hook for an event; it must never fail. Returns what it said."""
    result = host.run(script=script, IFACE=interface, **environment)
    assert (result.returncode, result.stdout) == (0, "")
    return result.stderr


@pytest.mark.parametrize("environment", [IFUPDOWN, IFUPDOWN_NG, IFUPDOWN2], ids=["ifupdown", "ng", "2"])
def test_each_interface_brings_its_own(host: Lab, environment: dict[str, str]) -> None:
    assert _event(host, UP, "eth1", **environment) == ""
    assert {rule.split(":")[0] for rule in host.rules(4)} == {"32011", "32012", "32013"}
    assert {rule.split(":")[0] for rule in host.rules(6)} == {"32011", "32012", "32013"}
    assert _event(host, UP, "eth0", **environment) == ""
    assert host.run("status", script=UP).returncode == 0


def test_once_per_stanza(host: Lab) -> None:
    """inet comes up first: nothing is said of inet6 and nothing added for it; the inet6 stanza does it."""
    host.namespace.ip("-6", "address", "flush", "dev", "eth1")
    assert _event(host, UP, "eth1", **IFUPDOWN) == ""
    assert (len(host.rules(4)), host.rules(6)) == (3, [])
    host.up("eth1")
    assert _event(host, UP, "eth1", **{**IFUPDOWN, "ADDRFAM": "inet6"}) == ""
    assert (len(host.rules(4)), len(host.rules(6))) == (3, 3)
    assert _event(host, UP, "eth1", **{**IFUPDOWN, "ADDRFAM": "inet6"}) == ""
    assert (len(host.rules(4)), len(host.rules(6))) == (3, 3)


def test_label_counts_as_its_interface(host: Lab) -> None:
    _event(host, UP, "eth1:0", **IFUPDOWN)
    assert len(host.rules(4)) == 3


@pytest.mark.parametrize("interface", ["lo", "docker0", "eth10", "eth1x", "eth[01]", "*"])
def test_interfaces_of_no_concern(host: Lab, interface: str) -> None:
    before = host.dump()
    assert _event(host, UP, interface, **IFUPDOWN) == ""
    assert _event(host, DOWN, interface, **IFUPDOWN) == ""
    assert host.dump() == before


def test_all(host: Lab) -> None:
    """``ifup --all`` ends with one call for all; ``ifdown --all`` with one that has nothing left to do."""
    meta = {"ADDRFAM": "meta", "METHOD": "none"}
    assert _event(host, UP, "--all", **meta, MODE="start", PHASE="post-up") == ""
    assert host.run("status", script=UP).returncode == 0
    before = host.dump()
    assert _event(host, DOWN, "--all", **meta, MODE="stop", PHASE="post-down") == ""
    assert host.dump() == before


def test_down_takes_away_what_the_interface_lost(host: Lab) -> None:
    assert _event(host, UP, "--all", ADDRFAM="meta") == ""
    host.down("eth1")
    assert _event(host, DOWN, "eth1", **{**IFUPDOWN, "MODE": "stop", "PHASE": "post-down"}) == ""
    assert not [rule for rule in (*host.rules(4), *host.rules(6)) if rule.startswith("3201")]
    assert len(host.rules(4)) == len(host.rules(6)) == 3


def test_failure_is_said_and_aborts_nothing(host: Lab) -> None:
    said = _event(host, UP, "eth1", **IFUPDOWN, ASYMGEN_IP="/bin/false")
    assert "cannot read the IPv4 rules" in said
    broken = host.folder / "broken-ip"
    broken.write_text(
        '#!/bin/sh\nlines=$(cat)\ncase $lines in *" add "*) echo refused; exit 1 ;; esac\necho "$lines" | ip "$@"\n'
    )
    broken.chmod(0o755)
    said = _event(host, UP, "eth1", **IFUPDOWN, ASYMGEN_IP=str(broken))
    assert "cannot read the IPv4 rules and routes again: refused" in said
    assert "refused" in said
    assert '"/etc/network/if-up.d/asymgen status" tells what is missing' in said


def test_packaged_hooks(host: Lab) -> None:
    """In a package the hooks are small and call a script in /usr/libexec; without it, or elsewhere, nothing is done."""
    root = host.write(kernel_state(TWO_SUBNETS), backend="ifupdown", placement=Placement.VENDOR)
    up = f"{UP}-config"
    before = host.dump()
    assert _event(host, up, "eth1", **IFUPDOWN) == ""
    assert host.dump() == before
    # As on the host, /usr/libexec/asymgen is there: bound in a mount namespace of its own.
    inside = (
        f"mount -t tmpfs none /mnt && mkdir -p /mnt/upper /mnt/work /usr/libexec"
        f" && mount -t overlay -o lowerdir=/usr/libexec,upperdir=/mnt/upper,workdir=/mnt/work none /usr/libexec"
        f" && cp -r {root}/usr/libexec/asymgen /usr/libexec/"
        f' && IFACE=eth1 ASYMGEN_THIS_HOST=false {root}/{up} 2>/dev/null && [ -z "$(ip rule show | grep proto.97)" ]'
        f" && IFACE=eth1 {root}/{up} && {root}/{up} status"
    )
    argv = ("unshare", "--mount", *host.environment(ASYMGEN_THIS_HOST="true"), "sh", "-c", inside)
    result = host.namespace.run(*argv, check=False)
    assert result.returncode == 3  # status: eth0 had no event yet
    assert (len(host.rules(4)), len(host.rules(6))) == (3, 3)
