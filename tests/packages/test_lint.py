"""What the distributions' own checkers say: lintian, whole and without a tag; rpmlint with rpmlint.toml's reasons."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.packages.built import Result, of_case, unpacked

RPMLINT = Path(__file__).with_name("rpmlint.toml")


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


@pytest.mark.skipif(shutil.which("rpmlint") is None, reason="rpmlint is not installed")
def test_rpmlint_has_nothing_to_say(built: Result) -> None:
    argv = ["rpmlint", "--strict", "-c", str(RPMLINT), str(built.rpm)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    found = [line for line in done.stdout.splitlines() if re.search(r": [EW]: ", line)]
    assert found == [], done.stdout


def test_every_filter_has_its_reason() -> None:
    lines = [line.strip() for line in RPMLINT.read_text().splitlines()]
    filters = [place for place, line in enumerate(lines) if line.startswith("'")]
    assert filters
    assert all(lines[place - 1].startswith(("#", "'")) for place in filters)
