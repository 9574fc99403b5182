"""asymgen with the oldest that its metadata allows, which is what EL 9 has: built, installed, and the same bytes."""

from __future__ import annotations

import configparser
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.case_files import DIRECTORY
from tests.packages.built import DATE, MAINTAINER
from tests.packages.test_itself import copy_of_the_tree
from tests.source_tree import ROOT

pytestmark = [
    pytest.mark.slow,
    # setuptools 53 imports what Python 3.12 no longer has; what EL 9 has is 3.9.
    pytest.mark.skipif(sys.version_info >= (3, 12), reason="needs Python 3.11 or earlier"),
]
BUILT_WITH = ("wheel==0.36.*", "markupsafe==1.1.*")
"""Whose versions no metadata names: those of EL 9."""


def oldest() -> list[str]:
    """``NAME >= VERSION`` as the first release of that series."""
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    lines = setup["options"]["install_requires"].split("\n")
    lines += re.findall(r'"(setuptools >= \d+)"', (ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return [f"{line.replace(' >= ', '==')}.*" for line in lines if line and ";" not in line]


def packages_of_all_cases(program: str, folder: Path) -> dict[str, bytes]:
    """Both packages of every case that has something to package."""
    snapshots = [word for path in sorted(DIRECTORY.glob("*/snapshot.json")) for word in ("--snapshot", str(path))]
    folder.mkdir()
    argv = [program, "package", "--format", "deb", "--format", "rpm", "--maintainer", MAINTAINER, "--with-check"]
    done = subprocess.run(
        [*argv, *snapshots, "-o", str(folder)], env={**os.environ, "SOURCE_DATE_EPOCH": DATE}, cwd=folder,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 5, done.stderr  # some of the cases have nothing to do
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_the_oldest_make_the_same(tmp_path: Path) -> None:
    place = tmp_path / "venv"
    source = copy_of_the_tree(tmp_path / "source")
    pip = [str(place / "bin/python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    for argv in (
        [sys.executable, "-m", "venv", str(place)],
        [*pip, *oldest(), *BUILT_WITH],
        [*pip, "--no-deps", "--no-build-isolation", str(source)],
    ):
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    assert list(place.glob("lib/python3*/site-packages/asymgen/templates/jinja-2.11.*/SHA256SUMS"))
    here = packages_of_all_cases(str(Path(sys.executable).with_name("asymgen")), tmp_path / "here")
    there = packages_of_all_cases(str(place / "bin/asymgen"), tmp_path / "there")
    assert len(here) > 50
    assert there == here
    environment = {**os.environ, "_ASYMGEN_COMPLETE": "bash_source"}
    completion = subprocess.run([place / "bin/asymgen"], env=environment, capture_output=True, text=True, check=True)
    assert "_ASYMGEN_COMPLETE=bash_complete" in completion.stdout
