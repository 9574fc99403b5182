"""The script where a list of rules is so long that sed(1) and grep(1) look at it instead of a loop."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from asymgen.model import Host
from tests.shell.lab import OLD_HOST, SHELLS, Lab, lab
from tests.states import HOST, TWO_SUBNETS, kernel_state

pytestmark = pytest.mark.netns

WIRES = (*TWO_SUBNETS[:2], TWO_SUBNETS[3], TWO_SUBNETS[2])
STATE = kernel_state(WIRES, sources=[f"198.51.100.{last}" for last in range(20, 70)])
RULES = sum(rule.family == 4 for rule in STATE.rules)


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Lab]:
    with lab(tmp_path, TWO_SUBNETS, state=STATE) as built:
        yield built


@pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: shell[0])
@pytest.mark.parametrize("kind", [HOST, OLD_HOST], ids=["protocol", "no protocol"])
def test_start_mend_and_stop(host: Lab, kind: Host, shell: tuple[str, ...]) -> None:
    """A lost rule comes again, and a route of an earlier plan goes, with and without protocol numbers in rules."""
    host.shell = shell
    host.write(STATE, host=kind)
    before = host.dump()
    first = host.run("start")
    assert (first.returncode, first.stderr) == (0, "")
    wanted = sorted(host.dump().splitlines())
    host.namespace.ip("rule", "del", "pref", "32013", "from", "198.51.100.21")
    host.namespace.ip("route", "add", "10.9.0.0/16", "via", "192.0.2.1", "table", "1", "protocol", "97")
    mended = host.run("start")
    assert (mended.returncode, mended.stderr) == (0, "")
    assert sorted(host.dump().splitlines()) == wanted
    again = host.run("start", ASYMGEN_IP=host.recorder())
    assert (again.returncode, host.changing_commands()) == (0, [])
    assert host.run("stop").returncode == 0
    assert host.dump() == before


@pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: shell[0])
def test_rules_of_other_sources_are_not_touched(tmp_path: Path, shell: tuple[str, ...]) -> None:
    """Two hundred addresses share priorities; one lost rule is one command."""
    addresses = [f"198.51.100.{last}" for last in range(20, 220)]
    state = kernel_state(WIRES, sources=addresses)
    with lab(tmp_path, TWO_SUBNETS, state=state) as built:
        built.shell = shell
        before = built.dump()
        began = time.monotonic()
        first = built.run("start")
        assert (first.returncode, first.stderr) == (0, "")
        assert time.monotonic() - began < 20
        assert len([rule for rule in built.rules(4) if "from 198.51.100." in rule]) == 600
        built.namespace.ip("rule", "del", "pref", "32013", "from", "198.51.100.21")
        recorder = built.recorder()
        assert built.run("start", ASYMGEN_IP=recorder).returncode == 0
        assert [line for line in built.changing_commands() if "batch" not in line and "cache" not in line] == [
            "rule add pref 32013 from 198.51.100.21 iif lo lookup 2 protocol 97"
        ]
        assert built.run("stop").returncode == 0
        assert built.dump() == before


@pytest.mark.parametrize("others", [(), ("32766", "32767")], ids=["none", "two of a protocol"])
def test_no_other_rule_is_left(host: Lab, others: tuple[str, ...]) -> None:
    """Or each of them carries somebody's protocol number, as ours carry ours."""
    for priority in ("0", "32766", "32767"):
        host.namespace.ip("-4", "rule", "del", "pref", priority)
    for priority in others:
        host.namespace.ip("-4", "rule", "add", "pref", priority, "lookup", "main", "protocol", "static")
    for _ in range(2):
        started = host.run("start")
        assert (started.returncode, started.stderr) == (0, "")
        host.namespace.ip("-4", "rule", "del", "pref", "32013", "from", "198.51.100.21")
    assert len(host.rules(4)) == RULES - 1


def test_only_what_was_refused_is_reported(host: Lab) -> None:
    """Also where what is there is a short list, and what is wanted a long one."""
    refusing = host.folder / "refusing"
    lost = "rule add .* from 198.51.100.[3-6]"
    refusing.write_text(
        f'#!/bin/sh\ncase " $* " in *" -force "*) sed "/{lost}/d" | ip "$@" ;; *) exec ip "$@" ;; esac\n'
    )
    refusing.chmod(0o755)
    started = host.run("start", ASYMGEN_IP=str(refusing))
    assert started.returncode == 1
    missing = [line for line in started.stderr.splitlines() if "not in the kernel: ip -4 rule add" in line]
    assert len(missing) == RULES - len(host.rules(4)) == 3 * 40


def test_failing_sed_is_named(host: Lab) -> None:
    assert host.run("start").returncode == 0
    (host.folder / "sed").write_text("#!/bin/sh\nexit 4\n")
    (host.folder / "sed").chmod(0o755)
    path = f"{host.folder}:/usr/sbin:/usr/bin:/sbin:/bin"
    for action in ("start", "status"):
        done = host.run(action, PATH=path)
        assert done.returncode != 0
        assert "sed(1) failed" in done.stderr
