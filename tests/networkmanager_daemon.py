"""The real NetworkManager, alone in a network namespace with a bus of its own; nothing of this machine's is touched.

Its packages are unpacked, not installed (that would hand this machine's network over to it), and laid over /usr
and /etc in a mount namespace, with the test's own /etc above. With /sys read-only it does not wait for udev.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.namespaces import Namespace

PACKAGES = (
    "network-manager", "libnm0", "libndp0", "libteamdctl0", "libbluetooth3", "libmm-glib0", "libjansson4",
    "libnewt0.52", "libcurl3-gnutls", "libpsl5", "libpolkit-gobject-1-0", "libpolkit-agent-1-0",
)  # fmt: skip
_SETUP = """
mount -t tmpfs tmpfs /run
mkdir -p /run/dbus /run/NetworkManager
mount -t overlay -o "lowerdir=$1/usr:/usr" none /usr
mount -t overlay -o "lowerdir=$2/etc:$1/etc:/etc" none /etc
mount -t tmpfs tmpfs /var/lib
mkdir -p /var/lib/NetworkManager
mount -o remount,ro,bind /sys
exec dbus-daemon --system --nofork --nopidfile --nosyslog
"""
_CONFIGURATION = """\
[main]
plugins=keyfile
dns=none
no-auto-default=*
auth-polkit=false
[connectivity]
enabled=false
"""


class NetworkManager:
    """A running daemon. ``etc`` is laid over /etc: profiles and scripts go there before ``start``."""

    def __init__(self, host: Namespace, folder: Path, unpacked: Path) -> None:
        self.host = host
        self.etc = folder / "etc"
        self.profiles = self.etc / "NetworkManager/system-connections"
        self.profiles.mkdir(parents=True, exist_ok=True)
        (self.etc / "NetworkManager/NetworkManager.conf").write_text(_CONFIGURATION, encoding="utf-8")
        (self.etc / "machine-id").write_text("0123456789abcdef0123456789abcdef\n", encoding="utf-8")
        self._unpacked = unpacked
        self._folder = folder
        self._log = folder / "networkmanager.log"
        self.bus: subprocess.Popen[str] | None = None
        self.process: subprocess.Popen[str] | None = None

    @property
    def log(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace") if self._log.exists() else ""

    def profile(self, name: str, text: str) -> None:
        """A keyfile: NetworkManager reads none that others may read."""
        path = self.profiles / f"{name}.nmconnection"
        path.write_text(text, encoding="utf-8")
        path.chmod(0o600)

    def inside(self, *argv: str) -> list[str]:
        assert self.bus is not None
        return ["nsenter", "-t", str(self.bus.pid), "-m", "-n", *argv]

    def start(self) -> None:
        """The bus, and the daemon; it starts nm-dispatcher by the bus when it has something to tell."""
        with self._log.open("a", encoding="utf-8") as log:
            self.bus = self.host.start(
                "unshare", "-m", "sh", "-euc", _SETUP, "setup", str(self._unpacked), str(self._folder),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
            self.wait_for("test", "-S", "/run/dbus/system_bus_socket")
            self.process = subprocess.Popen(
                self.inside("/usr/sbin/NetworkManager", "--no-daemon", "--log-level=INFO"),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, text=True,
            )  # fmt: skip
        self.wait_for("sh", "-c", "nmcli -t -f STARTUP general | grep -x started")

    def run(self, *argv: str) -> str:
        result = subprocess.run(self.inside(*argv), capture_output=True, text=True, check=False)
        assert result.returncode == 0, f"{argv}: {result.stdout}{result.stderr}\n{self.log}"
        return result.stdout

    def wait_for(self, *argv: str, seconds: float = 15) -> None:
        """Until ``argv`` succeeds inside."""
        deadline = time.monotonic() + seconds
        while subprocess.run(self.inside(*argv), capture_output=True, check=False).returncode != 0:
            assert time.monotonic() < deadline, f"{argv}: not within {seconds} seconds\n{self.log}"
            time.sleep(0.05)

    def close(self) -> None:
        """End the daemon, whatever the bus started for it, and the bus."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(10)
        if self.bus is not None:
            for process in _in_mount_namespace_of(self.bus.pid):
                if process != self.bus.pid:
                    with suppress(ProcessLookupError):  # it may have ended by itself meanwhile
                        os.kill(process, 15)
            self.bus.terminate()
            self.bus.wait(10)


def _in_mount_namespace_of(process: int) -> list[int]:
    """Processes that share the mount namespace which this test made for ``process``."""
    ours = os.readlink(f"/proc/{process}/ns/mnt")
    assert ours != os.readlink("/proc/self/ns/mnt")
    return [int(entry.name) for entry in Path("/proc").iterdir() if _mounts_of(entry) == ours]


def _mounts_of(process: Path) -> str:
    """Its mount namespace; nothing for what is no process, has ended, or is none of ours."""
    try:
        return os.readlink(process / "ns/mnt") if process.name.isdecimal() else ""
    except (FileNotFoundError, PermissionError):
        return ""


def unpack(folder: Path) -> Path:
    """The packages, unpacked below ``folder``; taken from ASYMGEN_TEST_PACKAGES where they lie there."""
    kept = os.environ.get("ASYMGEN_TEST_PACKAGES", "")
    debs = []
    for name in PACKAGES:
        found = sorted(Path(kept).glob(f"{name}_*.deb")) if kept else []
        if not found:
            subprocess.run(["apt-get", "download", name], cwd=folder, capture_output=True, check=False)
            found = sorted(folder.glob(f"{name}_*.deb"))
        assert found, f"apt-get download {name} failed"
        debs.append(found[0])
    root = folder / "unpacked"
    for deb in debs:
        subprocess.run(["dpkg-deb", "-x", str(deb), str(root)], check=True)
    if (root / "lib").is_dir():  # packages for merged and unmerged /usr
        shutil.copytree(root / "lib", root / "usr/lib", symlinks=True, dirs_exist_ok=True)
    return root


@contextmanager
def networkmanager(host: Namespace, folder: Path, unpacked: Path) -> Iterator[NetworkManager]:
    """The daemon's world, not started yet; ended whatever happened."""
    made = NetworkManager(host, folder, unpacked)
    try:
        yield made
    finally:
        made.close()
