"""``asymgen commands | sh``: the plain commands in a kernel, twice, undone, and with one that fails."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from asymgen.commands_text import commands_script, ip_commands
from asymgen.model import KernelState
from tests.shell.lab import Lab, lab
from tests.states import TWO_SUBNETS, Wire, kernel_state, renamed, with_extras

pytestmark = pytest.mark.netns

STATE = with_extras(kernel_state(TWO_SUBNETS, mtu=1400))


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Lab]:
    with lab(tmp_path, TWO_SUBNETS, state=STATE) as built:
        yield built


def _pipe(
    host: Lab, state: KernelState, *, undo: bool = False, protocol: bool = True
) -> subprocess.CompletedProcess[str]:
    return host.namespace.run("sh", input=commands_script(state, undo=undo, protocol=protocol), check=False)


@pytest.mark.parametrize("protocol", [True, False], ids=["protocol", "no protocol"])
def test_twice_and_undone_twice(host: Lab, protocol: bool) -> None:  # noqa: FBT001 - a parameter of the test
    before = host.dump()
    for _ in range(2):
        done = _pipe(host, STATE, protocol=protocol)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    rules = host.namespace.ip("-N", "-4", "rule", "show").splitlines()
    assert len(rules) - 3 == len([rule for rule in STATE.rules if rule.family == 4])
    if protocol:
        assert host.run("status").returncode == 0
    for _ in range(2):
        undone = _pipe(host, STATE, undo=True, protocol=protocol)
        assert (undone.returncode, undone.stdout, undone.stderr) == (0, "", "")
    assert host.dump() == before


def test_script_and_commands_agree(host: Lab) -> None:
    assert _pipe(host, STATE).returncode == 0
    by_commands = host.dump()
    assert host.run("stop").returncode == 0
    assert host.run("start").returncode == 0
    assert host.dump() == by_commands


def test_failure_is_told_at_the_end(host: Lab) -> None:
    state = kernel_state((TWO_SUBNETS[0], Wire("eth1", "198.51.100.10/24", "203.0.113.1")))
    done = _pipe(host, state)
    assert done.returncode == 1
    assert done.stderr.startswith("failed: ip -4 route replace default via 203.0.113.1 dev eth1 table 2 proto 97: ")
    assert done.stderr.count("failed:") == 1
    assert len(host.rules(4)) == len(state.rules)


@pytest.mark.parametrize("name", ["#1", "'q'", "a;reboot", "$(id)", "-rf"])
def test_hostile_name(tmp_path: Path, name: str) -> None:
    """Here a shell quotes, so even names that ``ip -batch`` cannot carry are carried."""
    wires = renamed(TWO_SUBNETS, eth1=name)
    with lab(tmp_path, wires, state=kernel_state(TWO_SUBNETS)) as built:
        before = built.dump()
        assert _pipe(built, kernel_state(wires)).returncode == 0
        answer = built.namespace.route_get(4, "203.0.113.9", "198.51.100.10")
        assert answer is not None
        assert answer["dev"] == name
        assert _pipe(built, kernel_state(wires), undo=True).returncode == 0
        assert built.dump() == before


def test_lines_can_be_pasted(host: Lab) -> None:
    host.namespace.run("sh", "-e", input="\n".join(ip_commands(STATE)))
    by_lines = [host.rules(family) for family in (4, 6)]
    assert host.run("start").returncode == 0
    assert [host.rules(family) for family in (4, 6)] == by_lines
