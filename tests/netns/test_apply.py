"""apply, confirm and revert on a live host: it stays only if somebody says so, and goes back exactly."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live_root import LiveRoot, everything, live_root, wait_until
from tests.packet_lab import packet_lab

pytestmark = pytest.mark.netns

GATEWAYS = ("--gateway", "eth1=198.51.100.1", "--gateway", "eth1=2001:db8:b::1")
SECOND = ("198.51.100.10", "2001:db8:b::10")
BACKENDS = ("sysv", "ifupdown")
STATE = "var/lib/asymgen/apply"


@pytest.fixture
def live(tmp_path: Path) -> Iterator[LiveRoot]:
    with packet_lab() as lab, live_root(lab, tmp_path) as made:
        yield made


def options(backend: str = "sysv", seconds: int = 5) -> list[str]:
    return [*GATEWAYS, "--backend", backend, "--confirm", str(seconds)]


def files(live: LiveRoot) -> str:
    """Every file and directory of the host's configuration, with modes, links and contents, as the host sees them."""
    listed = live.run("sh", "-c", "find /etc /usr/local -printf '%p %y %m %l\\n' | sort").stdout
    contents = live.run("sh", "-c", "find /etc /usr/local -type f -exec sha256sum {} + | sort").stdout
    return listed + contents


def is_applied(live: LiveRoot) -> bool:
    return "lookup 2" in live.lab.host.ip("rule")


def phase(live: LiveRoot) -> str:
    names = ("pending", "confirmed", "reverting", "reverted")
    return next((name for name in names if (live.upper / STATE / name).exists()), "")


@pytest.mark.parametrize("backend", BACKENDS)
def test_with_yes_it_stays(live: LiveRoot, backend: str) -> None:
    shown = live.asymgen("apply", *options(backend), "--yes")
    assert "verified and confirmed" in shown.stdout
    assert all(live.lab.pings(address) for address in SECOND)
    assert phase(live) == "confirmed"
    assert "every answer leaves as it should" in live.asymgen("verify", "--backend", backend).stdout
    assert "nothing to do" in live.asymgen("apply", *options(backend), "--yes").stdout


@pytest.mark.parametrize("backend", BACKENDS)
def test_without_a_confirmation_it_goes_back(live: LiveRoot, backend: str) -> None:
    kernel, written = everything(live.lab), files(live)
    done = live.asymgen("apply", *options(backend), code=1)
    assert "goes back by itself in 5 s" in done.stdout
    assert "everything is as it was: not confirmed within 5 s" in done.stderr
    assert everything(live.lab) == kernel
    assert files(live) == written
    assert not (live.upper / "var/lib/asymgen/manifest.json").exists()
    assert "went back (not confirmed within 5 s)" in live.asymgen("confirm", code=1).stderr


def test_confirmed_in_another_shell(live: LiveRoot) -> None:
    waiting = live.start("apply", *options(seconds=60))
    wait_until(lambda: phase(live) == "pending" and is_applied(live), "applied")
    assert "confirmed: it stays" in live.asymgen("confirm").stdout
    output, _ = waiting.communicate(timeout=60)
    assert waiting.returncode == 0, output
    assert "confirmed: it stays" in output
    assert "it was confirmed already" in live.asymgen("confirm").stdout
    assert all(live.lab.pings(address) for address in SECOND)


def test_a_session_that_dies_goes_back(live: LiveRoot) -> None:
    """SIGHUP to the whole session, as sshd's end sends it."""
    kernel, written = everything(live.lab), files(live)
    waiting = live.start("apply", *options(seconds=5))
    wait_until(lambda: is_applied(live), "applied")
    os.killpg(waiting.pid, signal.SIGHUP)
    waiting.communicate(timeout=10)
    assert waiting.returncode != 0
    assert is_applied(live), "it has the time that was promised"
    wait_until(lambda: phase(live) == "reverted", "went back")
    assert everything(live.lab) == kernel
    assert files(live) == written


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_goes_back_at_once(live: LiveRoot, number: signal.Signals) -> None:
    kernel = everything(live.lab)
    waiting = live.start("apply", *options(seconds=600))
    wait_until(lambda: is_applied(live), "applied")
    os.killpg(waiting.pid, number)
    output, _ = waiting.communicate(timeout=30)
    assert "everything is as it was: it was interrupted" in output
    assert waiting.returncode == 1
    assert everything(live.lab) == kernel


def test_a_failed_verification_goes_back(live: LiveRoot) -> None:
    """Somebody's rule takes the plan's table away: ip(8) fails for the rule that leads to it."""
    fake = live.upper.parent / "bin"
    fake.mkdir()
    (fake / "ip").write_text(
        '#!/bin/sh\ncase "$*" in *-batch*) exec sed /lookup.2/d | /sbin/ip "$@" ;; esac\nexec /sbin/ip "$@"\n'
    )
    (fake / "ip").chmod(0o755)
    kernel, written = everything(live.lab), files(live)
    path = f"PATH={fake}:{os.environ['PATH']}"
    done = live.run("env", path, "python3", "-c", CALL, "apply", *options(), code=1)
    assert "not in the kernel: ip -4 rule add pref 32013" in done.stdout + done.stderr
    assert "everything is as it was" in done.stderr
    assert everything(live.lab) == kernel
    assert files(live) == written


CALL = "import sys; sys.argv[0] = 'asymgen/__main__.py'; from asymgen.cli import main; main()"


def test_the_second_apply_is_refused_and_told_by_whom(live: LiveRoot) -> None:
    waiting = live.start("apply", *options(seconds=60))
    wait_until(lambda: is_applied(live), "applied")
    refused = live.asymgen("apply", *options(), code=5)
    assert "another apply waits for its confirmation by " in refused.stderr
    assert f"pid {waiting_pid(waiting)}" in refused.stderr
    live.asymgen("revert")
    output, _ = waiting.communicate(timeout=30)
    assert "everything is as it was: asymgen revert" in output
    assert not is_applied(live)


def waiting_pid(waiting: subprocess.Popen[str]) -> int:
    """nsenter with -m and -n replaces itself."""
    return waiting.pid


def test_a_confirmed_one_can_be_reverted(live: LiveRoot) -> None:
    kernel, written = everything(live.lab), files(live)
    live.asymgen("apply", *options(), "--yes")
    assert "everything is as it was before the apply" in live.asymgen("revert").stdout
    assert everything(live.lab) == kernel
    assert files(live) == written
    assert "nothing to revert" in live.asymgen("revert", code=1).stderr


def test_a_second_plan_goes_back_to_the_first(live: LiveRoot) -> None:
    """Not to nothing: the first plan's rules, files and manifest come back, byte for byte."""
    live.asymgen("apply", *options("ifupdown"), "--yes")
    kernel, written = everything(live.lab), files(live)
    manifest = (live.upper / "var/lib/asymgen/manifest.json").read_bytes()
    more = ("--table-base", "70", "--priority-base", "900", "--fail-closed")
    live.asymgen("apply", *options("sysv"), *more, code=1)
    assert everything(live.lab) == kernel
    assert files(live) == written
    assert (live.upper / "var/lib/asymgen/manifest.json").read_bytes() == manifest
    live.asymgen("apply", *options("sysv"), *more, "--yes")
    assert "lookup 70" in live.lab.host.ip("rule")
    live.asymgen("revert")
    assert (everything(live.lab), files(live)) == (kernel, written)


def test_a_guard_that_is_killed_is_not_missed(live: LiveRoot) -> None:
    kernel = everything(live.lab)
    waiting = live.start("apply", *options(seconds=5))
    wait_until(lambda: is_applied(live), "applied")
    guard = live.run("sh", "-c", "pgrep -f -- '--guard' | while read -r each; do "
                     'grep -q asymgen "/proc/$each/cmdline" && [ "$(readlink /proc/$each/ns/mnt)" = "$(readlink /proc/self/ns/mnt)" ]'
                     ' && echo "$each"; done').stdout.split()  # fmt: skip
    assert guard
    os.kill(int(guard[0]), signal.SIGKILL)
    output, _ = waiting.communicate(timeout=60)
    assert "not confirmed within 5 s" in output
    assert everything(live.lab) == kernel


def test_a_snapshot_of_another_host_is_no_input(live: LiveRoot) -> None:
    assert "No such option" in live.asymgen("apply", "--snapshot", "x.json", code=2).stderr


def test_files_in_the_way_are_refused_before_anything_happens(live: LiveRoot) -> None:
    (live.upper / "etc/init.d").mkdir(parents=True, exist_ok=True)
    live.run("sh", "-c", "mkdir -p /etc/init.d && echo mine >/etc/init.d/asymgen")
    kernel = everything(live.lab)
    assert "a file is in the way" in live.asymgen("apply", *options(), code=4).stderr
    assert everything(live.lab) == kernel
    assert phase(live) == ""
