"""Root file systems of real Debian systems, made once and kept outside the tree.

``mmdebstrap`` makes one per system from Debian's archive (about 20 seconds); it is kept, unpacked, below
ASYMGEN_LAB_CACHE (/var/cache/asymgen-lab) under a name that its package list decides. A machine boots from an overlay
above it, so that no test sees what another one left.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

CACHE = Path(os.environ.get("ASYMGEN_LAB_CACHE", "/var/cache/asymgen-lab"))
# Where asymgen itself runs, not only what it wrote.
_PYTHON = ("python3", "python3-click", "python3-jinja2", "python3-netifaces")
_KERNEL = (
    "linux-image-cloud-amd64", "initramfs-tools", "zstd", "udev", "python3", "vlan", "ifenslave", "wireguard-tools",
    "nftables",
)  # fmt: skip
_COMMON = ("iproute2", "iputils-ping", "procps", "dbus", "kmod")


@dataclass(frozen=True)
class System:
    """A system to boot: a release of Debian, an init system, and the packages that bring the network up."""

    name: str
    suite: str
    packages: tuple[str, ...]

    @property
    def include(self) -> tuple[str, ...]:
        return (*_COMMON, *self.packages)

    @property
    def gates(self) -> bool:
        """sid is another one every day: what it breaks is reported, and fails nothing."""
        return self.suite != "sid"

    @property
    def is_systemd(self) -> bool:
        return "systemd-sysv" in self.packages


# Bookworm's root holds three managers; a machine masks those that it does not want. Others hold one each.
SYSTEMS = {
    system.name: system
    for system in (
        System("bookworm", "bookworm", ("systemd-sysv", "ifupdown", "isc-dhcp-client", "network-manager", *_PYTHON)),
        System("bookworm-sysvinit", "bookworm", ("sysvinit-core", "ifupdown", "isc-dhcp-client", *_PYTHON)),
        System("trixie", "trixie", ("systemd-sysv", "ifupdown", "dhcpcd-base", "network-manager")),
        System("trixie-sysvinit", "trixie", ("sysvinit-core", "ifupdown", "dhcpcd-base")),
        System("bookworm-vm", "bookworm", ("systemd-sysv", "ifupdown", *_KERNEL)),
        System("sid", "sid", ("systemd-sysv", "ifupdown", "dhcpcd-base", "network-manager")),
        System("bullseye", "bullseye", ("systemd-sysv", "ifupdown", "isc-dhcp-client", "network-manager")),
        System("bookworm-ifupdown2", "bookworm", ("systemd-sysv", "ifupdown2", "isc-dhcp-client")),
        System("bookworm-ifupdown-ng", "bookworm", ("systemd-sysv", "ifupdown-ng", "isc-dhcp-client")),
    )
}


def base_of(system: System) -> Path:
    """The unpacked root of ``system``, made now where it is not kept yet. Never written to."""
    words = " ".join((system.suite, *system.include))
    place = CACHE / f"{system.name}-{hashlib.sha256(words.encode()).hexdigest()[:12]}"
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{place.name}.lock").open("w") as lock:  # two workers may want the same one
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not place.is_dir():
            _make(system, place)
    return place


def _make(system: System, place: Path) -> None:
    made = place.with_suffix(".new")
    shutil.rmtree(made, ignore_errors=True)
    # sid's Release file expires within a week, mirrors that lag or not.
    old = () if system.gates else ('--aptopt=Acquire::Check-Valid-Until "false"',)
    done = subprocess.run(
        ["mmdebstrap", "--quiet", "--mode=root", "--variant=minbase", *old,
         f"--include={','.join(system.include)}", system.suite, str(made)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"mmdebstrap of {system.name}: {done.stderr}"
    made.rename(place)


@contextmanager
def root_of(system: System, folder: Path) -> Iterator[Path]:
    """A root to boot from: an overlay over the kept one, with all changes below ``folder``."""
    base = base_of(system)
    for name in ("upper", "work", "root"):
        (folder / name).mkdir(parents=True)
    options = f"lowerdir={base},upperdir={folder / 'upper'},workdir={folder / 'work'}"
    root = folder / "root"
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, str(root)], check=True)
    try:
        yield root
    finally:
        subprocess.run(["umount", "--lazy", str(root)], check=True)
