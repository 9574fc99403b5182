"""Bad days, through the whole command line: a failing ip(8), full and read-only disks, kills, runs at once.

Whatever happens: an exit code that says so, no traceback, and files that are all old or all new.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.case_files import DIRECTORY
from tests.command_line import TREE, asymgen, tree_of
from tests.namespaces import Namespace

pytestmark = pytest.mark.netns

SNAPSHOT = str(DIRECTORY / "two-subnets" / "snapshot.json")
WRITE = ("detect", "--snapshot", SNAPSHOT, "--write")
HOST = """
link add eth0 type veth peer name far0
link add eth1 type veth peer name far1
link set dev far0 up
link set dev far1 up
link set dev eth0 up
link set dev eth1 up
addr add 192.0.2.10/24 dev eth0
addr add 198.51.100.10/24 dev eth1
route add default via 192.0.2.1 dev eth0
route add default via 198.51.100.1 dev eth1 metric 100
"""


@pytest.fixture
def host(net: Namespace) -> Namespace:
    net.batch(HOST)
    return net


def with_ip(host: Namespace, folder: Path, script: str, *words: str) -> subprocess.CompletedProcess[str]:
    """asymgen on the live host, with ``script`` for its ip(8); ``real`` in it is the true one."""
    wrapper = folder / "ip"
    real = shutil.which("ip")
    wrapper.write_text(f'#!/bin/sh\nreal() {{ {real} "$@"; }}\n{script}\n', encoding="utf-8")
    wrapper.chmod(0o755)
    settings = (f"PATH={folder}:{os.environ['PATH']}", f"PYTHONPATH={TREE}")
    return host.run("env", *settings, sys.executable, "-m", "asymgen", *words, check=False, cwd=TREE)


def tree_with_files(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    (root / "etc/hostname").write_text("web1\n", encoding="utf-8")
    return root


def lasting(root: Path) -> dict[str, tuple[int, bytes]]:
    """All but the manifest, which lists fewer folders as ours after a run that died having just made one, and
    the lock file of a dead run, which locks nothing."""
    passing = ("var/lib/asymgen/manifest.json", "var/lib/asymgen/lock")
    return {path: entry for path, entry in tree_of(root).items() if path not in passing}


# --- ip(8) ---------------------------------------------------------------------------------------


FAILURES = {
    "fails midway": (
        'case "$*" in *"-6 route"*) echo "RTNETLINK answers: Resource busy" >&2; exit 2 ;; esac; real "$@"',
        5,
    ),
    "is killed midway": ('case "$*" in *"-4 rule"*) kill -9 $$ ;; esac; real "$@"', 5),
    "prints half a JSON": ('case "$*" in *addr*) real "$@" | head -c 300 ;; *) real "$@" ;; esac', 5),
    "prints an object": ('case "$*" in *addr*) echo "{}" ;; *) real "$@" ;; esac', 3),
    "prints other types": ('case "$*" in *" link") echo "[5]" ;; *) real "$@" ;; esac', 3),
    "prints a link without name": ('case "$*" in *" link") echo "[{\\"ifindex\\":1}]" ;; *) real "$@" ;; esac', 6),
    "cannot be started": ("#", 3),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_ip_that_fails_is_said_and_nothing_is_written(failure: str, host: Namespace, tmp_path: Path) -> None:
    script, code = FAILURES[failure]
    root = tree_with_files(tmp_path)
    before = tree_of(root)
    words = ("detect", "--reader", "iproute2", "--root", str(root), "--write")
    if failure == "cannot be started":
        hidden = f'mount --bind /dev/null {os.path.realpath(shutil.which("ip") or "")} && exec "$@"'
        run = ("unshare", "-m", "sh", "-ec", hidden, "sh", "env", f"PYTHONPATH={TREE}", sys.executable, "-m", "asymgen")
        done = host.run(*run, *words, check=False, cwd=TREE)
    else:
        done = with_ip(host, tmp_path, script, *words)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("asymgen: ")
    assert tree_of(root) == before


def test_what_was_interrupted_is_read_again(host: Namespace, tmp_path: Path) -> None:
    """The kernel says so where something changed during a dump; the second time it did not."""
    mark = tmp_path / "once"
    interrupted = f'[ -e {mark} ] || {{ : >{mark}; echo "Dump was interrupted" >&2; }}'
    script = f'case "$*" in *"-4 route"*) {interrupted} ;; esac; real "$@"'
    done = with_ip(host, tmp_path, script, "detect", "--format", "json")
    assert done.returncode == 0, done.stderr
    assert mark.exists()
    assert not any("changed while it was read" in note for note in json.loads(done.stdout)["notes"])


def test_an_interface_that_vanishes_while_it_is_read(host: Namespace, tmp_path: Path) -> None:
    script = 'case "$*" in *" addr") real link del eth1 2>/dev/null ;; esac; real "$@"'
    done = with_ip(host, tmp_path, script, "detect", "--format", "json")
    assert done.returncode == 0, done.stderr
    assert [uplink["interface"] for uplink in json.loads(done.stdout)["uplinks"]] == ["eth0"]
    assert json.loads(done.stdout)["files"] == []


def test_an_interface_that_vanished_before_the_script_runs(host: Namespace, tmp_path: Path) -> None:
    """The other uplink is served all the same, and status says what is missing."""
    root = tree_with_files(tmp_path)
    words = ("detect", "--backend", "sysv", "--root", str(root), "--write")
    assert with_ip(host, tmp_path, 'real "$@"', *words).returncode == 0
    host.ip("link", "del", "eth1")
    script = ("env", f"ASYMGEN_LOCK={tmp_path / 'lock'}", "sh", str(root / "etc/init.d/asymgen"))
    started = host.run(*script, "start", check=False)
    assert "eth1 is not up" in started.stderr
    assert "from 192.0.2.0/24 iif lo lookup 1 " in host.ip("rule")
    status = host.run(*script, "status", check=False)
    assert status.returncode == 3
    assert "missing: ip -4 route replace default via 198.51.100.1 dev eth1" in status.stdout
    assert host.run(*script, "stop", check=False).returncode == 0
    assert "proto 97" not in host.ip("rule") + host.ip("route", "show", "table", "all")


# --- disks ---------------------------------------------------------------------------------------


def in_mounts(setup: str, root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """asymgen in a mount namespace that ``setup`` prepares; then a list of what is below ``root``."""
    script = f'{setup} && {{ "$@"; code=$?; find {root} ! -path "*/filler" ! -name etc ! -name var; exit $code; }}'
    return asymgen(*words, prefix=("unshare", "-m", "sh", "-c", script, "sh"))


MOUNTS = {
    "read-only etc": "mount --bind {etc} {etc} && mount -o remount,ro,bind {etc}",
    "full disk": "mount -t tmpfs -o size=16k none {etc} && head -c 12288 /dev/zero >{etc}/filler",
    "no inodes": "mount -t tmpfs -o nr_inodes=3 none {etc}",
}


@pytest.mark.parametrize("disk", MOUNTS)
def test_a_disk_that_takes_nothing_leaves_nothing(disk: str, tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    done = in_mounts(MOUNTS[disk].format(etc=root / "etc"), root, *WRITE, "--root", str(root))
    assert done.returncode == 5, done.stderr + done.stdout
    assert "Traceback" not in done.stderr
    assert str(root / "etc") in done.stderr or "/etc/" in done.stderr
    assert done.stdout.split() == [str(root)], "something was left behind"


AS_NOBODY = """
import contextlib, io, os, sys
from asymgen.cli import exit_code, main
# Once as root, writing nothing: Python's own modules may lie where nobody cannot read them.
sys.argv.remove("--write")
with contextlib.redirect_stdout(io.StringIO()):
    exit_code()
import asymgen.system.transaction, traceback
sys.argv.append("--write")
os.setgroups([]); os.setgid(65534); os.setuid(65534)
main()
"""


def test_without_rights_nothing_is_written(tmp_path: Path) -> None:
    root = tree_with_files(tmp_path)
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_mode & 0o077 == 0:  # pytest's own; never /tmp itself
            folder.chmod(0o755)
    shutil.copy(SNAPSHOT, tmp_path / "snapshot.json")
    before = tree_of(root)
    words = ("detect", "--snapshot", str(tmp_path / "snapshot.json"), "--root", str(root), "--write")
    done = subprocess.run(
        [sys.executable, "-c", AS_NOBODY, *words], capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(TREE)}, cwd=TREE,
    )  # fmt: skip
    assert done.returncode == 5, done.stderr
    assert "ermission denied" in done.stderr
    assert tree_of(root) == before


# --- runs that meet, runs that die ---------------------------------------------------------------


def test_runs_at_once_end_as_one(tmp_path: Path) -> None:
    root, alone = tmp_path / "root", tmp_path / "alone"
    for folder in (root, alone):
        (folder / "var/lib").mkdir(parents=True)
    assert asymgen(*WRITE, "--root", str(alone)).returncode == 0
    command = [sys.executable, "-m", "asymgen", *WRITE, "--root", str(root)]
    environment = {**os.environ, "PYTHONPATH": str(TREE)}
    running = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=TREE, env=environment)
        for _ in range(5)
    ]
    said = [process.communicate() for process in running]
    assert [process.returncode for process in running] == [0] * 5, said
    assert sum("create /etc/network/if-up.d/asymgen" in out for out, _ in said) == 1
    assert lasting(root) == lasting(alone)
    assert asymgen("remove", "--root", str(root)).returncode == 0
    assert list(tree_of(root)) == ["var", "var/lib"]


DIES = """
import os, signal, sys
last, count = int(sys.argv.pop(1)), 0
def deadly(name):
    real = getattr(os, name)
    def call(*words, **named):
        global count
        count += 1
        if count > last:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*words, **named)
    setattr(os, name, call)
for name in ("write", "replace", "rename", "link", "unlink", "mkdir", "rmdir", "fsync", "open", "chmod", "fchmod"):
    deadly(name)
from asymgen.cli import main
main()
"""


def test_killed_at_any_call_the_next_run_completes_and_removal_leaves_nothing(tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    (bare / "var/lib").mkdir(parents=True)  # as every host has: nobody owns a folder before the manifest can say so
    whole = Path(shutil.copytree(bare, tmp_path / "whole"))
    assert asymgen(*WRITE, "--root", str(whole)).returncode == 0
    for last in range(0, 400, 7):
        root = Path(shutil.copytree(bare, tmp_path / f"{last}"))
        done = subprocess.run(
            [sys.executable, "-c", DIES, str(last), *WRITE, "--root", str(root)], capture_output=True, check=False,
            cwd=TREE, env={**os.environ, "PYTHONPATH": str(TREE)},
        )  # fmt: skip
        again = asymgen(*WRITE, "--root", str(root))
        assert again.returncode == 0, again.stderr
        assert lasting(root) == lasting(whole), last
        assert asymgen("remove", "--root", str(root)).returncode == 0
        assert tree_of(root) == tree_of(bare), last
        if done.returncode == 0:
            return
        assert done.returncode == -9
    raise AssertionError("the run never came to its end")
