"""The programs that are measured: asymgen as installed from its wheel, and the peers from Debian, unpacked.

All of it lies below ``build/bench``; nothing is installed on this machine, and nothing of it takes over its network.
"""

from __future__ import annotations

import subprocess
import sys
import venv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "build" / "bench"

PEER_PACKAGES = (
    "netplan.io", "libnetplan0", "libyaml-0-2", "python3-rich", "python3-pygments", "python3-commonmark",
    "cloud-init", "python3-attr", "python3-certifi", "python3-chardet", "python3-charset-normalizer",
    "python3-configobj", "python3-idna", "python3-jinja2", "python3-json-pointer", "python3-jsonpatch",
    "python3-jsonschema", "python3-jwt", "python3-markupsafe", "python3-netifaces", "python3-oauthlib",
    "python3-pkg-resources", "python3-pyrsistent", "python3-requests", "python3-serial", "python3-six",
    "python3-urllib3", "python3-yaml",
)  # fmt: skip
"""netplan and cloud-init of this Debian with what they import."""

TWO_UPLINKS = """\
network:
  version: 2
  renderer: networkd
  ethernets:
    eth0:
      addresses: [192.0.2.10/24]
      routes:
        - {to: 0.0.0.0/0, via: 192.0.2.1}
        - {to: 0.0.0.0/0, via: 192.0.2.1, table: 1}
      routing-policy:
        - {from: 192.0.2.0/24, table: 1, priority: 32003}
    eth1:
      addresses: [198.51.100.10/24]
      routes:
        - {to: 0.0.0.0/0, via: 198.51.100.1, metric: 200}
        - {to: 0.0.0.0/0, via: 198.51.100.1, table: 2}
      routing-policy:
        - {from: 198.51.100.0/24, table: 2, priority: 32013}
"""


@dataclass(frozen=True)
class Asymgen:
    """A virtual environment with asymgen from its wheel: no editable install, whose finder costs 10 ms."""

    python: str
    program: str


def install_asymgen() -> Asymgen:
    """This checkout as a user would have it, with pyroute2 and netifaces beside it."""
    place = BUILD / "venv"
    if not (place / "bin" / "python").exists():
        venv.create(place, with_pip=True, clear=True)
    python = str(place / "bin" / "python")
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    _run([*pip, "pyroute2", "netifaces", "setuptools >= 61", "wheel"])
    _run([*pip, str(ROOT)])
    # Once more, with what it runs with: templates are compiled for the Jinja of the build. The sources are copied by
    # the build: an old build folder would bring old modules along.
    _run([*pip, "--force-reinstall", "--no-deps", "--no-build-isolation", str(ROOT)])
    return Asymgen(python, str(place / "bin" / "asymgen"))


@dataclass(frozen=True)
class Peer:
    """A command line and the environment by which an unpacked package runs."""

    argv: tuple[str, ...]
    environment: Mapping[str, str]


def unpack_peers() -> dict[str, Peer]:
    """netplan's generate and cloud-init's net-convert for the same two uplinks."""
    root = BUILD / "peers"
    if not (root / "usr/bin/cloud-init").exists():
        _unpack(root)
    given = BUILD / "two-uplinks" / "etc" / "netplan" / "two-uplinks.yaml"
    given.parent.mkdir(parents=True, exist_ok=True)
    given.write_text(TWO_UPLINKS, encoding="utf-8")
    given.chmod(0o600)
    libraries = root / "usr/lib" / _multiarch()
    modules = f"{root}/usr/share/netplan:{root}/usr/lib/python3/dist-packages"
    environment = {"PYTHONPATH": modules, "LD_LIBRARY_PATH": str(libraries)}
    # ctypes finds no library outside ldconfig's folders: it is there before ctypes looks.
    netplan = {
        "LD_PRELOAD": str(libraries / "libnetplan.so.0.0"),
        "NETPLAN_GENERATE_PATH": f"{root}/usr/libexec/netplan/generate",
    }
    words = ("--network-data", str(given), "--kind", "yaml", "--output-kind", "networkd", "--distro", "debian")
    return {
        "netplan generate": Peer(
            (
                "/usr/bin/python3",
                f"{root}/usr/share/netplan/netplan.script",
                "generate",
                "--root-dir",
                str(given.parents[2]),
            ),
            {**environment, **netplan},
        ),
        "cloud-init net-convert": Peer(
            (
                "/usr/bin/python3",
                f"{root}/usr/bin/cloud-init",
                "devel",
                "net-convert",
                *words,
                "--directory",
                str(BUILD / "converted"),
            ),
            environment,
        ),
    }


def _unpack(root: Path) -> None:
    packages = BUILD / "packages"
    packages.mkdir(parents=True, exist_ok=True)
    _run(["apt-get", "download", *PEER_PACKAGES], cwd=packages)
    for package in sorted(packages.glob("*.deb")):
        _run(["dpkg-deb", "--extract", str(package), str(root)])
    # As their postinst does: nobody's figure holds the first compilation.
    _run(["/usr/bin/python3", "-m", "compileall", "-q", str(root / "usr")], check=False)


def _multiarch() -> str:
    return _run(["dpkg-architecture", "-qDEB_HOST_MULTIARCH"]).strip()


def peer_versions() -> list[str]:
    """``netplan.io 0.106-2``…, of what was unpacked."""
    names = sorted((BUILD / "packages").glob("*.deb"))
    return [
        name.name.rsplit("_", 1)[0].replace("_", " ") for name in names if name.name.startswith(("netplan", "cloud"))
    ]


def _run(argv: list[str], *, cwd: Path = ROOT, check: bool = True) -> str:
    done = subprocess.run(argv, cwd=cwd, capture_output=True, text=True, check=False)
    if check and done.returncode != 0:
        sys.exit(f"{argv}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout
