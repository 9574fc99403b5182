"""The script and names: of interfaces, which may be anything, and of numbers, which an old ip(8) prints instead."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.shell.lab import Lab, lab
from tests.states import TWO_SUBNETS, kernel_state, renamed, with_extras

pytestmark = pytest.mark.netns

HOSTILE_NAMES = ("a;reboot", "$(id)", "-rf", "x'y\"z", "ünï", "table", "a*b?[c]", "back\\slash", "a@b", "v.100", "up>")


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Lab]:
    with lab(tmp_path, TWO_SUBNETS, state=with_extras(kernel_state(TWO_SUBNETS, mtu=1400))) as built:
        yield built


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_hostile_name_of_an_interface(tmp_path: Path, name: str) -> None:
    (tmp_path / "aXbYc").touch()  # what a*b?[c] matches in the folder where the script runs
    wires = renamed(TWO_SUBNETS, eth1=name)
    state = kernel_state(wires, sysctls=not set(name) & set("*?[]"))
    with lab(tmp_path, wires, state=state) as built:
        before = built.dump()
        first = built.run("start")
        assert (first.returncode, first.stderr) == (0, "")
        assert built.run("status").returncode == 0
        assert built.run("check").returncode == 0
        answer = built.namespace.route_get(4, "203.0.113.9", "198.51.100.10")
        assert answer is not None
        assert answer["dev"] == name
        built.down(name)
        assert built.run("follow", name).returncode == 0
        built.up(name)
        assert built.run("follow", name).returncode == 0
        assert built.run("status").returncode == 0
        assert built.run("stop").returncode == 0
        # The flap moved its multicast route behind the others.
        assert sorted(built.dump().splitlines()) == sorted(before.splitlines())


@pytest.mark.parametrize("name", ["table", "UP", "Error", "dev", "up>"])
def test_names_that_read_like_answers(tmp_path: Path, name: str) -> None:
    """Its address is seen, and what is left out is known, whatever ip(8) says beside them."""
    with lab(tmp_path, renamed(TWO_SUBNETS, eth1=name)) as built:
        assert built.run("start").returncode == 0
        wanted = built.dump()
        built.namespace.ip("rule", "flush", "protocol", "97")
        for table in ("1", "2"):
            built.namespace.ip("route", "flush", "table", table)
        for each in ("eth0", name):
            followed = built.run("follow", each)
            assert (followed.returncode, followed.stderr) == (0, "")
        assert built.dump() == wanted
        # A route of main by our number is shown without its table, and ends with the name.
        built.namespace.ip("route", "add", "203.0.113.0/24", "via", "198.51.100.1", "dev", name, "protocol", "97")
        built.namespace.ip("link", "set", "dev", "eth0", "group", "0")
        assert built.run("start").returncode == 0
        assert built.run("status").returncode == 0
        built.namespace.ip("-4", "address", "flush", "dev", name)
        assert built.run("follow", name).returncode == 0
        assert not [rule for rule in built.rules(4) if "from 198.51.100." in rule]


def test_names_instead_of_numbers(host: Lab) -> None:
    """ip(8) before 5.0 knows no -N and prints names: the script looks them up, and stays idempotent."""
    old = host.folder / "old-ip"
    host.recorder()
    refusal = '[ "$1" != -N ] || { echo "Option \\"-N\\" is unknown" >&2; exit 255; }'
    old.write_text(f'#!/bin/sh\n{refusal}\nexec {host.folder}/recorder "$@"\n')
    old.chmod(0o755)
    names = host.folder / "root/etc/iproute2"
    (names / "group").write_text("0 default\n7 first\n8 second\n")
    script = f"sh {host.folder}/root/etc/init.d/asymgen"
    argv = ("unshare", "--mount", *host.environment(ASYMGEN_IP=str(old)), "sh", "-c")
    before = host.dump()
    inside = f"mount --bind {names} /etc/iproute2 && ip rule show && {script} start && ip rule show && {script} status"
    first = host.namespace.run(*argv, inside, check=False)
    assert (first.returncode, first.stderr) == (0, "")
    assert "lookup asymgen_eth1 suppress_prefixlength 7 proto asymgen" in first.stdout
    assert "suppress_ifgroup second" in first.stdout
    host.recorder()
    again = f"mount --bind {names} /etc/iproute2 && {script} start"
    assert host.namespace.run(*argv, again, check=False).returncode == 0
    assert host.changing_commands() == []
    undone = f"mount --bind {names} /etc/iproute2 && {script} stop"
    assert host.namespace.run(*argv, undone, check=False).returncode == 0
    assert host.dump() == before
