"""``asymgen package`` as a command: many hosts, one that fails, versions that follow each other, what is missing."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from unittest.mock import patch

import pytest

from asymgen.system import commands
from asymgen.system.package_reader import is_newer
from tests.case_files import DIRECTORY
from tests.command_line import TREE, asymgen
from tests.packages.built import DATE, MAINTAINER, of_case, unpacked

CASES = ("two-subnets", "dual-stack-static", "three-providers")


def run(*arguments: object, output: Path, environment: dict[str, str] | None = None) -> tuple[int, str, str]:
    output.mkdir(exist_ok=True)
    argv = ("package", "--maintainer", MAINTAINER, "-o", str(output), *map(str, arguments))
    done = asymgen(*argv, environment={"SOURCE_DATE_EPOCH": DATE, **(environment or {})})
    return done.returncode, done.stdout, done.stderr


def snapshots(*cases: str) -> list[str]:
    return [word for case in cases for word in ("--snapshot", str(DIRECTORY / case / "snapshot.json"))]


def test_many_hosts_are_as_one_by_one(tmp_path: Path) -> None:
    code, said, _ = run(*snapshots(*CASES), output=tmp_path / "all")
    assert code == 0
    assert said.count("_all.deb") == len(CASES)
    for case in CASES:
        code, _, error = run(*snapshots(case), output=tmp_path / "one")
        assert code == 0, error
    made = {path.name: path.read_bytes() for path in (tmp_path / "all").iterdir()}
    assert made == {path.name: path.read_bytes() for path in (tmp_path / "one").iterdir()}
    assert len(made) == len(CASES)


def test_one_that_fails_does_not_stop_the_others(tmp_path: Path) -> None:
    broken = tmp_path / "broken.json"
    broken.write_text("{")
    hosts = (*snapshots("two-subnets"), "--snapshot", broken, *snapshots("one-uplink", "three-providers"))
    code, said, error = run(*hosts, output=tmp_path / "out")
    assert code == 5
    assert "2 of 4 hosts have no package" in error
    assert str(broken) in error
    assert "nothing to do" in said
    assert len(list((tmp_path / "out").glob("*.deb"))) == 2


def test_a_host_without_a_usable_name_fails_alone(tmp_path: Path) -> None:
    found = json.loads((DIRECTORY / "three-providers/snapshot.json").read_text())
    other = tmp_path / "other.json"
    other.write_text(json.dumps({**found, "hostname": "***"}))
    code, said, error = run(*snapshots("two-subnets"), "--snapshot", other, output=tmp_path / "out")
    assert code == 5
    assert "the host's name, '***', gives no package name" in said
    assert str(other) in error
    assert len(list((tmp_path / "out").glob("*.deb"))) == 1
    code, _, error = run("--snapshot", other, output=tmp_path / "one")
    assert (code, "--name NAME" in error) == (2, True)


def test_two_hosts_of_one_name_stop_before_anything_is_built(tmp_path: Path) -> None:
    found = json.loads((DIRECTORY / "two-subnets/snapshot.json").read_text())
    other = tmp_path / "other.json"
    other.write_text(json.dumps({**found, "hostname": found["hostname"].upper() + "_"}))
    code, _, error = run(*snapshots("two-subnets"), "--snapshot", other, output=tmp_path / "out")
    assert code == 2
    assert "would both be asymgen-config-two-subnets" in error
    assert list((tmp_path / "out").iterdir()) == []


def test_numbers_stay_and_versions_must_differ(tmp_path: Path) -> None:
    first = of_case("two-subnets", "sysv", tmp_path / "1", "--version", "1", "--table-base", "40")
    for place in (first.deb, first.rpm, unpacked(first.deb, tmp_path / "tree")):
        made = of_case("two-subnets", "sysv", tmp_path / f"2{place.suffix}", "--version", "2", "--previous", str(place))
        plan = unpacked(made.deb, tmp_path / f"x{place.suffix}") / "usr/share/asymgen/plan.json"
        assert [each["table"] for each in json.loads(plan.read_text())["numbers"]] == [40, 41]
    code, _, error = run(*snapshots("two-subnets"), "--version", "1", "--previous", first.deb, output=tmp_path / "3")
    assert (code, "has the version 1 as well" in error) == (2, True)
    code, _, error = run(*snapshots("three-providers"), "--previous", first.deb, output=tmp_path / "3")
    assert (code, "is of asymgen-config-two-subnets" in error) == (2, True)


@pytest.mark.parametrize("form", ["deb", "rpm"])
@pytest.mark.parametrize(("last", "lower"), [("1.10", "1.9"), ("2", "2~rc1"), ("20261128.120000", "20261127.235959")])
def test_what_would_be_no_upgrade_is_not_built(form: str, last: str, lower: str, tmp_path: Path) -> None:
    """Not a string's order: 1.9 is lower than 1.10, and a "~" before what stands without it."""
    first = of_case("two-subnets", "sysv", tmp_path / "1", "--version", last)
    options = ("--previous", first.deb, "--version", lower, "--format", form)
    code, _, error = run(*snapshots("two-subnets"), *options, output=tmp_path / "2")
    assert code == 2
    assert (
        f"version {lower} is not higher than {last}, that of --previous: as a .{form} it would be no upgrade" in error
    )
    assert not list((tmp_path / "2").glob("*"))
    options = ("--previous", first.deb, "--version", f"{last}.1", "--format", form)
    assert run(*snapshots("two-subnets"), *options, output=tmp_path / "3")[0] == 0


@pytest.mark.parametrize(("form", "same"), [("deb", "1.00"), ("rpm", "1.0+")])
def test_what_is_written_otherwise_may_be_the_same_version(form: str, same: str, tmp_path: Path) -> None:
    first = of_case("two-subnets", "sysv", tmp_path / "1", "--version", "1.0")
    options = ("--previous", first.deb, "--version", same, "--format", form)
    code, _, error = run(*snapshots("two-subnets"), *options, output=tmp_path / "2")
    assert (code, f"version {same} is not higher than 1.0" in error) == (2, True)


@pytest.mark.parametrize(
    ("form", "program", "text"),
    [
        ("deb", "", ""),
        ("rpm", "", ""),
        ("deb", "dpkg", "exit 2"),
        ("rpm", "rpm", "exit 1"),
        ("rpm", "rpm", 'echo "$2"'),
    ],
)
def test_where_nobody_can_compare_versions_nothing_is_refused(
    form: str, program: str, text: str, tmp_path: Path
) -> None:
    """Without dpkg and rpm (nfpm builds there), with one that fails, and with an rpm that has no Lua."""
    if program:
        (tmp_path / program).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / program).chmod(0o755)
    with patch.object(commands, "_SYSTEM_FOLDERS", ()), patch.dict(os.environ, {"PATH": str(tmp_path)}):
        assert is_newer(commands.Runner(), form, "1", than="2")


def test_a_version_in_a_manifest_is_hostile(tmp_path: Path) -> None:
    """It goes into a macro of rpm's."""
    first = of_case("two-subnets", "sysv", tmp_path / "1", "--version", "1")
    tree = unpacked(first.deb, tmp_path / "tree")
    manifest = tree / "usr/share/asymgen/manifest.json"
    hostile = '1"))}%(touch /tmp/asymgen-hostile)%{lua:print(("'
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "version": hostile}))
    code, _, error = run(*snapshots("two-subnets"), "--version", "2", "--previous", tree, output=tmp_path / "2")
    assert (code, "version is '1\"))}%(touch" in error) == (6, True)
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "version": "1" * 140_000}))
    code, _, error = run(*snapshots("two-subnets"), "--version", "2", "--previous", tree, output=tmp_path / "2")
    assert (code, len(error) < 1000) == (6, True)
    assert not Path("/tmp/asymgen-hostile").exists()


def test_groups_of_a_lost_uplink_are_set_back(tmp_path: Path) -> None:
    first = of_case("three-providers", "sysv", tmp_path / "1", "--version", "1")
    gone = "eth2"
    manifest = unpacked(first.deb, tmp_path / "x") / "usr/share/asymgen/manifest.json"
    assert gone in json.loads(manifest.read_text())["groups"]
    options = ("--version", "2", "--previous", str(first.deb), "--exclude", gone)
    made = of_case("three-providers", "sysv", tmp_path / "2", *options)
    script = (unpacked(made.deb, tmp_path / "y") / "DEBIAN/postinst").read_text()
    assert f"    reset_group {gone} 97" in script
    before = (tmp_path / "x/DEBIAN/postinst").read_text()
    assert f"    reset_group {gone} 97" not in before.partition("stop_before() {")[0]


def test_a_missing_builder_says_what_to_install(tmp_path: Path) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    code = "import asymgen.system.commands as c; c._SYSTEM_FOLDERS = (); from asymgen.cli import main; main()"
    environment = {**os.environ, "PATH": str(folder)}
    argv = [sys.executable, "-c", code, "package", *snapshots("two-subnets"), "-o", str(tmp_path), "--format", "rpm"]
    result = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 3
    assert "rpmbuild" in result.stderr
    assert "apt install rpm" in result.stderr
    for name in ("dpkg-deb", "rpmbuild"):
        (folder / name).symlink_to("/bin/true")
    argv[-2:] = ["--format", "deb", "--sign", "KEY"]
    result = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)
    assert (result.returncode, "debsigs" in result.stderr) == (3, True)


def test_writing_beside_a_package_is_refused(tmp_path: Path) -> None:
    root = unpacked(of_case("two-subnets", "ifupdown", tmp_path / "1").deb, tmp_path / "root")
    before = sorted(root.rglob("*"))
    done = asymgen("detect", *snapshots("two-subnets"), "--root", str(root), "--write")
    assert done.returncode == 4
    assert "asymgen-config-two-subnets configures this host" in done.stderr
    assert sorted(root.rglob("*")) == before


def test_the_plan_of_a_package_counts_on_the_host(tmp_path: Path) -> None:
    root = unpacked(of_case("two-subnets", "ifupdown", tmp_path / "1", "--table-base", "40").deb, tmp_path / "root")
    done = asymgen("detect", *snapshots("two-subnets"), "--root", str(root), "--format", "json")
    assert {each["table"] for each in json.loads(done.stdout)["uplinks"]} == {40, 41}


def test_readme_shows_what_it_prints(tmp_path: Path) -> None:
    readme = (TREE / "README.md").read_text(encoding="utf-8")
    found = re.search(
        r"^(asymgen package .*)\n```\n\n<!-- output: package -->\n```text\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL
    )
    assert found is not None
    argv = [str(TREE / word) if word.startswith("tests/") else word for word in found[1].split()[1:]]
    environment = {**os.environ, "PYTHONPATH": str(TREE), "SOURCE_DATE_EPOCH": DATE}
    done = subprocess.run([sys.executable, "-m", "asymgen", *argv], cwd=tmp_path, env=environment, capture_output=True,
                          text=True, check=False)  # fmt: skip
    assert done.stdout == found[2]


@pytest.mark.netns
def test_a_folder_that_cannot_be_written_to(tmp_path: Path) -> None:
    """Said before anything is read; what only shows when it is tried has a name as well."""
    shell = 'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && shift && exec "$@"'
    read_only = ("unshare", "--mount", "sh", "-ec", shell, "sh", str(tmp_path))
    done = asymgen("package", *snapshots("two-subnets"), "-o", str(tmp_path), prefix=read_only)
    assert (done.returncode, done.stderr.splitlines()[0]) == (6, f"asymgen: -o {tmp_path}: you cannot write to it")
    done = asymgen("package", *snapshots("two-subnets"), "-o", "/proc")
    assert (done.returncode, done.stderr.splitlines()[0]) == (
        5,
        "asymgen: /proc: cannot make a directory in it: No such file or directory",
    )
