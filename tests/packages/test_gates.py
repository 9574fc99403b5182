"""Debian's own gates for the generated packages: piuparts (comes and goes without a trace), reprotest (same bytes)."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.case_files import DIRECTORY
from tests.lab.roots import SYSTEMS, System, root_of
from tests.packages.built import BACKENDS, BUILDERS, DATE, MAINTAINER, of_case, unpacked
from tests.source_tree import ROOT

pytestmark = [pytest.mark.netns, pytest.mark.slow]


@dataclass(frozen=True)
class Verdict:
    """What piuparts said, and whether it passes."""

    passed: bool
    log: str


def piuparts(deb: Path, system: System, folder: Path) -> Verdict:
    """Install, purge; install, remove, install, purge: in a copy of the root of ``system``, without a network.

    The copy lies in memory, and apt has no sources there: half of the time were the disk and apt's waits for a name
    server. What is mounted goes with the namespace.
    """
    place = folder / "copy"
    argv = [
        "unshare",
        "--net",
        "--mount",
        "sh",
        "-c",
        'mount -t tmpfs tmpfs "$1" && shift && exec "$@"',
        "sh",
        str(place),
    ]
    argv += ["piuparts", f"--distribution={system.suite}", f"--existing-chroot={folder / 'root'}", f"--tmpdir={place}"]
    argv += ["--no-upgrade-test", "--keep-sources-list", "--no-eatmydata", "--install-remove-install", str(deb)]
    with root_of(system, folder) as root:
        (root / "etc/apt/sources.list").write_text("")
        place.mkdir()
        done = subprocess.run(argv, capture_output=True, text=True, check=False, cwd=folder)
    passed = done.returncode == 0 and "INFO: PASS: All tests." in done.stdout
    return Verdict(passed, done.stdout[-3000:] + done.stderr)


@pytest.mark.parametrize("backend", BACKENDS)
def test_piuparts_finds_no_trace(backend: str, tmp_path: Path) -> None:
    made = of_case("dual-stack-static", backend, tmp_path / "built", "--with-check", "--format", "deb")
    found = piuparts(made.deb, SYSTEMS["bookworm"], tmp_path / "piuparts")
    assert found.passed, found.log


def test_piuparts_is_asked_for_real(tmp_path: Path) -> None:
    """A package that leaves a file is found."""
    tree = unpacked(of_case("two-subnets", "sysv", tmp_path / "built", "--format", "deb").deb, tmp_path / "tree")
    script = tree / "DEBIAN/postinst"
    script.write_text(script.read_text() + "echo >/etc/asymgen-left-behind\n")
    subprocess.run(["dpkg-deb", "--root-owner-group", "-Zxz", "-b", str(tree), str(tmp_path / "x.deb")], check=True)
    found = piuparts(tmp_path / "x.deb", SYSTEMS["bookworm"], tmp_path / "piuparts")
    assert not found.passed
    assert "/etc/asymgen-left-behind" in found.log


def reprotest(command: str, source: Path, artifacts: str) -> subprocess.CompletedProcess[str]:
    """Build twice with all that reprotest varies: build path, domain, environment, order of files, kernel's name,
    locale, PATH, processors, time, time zone, umask. The user it would change by sudo, and its other home is a folder
    below /nonexistent, which root's rpm makes: the test below has another user with another home."""
    argv = [
        "reprotest",
        "--no-diffoscope",
        "--vary=-user_group,-home",
        "--build-command",
        command,
        str(source),
        artifacts,
    ]
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(source.parent)}
    return subprocess.run([*argv, "--", "null"], capture_output=True, text=True, check=False, env=environment)


def build_command(builder: str, *, date: str) -> str:
    argv = [sys.executable, "-m", "asymgen", "package", "--snapshot", "snapshot.json", "--format", "deb"]
    argv += ["--format", "rpm", "--maintainer", MAINTAINER, "--with-check", "--version", "1", "-o", "out"]
    argv += ["--builder", builder]
    return f"mkdir -p out && PYTHONPATH=. {date} {shlex.join(argv)}"


def source_of(folder: Path) -> Path:
    """The program and a snapshot, in a folder that reprotest copies."""
    for name in ("asymgen", "templates"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy2(DIRECTORY / "dual-stack-static" / "snapshot.json", folder)
    return folder


@pytest.mark.parametrize("builder", BUILDERS)
def test_reprotest_finds_no_difference(builder: str, tmp_path: Path) -> None:
    source = source_of(tmp_path / "source")
    done = reprotest(build_command(builder, date=f"SOURCE_DATE_EPOCH={DATE}"), source, "out/*")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "Reproduction successful" in done.stdout
    assert done.stdout.count(".deb\n") >= 1


def test_reprotest_is_asked_for_real(tmp_path: Path) -> None:
    """Without a date there is a difference."""
    done = reprotest(build_command("native", date=""), source_of(tmp_path / "source"), "out/*")
    assert done.returncode == 1
    assert "Reproduction successful" not in done.stdout


@pytest.mark.parametrize("builder", BUILDERS)
def test_another_user_makes_no_difference(builder: str, tmp_path: Path) -> None:
    """In a user namespace: the builder is nobody there, and its files are nobody's."""
    source = source_of(tmp_path / "source")
    made = []
    for user in ((), ("env", f"HOME={tmp_path}", "unshare", "--user", "--map-user=65534", "--map-group=65534")):
        argv = [*user, "sh", "-ec", f"id -u; {build_command(builder, date=f'SOURCE_DATE_EPOCH={DATE}')} >&2"]
        done = subprocess.run(argv, cwd=source, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        made.append((done.stdout.strip(), sorted(path.read_bytes() for path in (source / "out").iterdir())))
        shutil.rmtree(source / "out")
    assert [user for user, _ in made] == ["0", "65534"]
    assert made[0][1] == made[1][1]
    assert len(made[0][1]) == 2
