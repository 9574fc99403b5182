"""What is in a package: both formats hold the same, where a package may have it, and nothing depends on the day."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path, PurePosixPath

import pytest

from tests.case_files import DIRECTORY
from tests.packages.built import DATE, MAINTAINER, Result, of_case, output_of, package, unpacked
from tests.source_tree import ROOT

SNAPSHOT = DIRECTORY / "two-subnets" / "snapshot.json"


def listed_deb(path: Path) -> dict[str, str]:
    """Path to mode, of what is no folder and no document."""
    lines = (line.split(None, 5) for line in output_of("dpkg-deb", "-c", str(path)).splitlines())
    return {words[5].removeprefix("."): words[0] for words in lines if words[0][0] != "d"}


def listed_rpm(path: Path) -> dict[str, str]:
    lines = output_of("rpm", "-qp", "--qf", "[%{FILENAMES} %{FILEMODES:perms}\n]", str(path)).splitlines()
    return {name: mode for name, mode in (line.rsplit(" ", 1) for line in lines) if mode[0] != "d"}


def test_both_formats_hold_the_same(built: Result) -> None:
    deb, rpm = listed_deb(built.deb), listed_rpm(built.rpm)
    initd = output_of("rpm", "--eval", "%{_initddir}").strip()
    of_debian = {path for path in deb if "changelog" in path or "/lintian/" in path or "/pristine/" in path}
    assert {path.replace("/etc/init.d", initd): mode for path, mode in deb.items() if path not in of_debian} == rpm
    assert len(rpm) >= 9


def test_what_lies_in_etc_is_marked_as_configuration(built: Result) -> None:
    marked = output_of("dpkg-deb", "-I", str(built.deb), "conffiles").split("\n")
    kept = {line for line in marked if line.startswith("/")}
    assert kept == {path for path in listed_deb(built.deb) if path.startswith("/etc/")}
    flags = output_of("rpm", "-qp", "--qf", "[%{FILENAMES} %{FILEFLAGS:fflags}\n]", str(built.rpm)).splitlines()
    assert {line.split()[0] for line in flags if line.endswith(" cn")} == {
        path for path in kept if path.endswith(".conf")
    }


def test_conffiles_of_other_versions_go_on_upgrade(built: Result) -> None:
    lines = output_of("dpkg-deb", "-I", str(built.deb), "conffiles").splitlines()
    every = {line.removeprefix("remove-on-upgrade ") for line in lines}
    assert len(every) == len(lines) == 8, "contents._OF_CONFIG has every file in /etc that a backend may write"


@pytest.mark.parametrize(
    ("backend", "deb", "rpm"),
    [
        ("ifupdown", {"iproute2", "ifupdown | ifupdown2 | ifupdown-ng"}, {"(iproute or iproute2)", "ifupdown"}),
        (
            "networkmanager", {"iproute2", "network-manager (>= 1.20)"},
            {"(iproute or iproute2)", "NetworkManager >= 1.20"},
        ),
        (
            "systemd-networkd", {"iproute2", "systemd (>= 250)"},
            {"(iproute or iproute2)", "(systemd-networkd >= 250 or systemd-network >= 250)"},
        ),
        ("sysv", {"iproute2"}, {"(iproute or iproute2)"}),
    ],
)  # fmt: skip
def test_dependencies(backend: str, deb: set[str], rpm: set[str], tmp_path: Path) -> None:
    made = of_case("two-subnets", backend, tmp_path)
    assert set(output_of("dpkg-deb", "-f", str(made.deb), "Depends").strip().split(", ")) == deb
    lines = output_of("rpm", "-qp", "--requires", str(made.rpm)).splitlines()
    assert {line for line in lines if not line.startswith(("rpmlib(", "/bin/sh", "config("))} == rpm
    for field in ("Provides", "Conflicts", "Replaces"):
        assert output_of("dpkg-deb", "-f", str(made.deb), field) == "asymgen-config\n"


def test_manifest_tells_every_file(built: Result, tmp_path: Path) -> None:
    for path in (built.deb, built.rpm):
        root = unpacked(path, tmp_path / path.suffix)
        manifest = json.loads((root / "usr/share/asymgen/manifest.json").read_text())
        assert manifest["package"] == "asymgen-config-dual-stack-static"
        for file in manifest["files"]:
            found = root / PurePosixPath(file["path"]).relative_to("/")
            assert hashlib.sha256(found.read_bytes()).hexdigest() == file["sha256"]
            assert f"{found.stat().st_mode & 0o7777:04o}" == file["mode"]


def test_copyright_is_the_licence(built: Result, tmp_path: Path) -> None:
    root = unpacked(built.deb, tmp_path / "root")
    [text] = [path.read_text() for path in root.rglob("copyright")]
    words = " ".join(line.strip() for line in text.partition("License: Expat\n\nLicense: Expat\n")[2].splitlines())
    assert words.replace(" . ", " ").split() == (ROOT / "LICENSE").read_text().partition("authors\n\n")[2].split()


def test_scripts_are_clean(built: Result, tmp_path: Path) -> None:
    root = unpacked(built.deb, tmp_path / "root")
    scripts = [path for path in root.rglob("*") if path.is_file() and path.read_bytes().startswith(b"#!/bin/sh")]
    assert len(scripts) >= 6
    for shell in (["dash", "-n"], ["busybox", "sh", "-n"], ["bash", "--posix", "-n"]):
        for path in scripts:
            subprocess.run([*shell, str(path)], check=True)
    short = [str(path) for path in scripts if path.parent.name == "DEBIAN" or path.name in ("check", "is-this-host")]
    result = subprocess.run(["shellcheck", "-s", "sh", *short], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_same_bytes_whatever_day_place_and_umask(tmp_path: Path) -> None:
    first = package(SNAPSHOT, tmp_path / "first")
    other = tmp_path / "an other place"
    other.mkdir()
    # An older time of a source and a strict umask both showed in what the tools make by themselves.
    code = "import os, sys; os.umask(0o077); from asymgen.cli import main; sys.argv[0] = 'asymgen'; main()"
    environment = {
        **os.environ,
        "SOURCE_DATE_EPOCH": DATE,
        "TZ": "Asia/Tokyo",
        "PYTHONPATH": str(ROOT),
        "LC_ALL": "C.UTF-8",
    }
    argv = [sys.executable, "-c", code, "package", "--snapshot", str(SNAPSHOT), "--format", "deb",
            "--format", "rpm", "--maintainer", MAINTAINER, "-o", str(other)]  # fmt: skip
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert digest(first.deb) == digest(next(other.glob("*.deb")))
    assert digest(first.rpm) == digest(next(other.glob("*.rpm")))
    later = package(SNAPSHOT, tmp_path / "later", "--version", "20231114.221320", date="1700000001")
    assert digest(first.deb) != digest(later.deb), "the date is in it, so the comparison above says something"


def test_a_folder_with_a_blank(tmp_path: Path) -> None:
    """rpm's check for forgotten files would look into the folder whose name ends at the blank."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "file").write_text("")
    assert package(SNAPSHOT, tmp_path / "a b").rpm.is_file()


def test_later_is_higher(tmp_path: Path) -> None:
    names = [package(SNAPSHOT, tmp_path / date, "--format", "deb", date=date).deb.name for date in (DATE, "1800000000")]
    versions = [name.split("_")[1] for name in names]
    subprocess.run(["dpkg", "--compare-versions", versions[0], "lt", versions[1]], check=True)
