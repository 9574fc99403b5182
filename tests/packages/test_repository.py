"""``--sign`` and ``--repo``: the signatures, read by those who check them; the repository, read by real apt and dnf.

Everything goes by file: and inside a network namespace without an interface.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.case_files import DIRECTORY
from tests.command_line import TREE, asymgen
from tests.lab.roots import SYSTEMS, root_of
from tests.namespaces import Namespace
from tests.packages.built import DATE, MAINTAINER, output_of
from tests.packages.signing import KEY, Keyring, keyring

NAME = "asymgen-config-two-subnets"
CASES = ("two-subnets", "three-providers")


@pytest.fixture(scope="module")
def ring(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keyring]:
    with keyring(tmp_path_factory.mktemp("ring") / "gnupg") as made:
        yield made


def package(ring: Keyring, folder: Path, *options: str, cases: tuple[str, ...] = CASES) -> tuple[int, str, str]:
    folder.mkdir(exist_ok=True)
    snapshots = [f"--snapshot={DIRECTORY / case / 'snapshot.json'}" for case in cases]
    argv = ("package", *snapshots, "--backend", "sysv", "--maintainer", MAINTAINER, "-o", str(folder), *options)
    done = asymgen(*argv, environment={**ring.environment, "SOURCE_DATE_EPOCH": DATE})
    return done.returncode, done.stdout, done.stderr


def published(ring: Keyring, folder: Path, *options: str, cases: tuple[str, ...] = CASES) -> Path:
    code, _, error = package(ring, folder, "--sign", KEY, *options, cases=cases)
    assert code == 0, error
    return folder


def test_signatures_are_good(ring: Keyring, tmp_path: Path) -> None:
    """Asked of debsig-verify and rpm, which know the key; and refused where one byte of the package is another."""
    folder = published(ring, tmp_path / "out", "--format", "deb", "--format", "rpm", cases=("two-subnets",))
    [deb], [rpm] = folder.glob("*.deb"), folder.glob("*.rpm")
    public = tmp_path / "key.asc"
    public.write_text(ring.gpg("--armor", "--export", KEY))
    assert "signatures OK" in checked_rpm(rpm, public, tmp_path / "rpmdb")
    assert verified_deb(deb, ring, tmp_path) == 0
    for path in (deb, rpm):
        content = bytearray(path.read_bytes())
        content[-1000] ^= 1
        path.write_bytes(content)
    assert "NOT OK" in checked_rpm(rpm, public, tmp_path / "rpmdb")
    assert verified_deb(deb, ring, tmp_path) != 0


def checked_rpm(path: Path, public: Path, database: Path) -> str:
    subprocess.run(["rpm", "--dbpath", str(database), "--import", str(public)], check=True, capture_output=True)
    done = subprocess.run(
        ["rpm", "--dbpath", str(database), "-K", str(path)], capture_output=True, text=True, check=False
    )
    return done.stdout


def verified_deb(path: Path, ring: Keyring, folder: Path) -> int:
    """The exit code of debsig-verify with a policy that wants a signature of this key: deb-policy of debsig-verify."""
    number = ring.fingerprint[-16:]
    policies, keys = folder / "policies" / number, folder / "keyrings" / number
    for place in (policies, keys):
        place.mkdir(parents=True, exist_ok=True)
    (keys / "key.gpg").unlink(missing_ok=True)
    ring.gpg("--output", str(keys / "key.gpg"), "--export", KEY)
    (policies / "test.pol").write_text(
        '<?xml version="1.0"?>\n<Policy xmlns="https://www.debian.org/debsig/1.0/">\n'
        f'<Origin Name="Test" id="{number}"/>\n'
        f'<Selection><Required Type="origin" File="key.gpg" id="{number}"/></Selection>\n'
        f'<Verification MinOptional="0"><Required Type="origin" File="key.gpg" id="{number}"/></Verification>\n'
        "</Policy>\n"
    )
    argv = ["debsig-verify", "--policies-dir", str(policies.parent), "--keyrings-dir", str(keys.parent), str(path)]
    return subprocess.run(argv, capture_output=True, check=False).returncode


def test_what_is_refused(ring: Keyring, tmp_path: Path) -> None:
    for options, code, says in (
        (("--repo", "apt"), 2, "add --sign KEY"),
        (("--repo", "apt", "--sign", KEY, "--format", "rpm"), 2, "add --format deb"),
        (("--repo", "apt", "--sign", "nobody@example.org"), 6, "gpg has no such secret key"),
    ):
        found, _, error = package(ring, tmp_path / "out", *options)
        assert (found, says in error) == (code, True), error
        assert list((tmp_path / "out").iterdir()) == []


def test_a_key_that_cannot_sign(ring: Keyring, tmp_path: Path) -> None:
    """One with a passphrase and nobody to ask; said before anything is built."""
    made = ("--pinentry-mode", "loopback", "--passphrase", "secret", "--quick-gen-key", "locked@example.org", "rsa3072")
    ring.gpg(*made, "sign")
    subprocess.run(["gpgconf", "--kill", "gpg-agent"], env={**os.environ, **ring.environment}, check=True)
    found, _, error = package(ring, tmp_path / "out", "--sign", "locked@example.org")
    assert (found, "--sign locked@example.org: cannot sign with this key: gpg: " in error) == (6, True), error
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.netns
def test_apt_installs_and_upgrades_from_it(ring: Keyring, net: Namespace, tmp_path: Path) -> None:
    with root_of(SYSTEMS["bookworm"], tmp_path / "machine") as root:
        folder = published(ring, root / "srv/pack ages", "--repo", "apt", "--version", "1")
        (root / "etc/apt/keyrings").mkdir(exist_ok=True)
        (root / "etc/apt/keyrings/asymgen-config.asc").write_bytes((folder / "asymgen-config.asc").read_bytes())
        code, said, _ = package(ring, folder, "--sign", KEY, "--repo", "apt", "--version", "1")
        [line] = [line.strip() for line in said.splitlines() if line.startswith("  deb ")]
        assert code == 0
        (root / "etc/apt/sources.list").write_text(line.replace(str(root), "") + "\n")

        def apt(*words: str, check: bool = True) -> str:
            argv = ("chroot", str(root), "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q", "-y", *words)
            done = net.run(*argv, check=check, stdin=None)
            return done.stdout + done.stderr

        def version() -> str:
            return net.run("chroot", str(root), "dpkg-query", "-W", "-f", "${Version}", NAME).stdout

        said = apt("update")
        assert not [line for line in said.splitlines() if line.startswith(("W:", "E:"))], said
        apt("install", NAME)
        assert version() == "1"
        published(ring, folder, "--repo", "apt", "--version", "2")
        apt("update")
        apt("upgrade")
        assert version() == "2"
        assert len((folder / "Packages").read_text().split("\nFilename: ")) == 5, "both versions of both hosts"
        assert not [path for path in folder.iterdir() if path.name.startswith(".")]
        (folder / "InRelease").write_text((folder / "InRelease").read_text().replace("Origin: asymgen", "Origin: evil"))
        assert "BADSIG" in apt("update", check=False), "negative control: apt does look at the signature"


DNF = """\
[main]
gpgcheck=1
installonly_limit=3
tsflags=noscripts
reposdir=/nowhere
pluginpath=/nowhere
[of-the-distribution]
name=of-the-distribution
baseurl=file://{distribution}
gpgcheck=0
"""
STAND_IN = """\
Name: iproute
Version: 6
Release: 1
Summary: What a distribution has
License: MIT
BuildArch: noarch
Provides: /bin/sh
%description
Stands in for a distribution, of which none can be had here.
%files
"""


@pytest.fixture
def distribution(tmp_path: Path) -> Iterator[Path]:
    """A repository of what a distribution has; the agents that dnf starts for its keyrings are ended."""
    place = tmp_path / "distribution"
    place.mkdir()
    spec = tmp_path / "iproute.spec"
    spec.write_text(STAND_IN)
    defines = ["--define", f"_topdir {tmp_path}/work", "--define", f"_rpmdir {place}"]
    subprocess.run(["rpmbuild", "-bb", "--quiet", *defines, str(spec)], check=True, capture_output=True)
    subprocess.run(["createrepo_c", "--quiet", str(place)], check=True, capture_output=True)
    yield place
    for home in tmp_path.glob("root/var/cache/dnf/*/pubring"):
        subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=False)


@pytest.mark.netns
def test_dnf_installs_and_upgrades_from_it(ring: Keyring, net: Namespace, distribution: Path, tmp_path: Path) -> None:
    """Real dnf with real dependencies; only the packages of the distribution are a stand-in."""
    folder = tmp_path / "packages"
    code, said, error = package(ring, folder, "--sign", KEY, "--repo", "yum", "--version", "1")
    assert code == 0, error
    section = said[said.index("  [asymgen-config]") :].partition("\n\n")[0]
    config, root = tmp_path / "dnf.conf", tmp_path / "root"
    lines = (line.strip() for line in section.splitlines())
    config.write_text(DNF.format(distribution=distribution) + "".join(f"{line}\n" for line in lines))

    def dnf(*words: str, check: bool = True) -> str:
        argv = ("env", f"HOME={tmp_path}", "LC_ALL=C.UTF-8", "dnf", "--config", str(config), "--releasever=1")
        done = net.run(*argv, f"--installroot={root}", "--assumeyes", *words, check=check, stdin=None)
        return done.stdout + done.stderr

    def installed() -> str:
        return output_of("env", f"HOME={tmp_path}", "rpm", "--root", str(root), "-q", NAME).strip()

    dnf("install", NAME)
    assert installed() == f"{NAME}-1-1.noarch"
    assert os.access(root / "usr/libexec/asymgen/check", os.X_OK)
    published(ring, folder, "--repo", "yum", "--version", "2")
    dnf("--refresh", "upgrade")
    assert installed() == f"{NAME}-2-1.noarch"
    index = folder / "repodata/repomd.xml"
    index.write_text(index.read_text().replace("<revision>", "<revision>9"))
    said = dnf("--refresh", "repoquery", NAME, check=False)
    assert "repomd.xml GPG signature verification error" in said, "negative control: dnf does look at the signature"


def test_two_runs_at_once_lose_nothing(ring: Keyring, tmp_path: Path) -> None:
    """Each builds one host's package into the same folder."""
    environment = {**os.environ, **ring.environment, "SOURCE_DATE_EPOCH": DATE}
    (tmp_path / "out").mkdir()
    runs = [
        subprocess.Popen(
            [sys.executable, "-m", "asymgen", "package", "--snapshot", str(DIRECTORY / case / "snapshot.json"),
             "--maintainer", MAINTAINER, "--sign", KEY, "--repo", "apt", "-o", str(tmp_path / "out")],
            env={**environment, "PYTHONPATH": str(TREE)}, stdout=subprocess.DEVNULL,
        )
        for case in CASES
    ]  # fmt: skip
    assert [run.wait() for run in runs] == [0, 0]
    listed = (tmp_path / "out/Packages").read_text()
    assert listed.count("\nFilename: ") == 2
    ring.gpg("--verify", str(tmp_path / "out/Release.gpg"), str(tmp_path / "out/Release"))
