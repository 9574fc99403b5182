"""The branch of rpm/asymgen.spec that Fedora and EL take, built by Debian's rpm with stand-ins for Fedora's macros.

The real ones are in no archive that a test may ask. With them (pyproject-rpm-macros of Fedora 37, beside our rpm, with
bash as ``_buildshell``) this branch was built once by hand: the same files and dependencies, ``rpm -V`` had nothing to
say, and what was installed ran.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import asymgen
from tests.case_files import DIRECTORY
from tests.packages.built import output_of, unpacked
from tests.packages.checkers import OF_ITSELF, checkers
from tests.packages.test_itself import SYSTEM_PATH, copy_of_the_tree
from tests.source_tree import ROOT

SPEC = ROOT / "rpm" / "asymgen.spec"
MACROS = Path(__file__).with_name("fedora.macros")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("rpmbuild") is None or os.geteuid() != 0, reason="needs rpmbuild and root"),
]


def loaded(*argv: str) -> str:
    """What ``rpmspec`` says of the spec on such a system."""
    return output_of("rpmspec", "--load", str(MACROS), *argv, str(SPEC))


def test_fedora_takes_the_branch_of_macros() -> None:
    """And no macro is left. rpmspec shows what %generate_buildrequires runs, but not its line."""
    text = loaded("--parse")
    headings = [line.split()[0] for line in text.splitlines() if "%" in line]
    assert headings == [
        "%description",
        "%prep",
        "%build",
        "%install",
        "%check",
        "%files",
        "%license",
        "%doc",
        "%changelog",
    ]
    assert text.index("%prep") < text.index("echo 'python3dist(setuptools)") < text.index("%build")
    assert "Requires:       python3-click" not in text
    assert re.search(r"^/usr/lib/python3\.\d+/site-packages/asymgen$", text, re.MULTILINE)


@pytest.mark.parametrize("system", ["fedora 42", "rhel 9", "rhel 10"])
def test_the_source_package_asks_for_the_macros(system: str) -> None:
    """It is made where they are not yet: by a rpm that knows no more than the distribution's number."""
    argv = ("rpmspec", "-q", "--buildrequires", "--define", system, "--define", "pyproject_buildrequires() true")
    assert output_of(*argv, str(SPEC)).split() == ["pyproject-rpm-macros", "python3-devel"]


@pytest.mark.parametrize("system", ["rhel 8", "suse_version 1600"])
def test_others_take_the_branch_of_pip(system: str) -> None:
    """openSUSE has macros of the same names, but no %pyproject_buildrequires."""
    text = output_of("rpmspec", "--parse", "--define", system, "--define", "pyproject_wheel() true", str(SPEC))
    assert "Requires:       python3-click" in text
    assert "%generate_buildrequires" not in text
    assert "-m pip wheel" in text


def queried(package: Path, what: str) -> list[str]:
    return output_of("rpm", "-qp", what, str(package)).splitlines()


class Workshop:
    """A folder with the sources, and a database of installed packages of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        name = f"asymgen-{asymgen.__version__}"
        copy_of_the_tree(folder / name)
        subprocess.run(["tar", "-C", str(folder), "-czf", str(folder / f"{name}.tar.gz"), name], check=True)
        self._database = ("--dbpath", str(folder / "database"))

    def build(self) -> subprocess.CompletedProcess[str]:
        return self._rpmbuild("--load", str(MACROS), "--define", f"_sourcedir {self.folder}", str(SPEC))

    def install(self, name: str, *provided: str) -> None:
        """Note a package that provides all that."""
        lines = [f"Name: {name}", "Version: 1", "Release: 1", "Summary: -", "License: -", "BuildArch: noarch"]
        lines += [f"Provides: {one}" for one in provided] + ["%description", "%files"]
        (self.folder / f"{name}.spec").write_text("\n".join(lines) + "\n")
        done = self._rpmbuild(str(self.folder / f"{name}.spec"))
        assert done.returncode == 0, done.stderr
        path = str(self.folder / f"made/noarch/{name}-1-1.noarch.rpm")
        subprocess.run(["rpm", *self._database, "--justdb", "--install", path], check=True, capture_output=True)

    @property
    def made(self) -> Path:
        [path] = (self.folder / "made/noarch").glob("asymgen-*.rpm")
        return path

    def _rpmbuild(self, *argv: str) -> subprocess.CompletedProcess[str]:
        places = {"_topdir": self.folder / "work", "_rpmdir": self.folder / "made", "_srcrpmdir": self.folder / "made"}
        words = [word for name, value in places.items() for word in ("--define", f"{name} {value}")]
        environment = {"PATH": SYSTEM_PATH, "HOME": str(self.folder), "LC_ALL": "C.UTF-8"}
        return subprocess.run(
            ["rpmbuild", "-bb", *self._database, *words, *argv],
            env=environment, cwd=self.folder, capture_output=True, text=True, check=False,
        )  # fmt: skip


def test_what_fedora_would_build(tmp_path: Path) -> None:
    """All in one: two workers would build it twice."""
    workshop = Workshop(tmp_path / "spec")
    _asks_for_what_it_needs(workshop)
    made = workshop.made
    assert [line for line in queried(made, "--requires") if not line.startswith("rpmlib(")] == [
        "(iproute or iproute2)",
        "/usr/bin/python3",
        *_of_the_metadata(),
    ]
    assert "python3-netifaces" in queried(made, "--recommends")
    assert any(line.startswith("python3dist(asymgen) = ") for line in queried(made, "--provides"))
    _runs(unpacked(made, tmp_path / "root"))
    with checkers(tmp_path / "checkers") as newer:
        assert newer.rpmlint(made, OF_ITSELF) == ""


def _asks_for_what_it_needs(workshop: Workshop) -> None:
    """The last build is the one that finds all of it. Exit code 11: rpmbuild(8)."""
    missing = workshop.build()
    assert "pyproject-rpm-macros is needed by asymgen" in missing.stderr
    assert "python3-devel is needed by asymgen" in missing.stderr
    workshop.install("tools", "python3-devel = 3.11", "pyproject-rpm-macros", "python3dist(setuptools) = 66")
    generated = workshop.build()
    assert generated.returncode == 11, generated.stderr
    assert "python3dist(wheel) is needed by asymgen" in generated.stderr
    assert "python3dist(jinja2) >= 2.11 is needed by asymgen" in generated.stderr
    workshop.install("libraries", "python3dist(wheel)", "python3dist(click) = 8.1.3", "python3dist(jinja2) = 3.1.2")
    done = workshop.build()
    assert done.returncode == 0, done.stderr


def _of_the_metadata() -> list[str]:
    """What rpm's own generator makes of setup.cfg."""
    version = output_of("/usr/bin/python3", "-Ic", "import sys; print('%d.%d' % sys.version_info[:2])").strip()
    parts = [f"python(abi) = {version}", f"python{version}dist(click) >= 8", f"python{version}dist(jinja2) >= 2.11"]
    return [*parts, *([f"python{version}dist(tomli) >= 2"] if version in ("3.9", "3.10") else [])]


def _runs(root: Path) -> None:
    [package] = root.glob("usr/lib/python3.*/site-packages/asymgen/__init__.py")
    script = root / "usr/bin/asymgen"
    assert script.read_text().startswith("#! /usr/bin/python3 -s\n")
    environment = {"PATH": SYSTEM_PATH, "PYTHONPATH": str(package.parent.parent), "LC_ALL": "C.UTF-8"}
    argv = [str(script), "detect", "--snapshot", str(DIRECTORY / "two-subnets" / "snapshot.json")]
    done = subprocess.run(argv, cwd=root, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "198.51.100.10" in done.stdout
    for name in ("man/man5/asymgen.toml.5.gz", "man/man8/asymgen.8.gz", "zsh/site-functions/_asymgen"):
        assert (root / "usr/share" / name).is_file()
