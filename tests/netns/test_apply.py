"""apply, confirm and revert on a live host: it stays only if somebody says so, and goes back exactly."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.command_line import TREE
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


def test_for_programs(live: LiveRoot) -> None:
    """One document on standard output, however it ends; the story goes to standard error."""

    def document(*words: str, code: int) -> dict[str, Any]:
        done = live.asymgen("apply", "--format", "json", *options(), *words, code=code)
        made: dict[str, Any] = json.loads(done.stdout)
        jsonschema.Draft202012Validator(schema).validate(made)
        assert made["outcome"] == "nothing-to-do" or "create /etc/init.d/asymgen" in done.stderr
        return made

    schema = json.loads((TREE / "docs" / "apply.schema.json").read_text(encoding="utf-8"))
    gone_back = document(code=1)
    assert (gone_back["outcome"], gone_back["why"]) == (
        "reverted", "everything is as it was: not confirmed within 5 s"
    )  # fmt: skip
    assert "/etc/init.d/asymgen" in gone_back["changed"]
    assert document("--yes", code=0)["outcome"] == "confirmed"
    again = document("--yes", code=0)
    assert (again["outcome"], again["changed"]) == ("nothing-to-do", [])


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


WRONG = """
import sys
sys.argv[0] = "asymgen/__main__.py"
from asymgen.cli import apply, main
from asymgen.findings import Finding, Severity
apply.SETTLING = 1
apply.check_live = lambda *_: (Finding(Severity.ERROR, "answer", "answers go astray", "why", "do this"),)
main()
"""


def test_a_failed_verification_goes_back(live: LiveRoot) -> None:
    """Everything is real but the finding: what asymgen puts in place is right on every host that a test can build."""
    kernel, written = everything(live.lab), files(live)
    done = live.run(sys.executable, "-c", WRONG, "apply", *options(), code=1)
    assert "create /etc/init.d/asymgen" in done.stdout
    assert "error: answers go astray\n  do this" in done.stdout
    assert "everything is as it was: the verification failed" in done.stderr
    assert everything(live.lab) == kernel
    assert files(live) == written


def test_a_step_that_fails_goes_back(live: LiveRoot) -> None:
    """The init script's start fails midway: ip(8) loses one rule."""
    fake = live.upper.parent / "bin"
    fake.mkdir()
    (fake / "ip").write_text('#!/bin/sh\ncase "$*" in *-batch*) exec sed "/pref 32013 /d" | /sbin/ip "$@" ;; esac\n'
                             'exec /sbin/ip "$@"\n')  # fmt: skip
    (fake / "ip").chmod(0o755)
    kernel, written = everything(live.lab), files(live)
    path = f"PATH={fake}:{os.environ['PATH']}"
    done = live.run("env", path, sys.executable, "-c", CALL, "apply", *options(), code=1)
    assert "everything is as it was: /etc/init.d/asymgen start: exit code 1" in done.stderr
    assert "not in the kernel: ip -4 rule add pref 32013" in done.stderr
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
    [guard] = live.processes("--guard")
    os.kill(guard, signal.SIGKILL)
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


# --- killed at every step --------------------------------------------------------------------------------

KILLED = str(TREE / "tests" / "killed_apply.py")
APPLY_STEPS = (
    "write the state before", "publish the state before", "start the guard", "arm the boot hook", "write the files",
    "activate", "verify", "wait",
)  # fmt: skip
REVERT_STEPS = (
    "stop what is new", "put the files back", "put the kernel back", "take the boot hook away", "advance to reverted",
)  # fmt: skip


@pytest.mark.parametrize("step", APPLY_STEPS)
def test_killed_while_it_applies(live: LiveRoot, step: str) -> None:
    """The guard too: whoever comes next finds it, says so, and the host is in the old state."""
    kernel, written = everything(live.lab), files(live)
    killed = live.run(sys.executable, KILLED, step, "apply", *options(seconds=600), code=None)
    assert killed.returncode == -signal.SIGKILL, killed.stdout + killed.stderr
    for guard in live.processes("--guard"):
        os.kill(guard, signal.SIGKILL)
    was_open = phase(live) == "pending"
    told = live.asymgen("confirm", code=1).stderr
    assert ("was interrupted: everything is as it was before it" if was_open else "no apply is waiting") in told
    assert everything(live.lab) == kernel
    assert files(live) == written
    assert "verified and confirmed" in live.asymgen("apply", *options(), "--yes").stdout, "and nothing is in its way"


@pytest.mark.parametrize("step", REVERT_STEPS)
def test_killed_while_it_goes_back(live: LiveRoot, step: str) -> None:
    kernel, written = everything(live.lab), files(live)
    live.asymgen("apply", *options(), "--yes")
    killed = live.run(sys.executable, KILLED, step, "revert", code=None)
    assert killed.returncode == -signal.SIGKILL, killed.stdout + killed.stderr
    assert phase(live) == "reverting"
    live.asymgen("revert")
    assert (everything(live.lab), files(live)) == (kernel, written)


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        ("mount -t tmpfs -o size=4k,mode=755 none /var/lib/asymgen", "No space left on device"),
        ("mount -t tmpfs -o ro none /var/lib/asymgen", "Read-only file system"),
        ("mount -t tmpfs -o ro none /etc/iproute2", "Read-only file system"),
    ],
    ids=["full", "read-only state", "read-only etc"],
)
def test_bad_disks_leave_everything_as_it_was(live: LiveRoot, broken: str, says: str) -> None:
    live.run("mkdir", "-p", "/var/lib/asymgen", "/etc/iproute2")
    live.run("sh", "-c", broken)
    kernel, written = everything(live.lab), files(live)
    done = live.asymgen("apply", *options(), code=None)
    assert done.returncode in (1, 5)
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert everything(live.lab) == kernel
    assert files(live) == written


def test_remove_while_an_apply_waits_is_refused_and_takes_its_memory_away_later(live: LiveRoot) -> None:
    waiting = live.start("apply", *options(seconds=60))
    wait_until(lambda: phase(live) == "pending" and is_applied(live), "applied")
    assert "an apply is pending" in live.asymgen("remove", code=3).stderr
    live.asymgen("confirm")
    waiting.communicate(timeout=30)
    live.asymgen("remove")
    assert not (live.upper / "var/lib/asymgen").exists() or not any((live.upper / "var/lib/asymgen").iterdir())
    assert not is_applied(live)
