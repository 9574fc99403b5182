"""The script where ip(8) or the system refuses, warns or is slow, and with others at once."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.shell.lab import Lab, lab
from tests.states import TWO_SUBNETS, Wire, kernel_state, with_extras

pytestmark = pytest.mark.netns

EXTRAS = with_extras(kernel_state(TWO_SUBNETS, mtu=1400))


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Lab]:
    with lab(tmp_path, TWO_SUBNETS, state=EXTRAS) as built:
        yield built


@pytest.mark.parametrize(
    ("families", "after_boot", "later"),
    [((4,), 9, 2), ((6,), 9, 2), ((4, 6), 10, 2)],
    ids=["IPv4", "IPv6", "both families"],
)
def test_few_processes(tmp_path: Path, families: tuple[int, ...], after_boot: int, later: int) -> None:
    """For each family one ip(8) asks, and another changes what differs and asks again; the first asks for the device
    groups, too. Where not all are in theirs, each takes three more."""
    wires = [wire for wire in TWO_SUBNETS if wire.family in families]
    with lab(tmp_path, wires) as built:
        for arguments, most in (
            (("start",), after_boot), (("start",), later), (("follow", "eth1"), later), (("status",), 4)
        ):  # fmt: skip
            assert built.run(*arguments, ASYMGEN_IP=built.recorder()).returncode == 0
            assert len(built.processes()) <= most, built.processes()
        for family in (4, 6):
            built.namespace.ip(f"-{family}", "rule", "flush", "protocol", "97")
        assert built.run("follow", "eth1", ASYMGEN_IP=built.recorder()).returncode == 0
        assert len(built.processes()) <= later + len(families), built.processes()


def test_groups_are_set_before_rules(host: Lab) -> None:
    """The guards need them; also where the first question of all fails, as that for an interface that is gone does."""
    host.namespace.ip("link", "del", "eth1")
    assert host.run("start", ASYMGEN_IP=host.recorder()).returncode == 0
    changes = [line for line in host.changing_commands() if "link set" in line or "rule add" in line]
    assert changes[0].startswith("ip link set dev eth0 group ")
    assert "rule add" in changes[1]
    assert host.run("follow", "eth0", ASYMGEN_IP=host.recorder()).returncode == 0
    questions = [line for line in host.processes() if "-batch" in line]
    assert len(questions) == 4, questions  # all of IPv4; links; rules and routes; all of IPv6


@pytest.mark.parametrize("lock", ["lock", "/nonexistent/lock"], ids=["flock", "without flock"])
def test_eight_at_once(host: Lab, lock: str) -> None:
    """Each of them succeeds, and the kernel holds every rule once, in order."""
    lock = str(host.folder / lock)
    assert host.run("start").returncode == 0
    wanted = (host.rules(4), host.rules(6))
    assert host.run("stop").returncode == 0
    running = [host.start("start", ASYMGEN_LOCK=lock) for _ in range(8)]
    said = [process.communicate(timeout=60)[0] for process in running]
    if lock != "/nonexistent/lock":
        assert [(process.returncode, text) for process, text in zip(running, said)] == [(0, "")] * 8
    assert (sorted(host.rules(4)), sorted(host.rules(6))) == (sorted(wanted[0]), sorted(wanted[1]))
    assert host.run("status").returncode == 0


def test_refused_route_is_a_failure(tmp_path: Path) -> None:
    """A gateway that no route reaches: said, counted, and the routes behind it in the batch are there."""
    wires = (Wire("eth0", "192.0.2.10/24", "203.0.113.1"), *TWO_SUBNETS[1:])
    with lab(tmp_path, TWO_SUBNETS, state=with_extras(kernel_state(wires))) as built:
        result = built.run("start")
        assert result.returncode == 1
        assert "not in the kernel: IPv4 routes of eth0: default via 203.0.113.1" in result.stderr
        assert "Nexthop has invalid gateway" in result.stderr  # the kernel's own word
        assert "throw 10.2.0.0/16" in built.namespace.ip("-4", "route", "show", "table", "1")
        assert built.run("status").returncode == 3


@pytest.mark.parametrize(
    "warning", ["Dump was interrupted and may be inconsistent.", "ip: warning: no name of table 1 via"]
)
def test_a_warning_between_the_lines_is_no_route(host: Lab, warning: str) -> None:
    """As ip(8) says where something changes while it asks: at boot, much does."""
    warning_ip = host.folder / "warning-ip"
    say = f"echo '{warning}' >&2"
    warning_ip.write_text(f'#!/bin/sh\n{say}\nip "$@"\ncode=$?\n{say}\nexit $code\n')
    warning_ip.chmod(0o755)
    for _ in range(2):
        done = host.run("start", ASYMGEN_IP=str(warning_ip))
        assert (done.returncode, done.stderr.replace(f"{warning}\n", "")) == (0, "")
        assert host.run("status").returncode == 0
        host.namespace.ip("rule", "flush", "protocol", "97")


def test_one_failing_look_at_the_links_takes_no_rules_away(host: Lab) -> None:
    assert host.run("start").returncode == 0
    before = host.rules(4)
    deaf = host.folder / "no-brief"
    deaf.write_text('#!/bin/sh\ncase " $* " in *" -br "*) exit 255 ;; esac\nexec ip "$@"\n')
    deaf.chmod(0o755)
    assert host.run("follow", "eth1", ASYMGEN_IP=str(deaf)).returncode == 0
    assert host.rules(4) == before != []


def test_a_change_that_answers_nothing_is_a_failure(host: Lab) -> None:
    """Also where nothing is wanted but that leftovers go."""
    host.namespace.ip("-6", "rule", "add", "pref", "31000", "from", "2001:db8::1", "lookup", "77", "protocol", "97")
    mute = host.folder / "mute"
    mute.write_text(
        '#!/bin/sh\nlines=$(cat)\ncase $lines in *" del "*) exit 1 ;; esac\nprintf "%s\\n" "$lines" | ip "$@"\n'
    )
    mute.chmod(0o755)
    done = host.run("start", ASYMGEN_IP=str(mute))
    assert done.returncode == 1
    assert "cannot read the IPv6 rules and routes again" in done.stderr


def test_status_without_an_answer_is_unknown(host: Lab) -> None:
    assert host.run("start").returncode == 0
    for kind in ("rule", "route"):
        deaf = host.folder / f"no-{kind}"
        refusal = f'case "$lines" in *"{kind} show"*) exit 1 ;; esac'
        deaf.write_text(f'#!/bin/sh\nlines=$(cat)\n{refusal}\nprintf "%s\\n" "$lines" | ip "$@"\n')
        deaf.chmod(0o755)
        assert host.run("status", ASYMGEN_IP=str(deaf)).returncode == 4


def test_read_only_proc_sys_is_a_warning(host: Lab) -> None:
    script = host.folder / "root/etc/init.d/asymgen"
    inside = f"mount --bind -o ro /proc/sys /proc/sys && mount -o remount,bind,ro /proc/sys && exec sh {script} start"
    argv = ("unshare", "--mount", *host.environment(), "sh", "-c", inside)
    result = host.namespace.run(*argv, check=False)
    assert result.returncode == 0
    assert "warning: cannot set /proc/sys/net/ipv4/conf/eth0/arp_filter to 1" in result.stderr
    assert host.run("status").returncode == 3


def test_lock_is_not_inherited(host: Lab) -> None:
    """A child that stays behind must not hold the lock."""
    recorder = host.folder / "staying-ip"
    recorder.write_text('#!/bin/sh\n[ ! -e /proc/self/fd/9 ] || echo held >>"$RECORD"\nexec ip "$@"\n')
    recorder.chmod(0o755)
    assert host.run("start", ASYMGEN_IP=str(recorder)).returncode == 0
    assert not host.record.exists()
    assert (host.folder / "lock").exists()


def test_waits_for_the_lock(host: Lab) -> None:
    holder = subprocess.Popen(["flock", str(host.folder / "lock"), "sleep", "1.5"])
    time.sleep(0.3)
    began = time.monotonic()
    assert host.run("start").returncode == 0
    assert time.monotonic() - began > 0.8
    assert holder.wait() == 0


def test_family_that_is_switched_off(tmp_path: Path) -> None:
    """``ipv6.disable=1``: a plan for IPv4 alone does not mind; a plan for both says so."""
    refusing = tmp_path / "no-ipv6"
    refusing.write_text(
        '#!/bin/sh\ncase " $* " in *" -6 "*) echo "Address family not supported" >&2; exit 2 ;; esac\nexec ip "$@"\n'
    )
    refusing.chmod(0o755)
    with lab(tmp_path, TWO_SUBNETS, state=kernel_state((TWO_SUBNETS[0], TWO_SUBNETS[2]))) as built:
        for action in ("start", "status", "check", "stop"):
            result = built.run(action, ASYMGEN_IP=str(refusing))
            assert (result.returncode, result.stderr) == (0, "")
        built.write(EXTRAS)
        both = built.run("start", ASYMGEN_IP=str(refusing))
        assert both.returncode == 1
        assert "cannot read the IPv6 rules" in both.stderr
        assert len(built.rules(4)) == len([rule for rule in EXTRAS.rules if rule.family == 4])
