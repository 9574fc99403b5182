"""Into trees without a running init: a chroot by dpkg, a tree by rpm with its database. No kernel is touched."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.case_files import DIRECTORY
from tests.lab.roots import SYSTEMS, root_of
from tests.namespaces import Namespace
from tests.packages.built import BUILDERS, Result, of_case, output_of, package

pytestmark = pytest.mark.netns
NAME = "asymgen-config-dual-stack-static"
ENABLED = "etc/systemd/system/multi-user.target.wants/asymgen-config.service"


class Tree:
    """A root file system, entered from a network namespace of its own."""

    def __init__(self, root: Path, net: Namespace) -> None:
        self.root = root
        self.net = net

    def run(self, *argv: str, check: bool = True) -> str:
        done = self.net.run("chroot", str(self.root), "env", "LC_ALL=C", *argv, check=check, stdin=None)
        return done.stdout + done.stderr

    def put(self, path: Path) -> str:
        (self.root / "root" / path.name).write_bytes(path.read_bytes())
        return f"/root/{path.name}"

    def ours(self) -> set[str]:
        found = self.run("find", "/etc", "/usr", "/var/lib", "-name", "*asymgen*", "!", "-path", "/var/lib/dpkg/*")
        return set(found.splitlines())


@pytest.fixture
def chroot(net: Namespace, tmp_path: Path) -> Iterator[Tree]:
    with root_of(SYSTEMS["bookworm"], tmp_path / "machine") as root:
        yield Tree(root, net)


def test_image_build_only_enables(chroot: Tree, tmp_path: Path) -> None:
    made = of_case("dual-stack-static", "sysv", tmp_path / "built", "--version", "1")
    before = chroot.net.ip("rule", "show")
    said = chroot.run("dpkg", "--install", chroot.put(made.deb))
    assert "asymgen-config" in said
    assert (chroot.root / ENABLED).is_symlink()
    assert chroot.net.ip("rule", "show") == before
    assert "Installed, and inert" not in said, "which host it will be is known only when it boots"
    assert chroot.run("dpkg", "--audit") == ""
    chroot.run("dpkg", "--purge", NAME)
    assert chroot.ours() == set()


@pytest.mark.parametrize("backend", ["sysv", "ifupdown"])
def test_image_build_leaves_the_kernel_of_its_host_alone(backend: str, chroot: Tree, tmp_path: Path) -> None:
    """Which may be one that asymgen configured: its rules are of the same protocol, and its MAC addresses may fit."""
    chroot.net.ip("rule", "add", "from", "192.0.2.10", "lookup", "1", "priority", "32000", "protocol", "97")
    before = chroot.net.ip("rule", "show")
    made = of_case("dual-stack-static", backend, tmp_path / "built", "--any-host", "--format", "deb")
    chroot.run("dpkg", "--install", chroot.put(made.deb))
    chroot.run("dpkg", "--remove", NAME)
    assert chroot.net.ip("rule", "show") == before
    lock = chroot.root / "run/asymgen.lock"
    assert not lock.exists(), "nothing ran that takes it"
    lock.touch()
    chroot.run("dpkg", "--purge", NAME)
    assert not lock.exists()


def test_units_are_what_systemd_expects(chroot: Tree, built: Result) -> None:
    chroot.run("dpkg", "--force-depends", "--install", chroot.put(built.deb))
    units = sorted(chroot.root.glob("usr/lib/systemd/system/asymgen*"))
    for unit in units:
        said = chroot.run("systemd-analyze", "--man=no", "verify", f"/{unit.relative_to(chroot.root)}")
        assert [line for line in said.splitlines() if "asymgen" in line] == []
    assert units


def test_edited_and_deleted_files_stay_so(chroot: Tree, tmp_path: Path) -> None:
    """Standard input is closed: dpkg would stop at its question, and leave the package half configured."""
    first = of_case("dual-stack-static", "sysv", tmp_path / "1", "--version", "1")
    second = of_case("dual-stack-static", "sysv", tmp_path / "2", "--version", "2", "--table-base", "70")
    chroot.run("dpkg", "--install", chroot.put(first.deb))
    script, names = (
        chroot.root / "etc/init.d/asymgen-config",
        chroot.root / "etc/iproute2/rt_tables.d/asymgen-config.conf",
    )
    script.write_text("#!/bin/sh\n# mine\n")
    names.unlink()
    said = chroot.run("dpkg", "--install", chroot.put(second.deb))
    assert "/etc/init.d/asymgen-config was changed by hand and stays so" in said
    assert script.read_text() == "#!/bin/sh\n# mine\n"
    assert "table 70" in (chroot.root / "etc/init.d/asymgen-config.dpkg-dist").read_text()
    assert not names.exists()
    assert "installed" in chroot.run("dpkg-query", "-W", "-f", "${db:Status-Status}", NAME)
    chroot.run("dpkg", "--purge", NAME)
    assert chroot.ours() == set()


@pytest.mark.parametrize("builder", BUILDERS)
@pytest.mark.parametrize("added", ["", "# mine\n"], ids=["unchanged", "edited"])
def test_conffiles_of_another_backend_go(builder: str, added: str, chroot: Tree, tmp_path: Path) -> None:
    """An edited one is no longer run either; dpkg does not ask."""
    versions = [
        of_case("dual-stack-static", backend, tmp_path / backend, "--version", version, "--builder", builder)
        for version, backend in (("1", "ifupdown"), ("2", "sysv"))
    ]
    chroot.run("dpkg", "--install", chroot.put(versions[0].deb))
    hook = chroot.root / "etc/network/if-up.d/asymgen-config"
    assert hook.exists()
    with hook.open("a") as file:
        file.write(added)
    chroot.run("dpkg", "--install", chroot.put(versions[1].deb))
    assert not hook.exists()
    assert "installed" in chroot.run("dpkg-query", "-W", "-f", "${db:Status-Status}", NAME)
    kept = [path for path in hook.parent.iterdir() if path.name.startswith("asymgen-config")]
    assert ["# mine" in path.read_text() for path in kept] == ([True] if added else [])
    chroot.run("dpkg", "--purge", NAME)
    assert chroot.ours() == set()


# What dpkg and the files must say, line by line: $1 to $4 are the versions.
OF_NETWORKD = """
uplink() { test -e "/usr/lib/systemd/network/10-$1.network.d/50-asymgen.conf"; }
of() { dpkg-query --listfiles asymgen-config-three-providers | grep -c "$1"; }
names=/etc/iproute2/rt_tables.d/asymgen-config.conf

dpkg --install "$1"                           # two uplinks
uplink eth0; uplink eth1; ! uplink eth2
grep -q '^1 asymgen_eth0' $names

dpkg --install "$2"                           # a new uplink, with the numbers of the others
uplink eth0; uplink eth1; uplink eth2
grep -q '^1 asymgen_eth0' $names; grep -q '^3 asymgen_eth2' $names

echo '77 by_hand' >>$names                    # edited by hand
dpkg --install "$3"                           # a lost uplink
uplink eth0; uplink eth1; ! uplink eth2
grep -q '77 by_hand' $names
! grep -q asymgen_eth2 $names.dpkg-dist

dpkg --install "$4"                           # other numbers
grep -q '^50 asymgen_eth0' $names.dpkg-dist
grep -rq 'Table=50' /usr/lib/systemd/network
! grep -rq 'Table=1$' /usr/lib/systemd/network

dpkg --remove asymgen-config-three-providers
! uplink eth0; ! uplink eth1
grep -q '77 by_hand' $names
dpkg --purge asymgen-config-three-providers
! test -e $names; ! test -e $names.dpkg-dist
! test -e /var/lib/asymgen
"""


def test_a_life_line_by_line(chroot: Tree, tmp_path: Path) -> None:
    """A new uplink, a lost one, an edited file, other numbers, removal, purge."""
    names = [f"--network-file={name}=10-{name}.network" for name in ("eth0", "eth1", "eth2")]
    paths: list[Path] = []
    for options in (
        ("--exclude=eth2", "--table-base=1"),
        (),
        ("--exclude=eth2",),
        ("--exclude=eth2", "--table-base=50"),
    ):
        version = str(len(paths) + 1)
        previous = ("--previous", str(paths[-1])) if paths and "--table-base=50" not in options else ()
        made = package(
            DIRECTORY / "three-providers" / "snapshot.json", tmp_path / version, "--backend", "systemd-networkd",
            "--format", "deb", "--version", version, *names[: 2 if "--exclude=eth2" in options else 3],
            *options, *previous,
        )  # fmt: skip
        paths.append(made.deb)
    debs = [chroot.put(path) for path in paths]
    # "! command" never ends a script by -e: each line is asked by itself.
    lines = re.sub(r"! ([^;\n]*)", r"if \1; then echo 'is there: \1'; exit 1; fi", OF_NETWORKD)
    (chroot.root / "root/life.sh").write_text(lines)
    argv = ("chroot", str(chroot.root), "env", "LC_ALL=C", "sh", "-eux", "/root/life.sh", *debs)
    done = chroot.net.run(*argv, check=False, stdin=None)
    assert done.returncode == 0, done.stdout + done.stderr
    assert chroot.ours() == set()


def test_two_packages_do_not_share_a_host(chroot: Tree, tmp_path: Path) -> None:
    chroot.run("dpkg", "--install", chroot.put(of_case("dual-stack-static", "sysv", tmp_path / "1").deb))
    other = of_case("two-subnets", "sysv", tmp_path / "2")
    assert re.search("conflict", chroot.run("dpkg", "--install", chroot.put(other.deb), check=False))


def rpm(root: Path, *arguments: str) -> str:
    """Into a tree of its own with its database; dependencies are those of a distribution that is not here."""
    argv = ("rpm", "--root", str(root), "--nodeps", "--noscripts", *arguments)
    done = subprocess.run(argv, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_rpm_installs_upgrades_and_erases(built: Result, tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    rpm(root, "-i", str(built.rpm))
    assert rpm(root, "-V", NAME) == ""
    assert os.access(root / "usr/libexec/asymgen/check", os.X_OK)
    names = root / "etc/iproute2/rt_tables.d/asymgen-config.conf"
    names.write_text("77 by_hand\n")
    later = of_case("dual-stack-static", "sysv", tmp_path / "2", "--version", "30000101", "--table-base", "70")
    rpm(root, "-U", str(later.rpm))
    assert names.read_text() == "77 by_hand\n"
    assert "70 asymgen_eth0" in names.with_name(f"{names.name}.rpmnew").read_text()
    rpm(root, "-e", NAME)
    left = {str(path.relative_to(root)) for path in root.rglob("*asymgen*") if path.is_file()}
    assert {path for path in left if not path.endswith((".rpmsave", ".rpmnew"))} == set()


def scriptlets(made: Result) -> dict[str, str]:
    said = output_of("rpm", "-qp", "--scripts", str(made.rpm))
    parts = re.split(r"^(\w+) scriptlet \(using /bin/sh\):$", said, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2]))


def scriptlet(chroot: Tree, made: Result, name: str, count: str) -> str:
    """By the shell of the tree, as rpm calls it."""
    (chroot.root / "root/scriptlet").write_text(scriptlets(made)[name])
    return chroot.run("sh", "/root/scriptlet", count)


def test_rpm_scriptlets_in_a_chroot(chroot: Tree, tmp_path: Path) -> None:
    """The scriptlets themselves, by the shell of the tree, as rpm calls them: install, upgrade, remove."""
    made = of_case("dual-stack-static", "sysv", tmp_path / "built")
    assert set(scriptlets(made)) == {"preinstall", "postinstall", "preuninstall", "postuninstall"}
    chroot.run("dpkg", "--install", chroot.put(made.deb))  # for the files
    (chroot.root / ENABLED).unlink()
    for name, count in (
        ("preinstall", "1"), ("postinstall", "1"), ("preinstall", "2"), ("postinstall", "2"), ("preuninstall", "1"),
        ("postuninstall", "1"), ("preuninstall", "0"), ("postuninstall", "0"),
    ):  # fmt: skip
        scriptlet(chroot, made, name, count)
        if (name, count) == ("postinstall", "1"):
            assert (chroot.root / ENABLED).is_symlink()
    assert not (chroot.root / ENABLED).exists()
    assert not (chroot.root / "var/lib/asymgen").exists()


def test_rpm_enables_the_units_that_are_new(chroot: Tree, tmp_path: Path) -> None:
    """An upgrade that brings the timer; a unit that an administrator disabled stays so."""
    first, second = (
        of_case("dual-stack-static", "sysv", tmp_path / version, "--version", version, *options)
        for version, options in (("1", ()), ("2", ("--with-check",)))
    )
    timer = chroot.root / "etc/systemd/system/timers.target.wants/asymgen-check.timer"
    chroot.run("dpkg", "--install", chroot.put(first.deb))  # for the files
    (chroot.root / ENABLED).unlink()
    scriptlet(chroot, second, "preinstall", "2")
    chroot.run("dpkg", "--unpack", chroot.put(second.deb))
    scriptlet(chroot, second, "postinstall", "2")
    assert timer.is_symlink()
    assert not (chroot.root / ENABLED).is_symlink()
    assert not (chroot.root / "run/asymgen-new-units").exists()
    timer.unlink()
    scriptlet(chroot, second, "preinstall", "2")
    scriptlet(chroot, second, "postinstall", "2")
    assert not timer.is_symlink()
