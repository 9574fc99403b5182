"""Names from a host are hostile text: in rpm macros, control fields, paths and scripts."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from asymgen.errors import UnsupportedError, UsageError
from asymgen.packages import names
from asymgen.templating import deb_line, spec, spec_block
from tests.case_files import DIRECTORY
from tests.command_line import asymgen
from tests.packages.built import BUILDERS, MAINTAINER, output_of, package, unpacked

SNAPSHOT = DIRECTORY / "two-subnets" / "snapshot.json"
PWNED = "/tmp/asymgen-test-pwned"
MACROS = (f"%(touch {PWNED})", f"%{{lua:os.execute('touch {PWNED}')}}", "%{nil}", "%files", "%%", "%define x y")


FIELDS = [
    "Package", "Version", "Section", "Priority", "Architecture", "Installed-Size", "Maintainer", "Depends", "Provides",
    "Conflicts", "Replaces", "Description",
]  # fmt: skip


def changed(folder: Path, *, hostname: str | None = None, interface: str | None = None, mac: str | None = None) -> Path:
    """The snapshot with another hostname, name of eth1, or MAC address of both uplinks."""
    text = SNAPSHOT.read_text()
    if interface is not None:
        text = text.replace('"eth1"', json.dumps(interface))
    found = json.loads(text)
    found["hostname"] = found["hostname"] if hostname is None else hostname
    for link in found["links"]:
        if mac is not None and link["ifname"] != "lo":
            link["address"] = mac
    place = folder / "snapshot.json"
    place.write_text(json.dumps(found))
    return place


@pytest.fixture(autouse=True)
def nothing_ran() -> object:
    Path(PWNED).unlink(missing_ok=True)
    yield
    assert not Path(PWNED).exists(), "a name was run"


@pytest.mark.parametrize(
    "hostname", [*MACROS, "x\nDepends: evil", "x\n%post\ntouch /tmp/asymgen-test-pwned", "$(id)", "a'b"]
)
def test_hostname(hostname: str, tmp_path: Path) -> None:
    made = package(changed(tmp_path, hostname=hostname), tmp_path / "out", "--name", "asymgen-config-x")
    lines = output_of("dpkg-deb", "-f", str(made.deb)).splitlines()
    assert [line.split(":")[0] for line in lines if not line.startswith(" ")] == FIELDS
    assert "evil" not in output_of("dpkg-deb", "-f", str(made.deb), "Depends")
    scripts = output_of("rpm", "-qp", "--scripts", str(made.rpm))
    assert PWNED not in scripts or "touch" in hostname
    for path in (made.deb, made.rpm):
        root = unpacked(path, tmp_path / path.suffix)
        for script in (root / "usr/libexec/asymgen").iterdir():
            subprocess.run(["dash", "-n", str(script)], check=True)
        answer = subprocess.run(["sh", str(root / "usr/libexec/asymgen/is-this-host")], capture_output=True, text=True,
                                check=False)  # fmt: skip
        assert answer.returncode == 1
        assert answer.stdout.startswith("made for the host ")


@pytest.mark.parametrize("interface", ["%(id)", "$(id)", "a;b", "..", "-rf", "%{nil}", "'x", "%files"])
def test_interface_without_a_mac_address(interface: str, tmp_path: Path) -> None:
    """Then its name is in every maintainer script."""
    snapshot = changed(tmp_path, interface=interface, mac="00:00:00:00:00:00")
    (tmp_path / "out").mkdir()
    argv = ("package", "--snapshot", str(snapshot), "--format", "deb", "--format", "rpm", "--backend", "sysv",
            "--maintainer", MAINTAINER, "-o", str(tmp_path / "out"))  # fmt: skip
    done = asymgen(*argv)
    if done.returncode in (3, 6):  # refused, with the reason
        assert repr(interface) in done.stderr
        return
    assert done.returncode == 0, done.stderr
    [rpm] = (tmp_path / "out").glob("*.rpm")
    scripts = output_of("rpm", "-qp", "--scripts", str(rpm))
    assert interface.replace("'", "'\"'\"'") in scripts
    [deb] = (tmp_path / "out").glob("*.deb")
    root = unpacked(deb, tmp_path / "root")
    answer = subprocess.run(
        ["sh", str(root / "usr/libexec/asymgen/is-this-host")], capture_output=True, text=True, check=False
    )
    assert answer.returncode == 1
    assert interface in answer.stdout


@pytest.mark.parametrize("mac", ["$(id)", "02:00:00:00:10:00) return 0 ;; *", "*"])
def test_mac_address_that_is_none(mac: str, tmp_path: Path) -> None:
    made = package(changed(tmp_path, mac=mac), tmp_path / "out", "--format", "deb")
    root = unpacked(made.deb, tmp_path / "root")
    assert mac not in (root / "usr/libexec/asymgen/is-this-host").read_text()


@pytest.mark.parametrize("name", ["a b", "../x", "%{nil}", "a*"])
def test_network_file_that_a_package_cannot_carry(name: str, tmp_path: Path) -> None:
    done = asymgen(
        "package", "--snapshot", str(SNAPSHOT), "--backend", "systemd-networkd",
        "--network-file", "eth0=10-eth0.network", "--network-file", f"eth1={name}.network",
        "--maintainer", MAINTAINER, "-o", str(tmp_path),
    )  # fmt: skip
    if name == "../x":  # the name alone counts
        assert done.returncode == 0, done.stderr
        [deb] = tmp_path.glob("*.deb")
        assert " ./usr/lib/systemd/network/x.network.d/50-asymgen.conf" in output_of("dpkg-deb", "-c", str(deb))
        return
    assert (done.returncode, list(tmp_path.iterdir())) == (3, []), done.stderr
    assert "cannot carry the file" in done.stderr


@pytest.mark.parametrize("text", MACROS)
def test_percent_signs_in_a_spec_are_text(text: str) -> None:
    assert output_of("rpm", "--eval", spec(text)).strip() == text
    assert not spec(text).startswith("%f")


def test_control_characters_end_no_line() -> None:
    assert deb_line("a\nDepends: b\x85é") == "a?Depends: b??"
    assert "\n" not in spec("a\n%post")
    with pytest.raises(UnsupportedError, match="%files"):
        spec_block("echo\n  %files\n")


@pytest.mark.parametrize(
    ("environment", "maintainer"),
    [
        ({}, "Administrators <root@web-1.example.org>"),
        ({"DEBEMAIL": "a@b.example"}, "Administrators <a@b.example>"),
        ({"DEBEMAIL": "a@b.example", "DEBFULLNAME": "A B"}, "A B <a@b.example>"),
        ({"DEBEMAIL": "C D <a@b.example>"}, "C D <a@b.example>"),
        ({"DEBEMAIL": "C D <a@b.example>", "DEBFULLNAME": "A B"}, "A B <a@b.example>"),
        ({"EMAIL": "a@b.example", "NAME": "Jörg Ümläut"}, "Jörg Ümläut <a@b.example>"),
        ({"DEBEMAIL": "a@b.example", "EMAIL": "x@y.example"}, "Administrators <a@b.example>"),
    ],
)
def test_maintainers_from_the_environment(environment: dict[str, str], maintainer: str) -> None:
    """As debchange(1) takes them; without, nothing of the machine that builds."""
    assert names.maintainer_of(None, environment, "Web_1.example.org") == maintainer
    assert names.maintainer_of("X <x@y.example>", environment, "web1") == "X <x@y.example>"


def test_a_maintainer_in_the_environment_that_is_refused() -> None:
    with pytest.raises(UsageError, match=r"DEBFULLNAME and DEBEMAIL .* give 'A <nobody>'"):
        names.maintainer_of(None, {"DEBEMAIL": "nobody", "NAME": "A"}, "web1")


def test_a_name_keeps_its_letters(tmp_path: Path) -> None:
    """In UTF-8, as both formats have it."""
    for builder in BUILDERS:
        made = package(SNAPSHOT, tmp_path / builder, "--maintainer", "Jörg Ümläut <j@b.example>", "--builder", builder)
        assert output_of("dpkg-deb", "-f", str(made.deb), "Maintainer") == "Jörg Ümläut <j@b.example>\n"
        assert "Jörg Ümläut <j@b.example> - " in output_of("rpm", "-qp", "--changelog", str(made.rpm))


@pytest.mark.parametrize(
    "value",
    [
        "a <b@c>\nDepends: x",
        "nobody",
        "\udcff <a@b.example>",
        "A\u2028B <a@b.example>",
        "<a@b>",
        "A <a@b>, B <c@d>",
        "%(id) <a@b c>",
    ],
)
def test_maintainers_that_are_refused(value: str) -> None:
    with pytest.raises(UsageError, match="wanted 'Name <name@example"):
        names.check_maintainer(value)


@pytest.mark.parametrize("value", ["1-2", "a", "1 2", "1:2", "1\n2", "1%{nil}", ""])
def test_versions_that_are_refused(value: str) -> None:
    with pytest.raises(UsageError, match="--version"):
        names.check_version(value)


@pytest.mark.parametrize(
    ("hostname", "name"),
    [
        ("web1", "asymgen-config-web1"), ("Web_1.example.org", "asymgen-config-web-1.example.org"),
        ("../../etc", "asymgen-config-etc"), ("$(id)", "asymgen-config-id"),
    ],
)  # fmt: skip
def test_names_of_packages(hostname: str, name: str) -> None:
    assert names.package_name(hostname) == name


def test_a_host_without_a_usable_name_needs_one() -> None:
    with pytest.raises(UsageError, match="gives no package name"):
        names.package_name("***")
    with pytest.raises(UsageError, match="lower-case"):
        names.package_name("web1", "../x")
    for given in ("a", "a" * 129):
        with pytest.raises(UsageError, match="2 to 128 lower-case"):
            names.package_name("web1", given)
    assert names.package_name("h" * 64).endswith("-" + "h" * 64)  # as long as Linux takes them
    with pytest.raises(UsageError, match="gives no package name"):
        names.package_name("h" * 200)
