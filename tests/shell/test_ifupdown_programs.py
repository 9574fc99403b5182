"""ifupdown, ifupdown-ng and ifupdown2 themselves, unpacked from their packages, run the hooks in a namespace."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.namespaces import namespace
from tests.shell.lab import Lab
from tests.states import TWO_SUBNETS, kernel_state

pytestmark = pytest.mark.netns

INTERFACES = """
auto lo
iface lo inet loopback
auto eth0
iface eth0 inet static
    address 192.0.2.10/24
    gateway 192.0.2.1
iface eth0 inet6 static
    address 2001:db8:0:1::10/64
    dad-attempts 0
auto eth1
iface eth1 inet static
    address 198.51.100.10/24
iface eth1 inet6 static
    address 2001:db8:0:2::10/64
    dad-attempts 0
"""

# Each step says how the hook's own "status" ended, or how many rules of ours there are.
STEPS = """
mount --bind {etc} /etc && mount -t tmpfs none /run && mkdir -p /run/network /run/ifupdown || exit 9
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
{prepare}
told() {{ /etc/network/if-up.d/asymgen status >&2; echo "$1: $?"; }}
count() {{ echo "$1: $(ip -N -4 rule show | grep -c 'proto 97$') $(ip -N -6 rule show | grep -c 'proto 97$')"; }}
{up} -a; echo "ifup -a: $?"; told all
{down} eth1; echo "ifdown eth1: $?"; count half
{up} eth1; echo "ifup eth1: $?"; told again
{down} eth0 {both} {down} eth1 {both} wait; count none
{up} eth0 {both} {up} eth1 {both} wait; told parallel
{down} -a; echo "ifdown -a: $?"; count end
"""

EXPECTED = """\
ifup -a: 0
all: 0
ifdown eth1: 0
half: 3 3
ifup eth1: 0
again: 0
none: 0 0
parallel: 0
ifdown -a: 0
end: 0 0
"""


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the three unpacked. Installing them would take over this machine's network."""
    folder = tmp_path_factory.mktemp("packages")
    kept = os.environ.get("ASYMGEN_TEST_PACKAGES", "")
    for name in ("ifupdown", "ifupdown-ng", "ifupdown2"):
        found = sorted(Path(kept).glob(f"{name}_*.deb")) if kept else []
        if not found:
            fetch = subprocess.run(
                ["apt-get", "download", name], cwd=folder, capture_output=True, text=True, check=False
            )
            found = sorted(folder.glob(f"{name}_*.deb"))
            if not found:
                pytest.skip(f"apt-get download {name}: {fetch.stderr.strip()}")
        subprocess.run(["dpkg-deb", "-x", str(found[0]), str(folder / name)], check=True)
    return folder


def _make_etc(lab: Lab, package: Path) -> Path:
    """An /etc with the package's and asymgen's files, and what programs need of this machine's."""
    etc = lab.write(kernel_state(TWO_SUBNETS), backend="ifupdown") / "etc"
    shutil.copytree(package / "etc/network", etc / "network", dirs_exist_ok=True)
    for hook in ("if-pre-up.d", "if-up.d", "if-down.d", "if-post-down.d"):
        (etc / "network" / hook).mkdir(exist_ok=True)
        (etc / "network" / hook / "resolved").unlink(missing_ok=True)
    (etc / "network/interfaces").write_text(INTERFACES)
    for name in ("passwd", "group", "nsswitch.conf", "ld.so.cache", "alternatives"):
        source = Path("/etc") / name
        if source.is_dir():
            shutil.copytree(source, etc / name, symlinks=True, dirs_exist_ok=True)
        elif source.exists():
            shutil.copy(source, etc / name)
    return etc


def _commands(name: str, package: Path, folder: Path) -> dict[str, str]:
    """The programs, by links: all three look at the name that they were called by."""
    program = {"ifupdown": "sbin/ifup", "ifupdown-ng": "sbin/ifupdown", "ifupdown2": "usr/share/ifupdown2/__main__.py"}
    for verb in ("ifup", "ifdown"):
        (folder / verb).symlink_to(package / program[name])
    options = f" -E {package}/usr/libexec/ifupdown-ng" if name == "ifupdown-ng" else ""
    runner = "/usr/bin/python3 " if name == "ifupdown2" else ""
    return {
        # ifupdown2 refuses a second instance; two of ifupdown-ng lose each other's notes in /run/ifstate.
        "both": "&" if name == "ifupdown" else ";",
        "up": f"{runner}{folder}/ifup{options}",
        "down": f"{runner}{folder}/ifdown{options}",
        # ifupdown2 finds its parts by a fixed path
        "prepare": f"mount -t overlay -o lowerdir={package}/usr/share:/usr/share none /usr/share"
        if name == "ifupdown2"
        else "",
    }


@pytest.mark.parametrize("name", ["ifupdown", "ifupdown-ng", "ifupdown2"])
def test_program_runs_the_hooks(packages: Path, tmp_path: Path, name: str) -> None:
    with namespace("agif") as made:
        lab = Lab(made, tmp_path, TWO_SUBNETS)
        lab.plug()
        for interface in ("eth0", "eth1"):
            lab.down(interface)
        package = packages / name
        steps = STEPS.format(etc=_make_etc(lab, package), **_commands(name, package, tmp_path))
        result = made.run("unshare", "--mount", *lab.environment(), "sh", "-c", steps, check=False)
        assert result.stdout == EXPECTED, result.stderr
        assert "missing" not in result.stderr
