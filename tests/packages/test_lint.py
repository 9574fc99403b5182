"""What the distributions' own checkers say: lintian, whole and without a tag; rpmlint with rpmlint.toml's reasons."""

from __future__ import annotations

import gzip
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.packages.built import Result, of_case, output_of, unpacked
from tests.packages.checkers import OF_ITSELF, OF_PACKAGES, checkers


@pytest.mark.skipif(shutil.which("lintian") is None, reason="lintian is not installed")
def test_lintian_has_nothing_to_say(built: Result) -> None:
    argv = ["lintian", "--pedantic", "--display-experimental", "--display-info", "--allow-root", str(built.deb)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("", 0)


@pytest.mark.skipif(shutil.which("lintian") is None, reason="lintian is not installed")
def test_lintian_is_asked_for_real(tmp_path: Path) -> None:
    """One fault put into the package is found."""
    tree = unpacked(of_case("two-subnets", "sysv", tmp_path / "built").deb, tmp_path / "tree")
    (tree / "usr/libexec/asymgen/check").chmod(0o666)
    subprocess.run(["dpkg-deb", "--root-owner-group", "-Zxz", "-b", str(tree), str(tmp_path / "x.deb")], check=True)
    argv = ["lintian", "--allow-root", str(tmp_path / "x.deb")]
    assert "non-standard-file-perm" in subprocess.run(argv, capture_output=True, text=True, check=False).stdout


def test_what_lintian_does_not_see(built: Result, tmp_path: Path) -> None:
    """Tried fault by fault: it says nothing of any of these (Debian 12's)."""
    tree = unpacked(built.deb, tmp_path / "tree")
    scripts = {path.name: path.read_text() for path in (tree / "DEBIAN").iterdir() if path.name not in _NO_SCRIPTS}
    started = re.findall(r"update-rc\.d (\S+) defaults", scripts["postinst"])
    assert re.findall(r"update-rc\.d (\S+) remove", scripts["postrm"]) == started
    assert re.findall(r"invoke-rc\.d --skip-systemd-native (\S+) stop", scripts["prerm"]) == started
    for script in (tree / "etc/init.d").glob("*"):
        text = script.read_text()
        assert re.findall(r"^# Required-St(?:art|op): +(.*)$", text, re.MULTILINE) == ["$network $remote_fs"] * 2
        for action in ("start", "stop", "restart", "force-reload", "status"):
            assert re.search(rf"^ +([a-z-]+ \| )*{action}( \| [a-z-]+)*\)", text, re.MULTILINE), action
    [changelog] = (tree / "usr/share/doc").glob("*/changelog.gz")
    name, version = (output_of("dpkg-deb", "-f", str(built.deb), field).strip() for field in ("Package", "Version"))
    assert gzip.decompress(changelog.read_bytes()).decode().startswith(f"{name} ({version}) ")
    assert [path for path in tree.rglob("*") if path.is_dir() and not any(path.iterdir())] == []
    interpreters = {path.read_bytes().split(b"\n")[0] for path in tree.rglob("*") if path.is_file() and _runs(path)}
    assert interpreters == {b"#!/bin/sh"}


_NO_SCRIPTS = ("control", "conffiles", "md5sums")


def _runs(path: Path) -> bool:
    return bool(path.stat().st_mode & 0o111)


@pytest.mark.netns
def test_a_newer_debian_has_nothing_to_say(built: Result, tmp_path: Path) -> None:
    with checkers(tmp_path / "trixie") as newer:
        assert newer.lintian(built.deb) == ""
        assert newer.rpmlint(built.rpm, OF_PACKAGES) == ""


@pytest.mark.netns
def test_a_newer_debian_is_asked_for_real(tmp_path: Path) -> None:
    """What only it names: an init script without a unit is an error there, a script below /etc to rpmlint >= 2.7."""
    made = of_case("two-subnets", "sysv", tmp_path / "built")
    tree = unpacked(made.deb, tmp_path / "tree")
    (tree / "usr/lib/systemd/system/asymgen-config.service").unlink()
    subprocess.run(["dpkg-deb", "--root-owner-group", "-Zxz", "-b", str(tree), str(tmp_path / "x.deb")], check=True)
    empty = tmp_path / "empty.toml"
    empty.write_text("")
    with checkers(tmp_path / "trixie") as newer:
        assert "E: asymgen-config-two-subnets: missing-systemd-service-for-init.d-script" in newer.lintian(
            tmp_path / "x.deb"
        )
        assert "non-conffile-in-etc" in newer.rpmlint(made.rpm, empty)


@pytest.mark.skipif(shutil.which("rpmlint") is None, reason="rpmlint is not installed")
def test_rpmlint_has_nothing_to_say(built: Result) -> None:
    argv = ["rpmlint", "--strict", "-c", str(OF_PACKAGES), str(built.rpm)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    found = [line for line in done.stdout.splitlines() if re.search(r": [EW]: ", line)]
    assert found == [], done.stdout


@pytest.mark.parametrize("config", [OF_PACKAGES, OF_ITSELF], ids=["packages", "itself"])
def test_every_filter_has_its_reason(config: Path) -> None:
    lines = [line.strip() for line in config.read_text().splitlines()]
    filters = [place for place, line in enumerate(lines) if line.startswith("'")]
    assert filters
    assert all(lines[place - 1].startswith(("#", "'")) for place in filters)
