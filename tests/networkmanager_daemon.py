"""The real NetworkManager, alone in a network namespace with a bus of its own; nothing of this machine's is touched.

Its packages are unpacked, not installed (that would hand this machine's network over to it), and laid over /usr
and /etc in a mount namespace, with the test's own /etc above. With /sys read-only it does not wait for udev.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.namespaces import Namespace

PACKAGES = (
    "network-manager", "libnm0", "libndp0", "libteamdctl0", "libbluetooth3", "libmm-glib0", "libjansson4",
    "libnewt0.52", "libcurl3-gnutls", "libpsl5", "libpolkit-gobject-1-0", "libpolkit-agent-1-0",
)  # fmt: skip
_SETUP = """
mount -t tmpfs tmpfs /run
mkdir -p /run/dbus /run/NetworkManager
mkdir -p "$2/usr"
mount -t overlay -o "lowerdir=$2/usr:$1/usr:/usr" none /usr
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
[keyfile]
unmanaged-devices={unmanaged}
"""


class NetworkManager:
    """A running daemon. ``etc`` and ``usr`` below ``folder`` are laid over those of this machine: profiles and
    scripts go there before ``start``. ``only`` are the interfaces that it may touch; all without."""

    def __init__(self, host: Namespace, folder: Path, unpacked: Path, only: Sequence[str] = ()) -> None:
        self.host = host
        self.etc = folder / "etc"
        self.profiles = self.etc / "NetworkManager/system-connections"
        self.profiles.mkdir(parents=True, exist_ok=True)
        unmanaged = ";".join(["*", *(f"except:interface-name:={name}" for name in only)]) if only else ""
        settings = _CONFIGURATION.format(unmanaged=unmanaged)
        (self.etc / "NetworkManager/NetworkManager.conf").write_text(settings, encoding="utf-8")
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
                    with suppress(ProcessLookupError):  # it has just ended by itself
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


def unpack(folder: Path, names: Sequence[str] = PACKAGES) -> Path:
    """The packages ``names``, unpacked below ``folder`` by whoever comes first; taken from ASYMGEN_TEST_PACKAGES where
    they lie there."""
    root, complete = folder / "unpacked", folder / "complete"
    with (folder / "lock").open("w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not complete.exists():
            for deb in _packages(folder, names):
                subprocess.run(["dpkg-deb", "-x", str(deb), str(root)], check=True)
            if (root / "lib").is_dir():  # packages for merged and unmerged /usr
                shutil.copytree(root / "lib", root / "usr/lib", symlinks=True, dirs_exist_ok=True)
            complete.touch()
    return root


def _packages(folder: Path, names: Sequence[str]) -> list[Path]:
    kept = Path(os.environ.get("ASYMGEN_TEST_PACKAGES", folder))
    missing = [name for name in names if not list(kept.glob(f"{name}_*.deb"))]
    if missing:
        subprocess.run(["apt-get", "download", *missing], cwd=folder, capture_output=True, check=False)
    found = [next((deb for place in (kept, folder) for deb in place.glob(f"{name}_*.deb")), None) for name in names]
    assert None not in found, f"apt-get download {' '.join(missing)} failed"
    return [deb for deb in found if deb is not None]


@contextmanager
def networkmanager(
    host: Namespace, folder: Path, unpacked: Path, *, only: Sequence[str] = ()
) -> Iterator[NetworkManager]:
    """The daemon's world, not started yet; ended whatever happened."""
    made = NetworkManager(host, folder, unpacked, only)
    try:
        yield made
    finally:
        made.close()


def keyfiles(snapshot: Mapping[str, Any], interface: str) -> dict[str, str]:
    """Profiles by name, with everything that ``interface`` of a snapshot has, as an administrator would write
    them. What is a bridge (or a bond, for which tests/host_loader.py makes a bridge too) has one for each port."""
    kind = _kind(snapshot, interface)
    families = "".join(_family_section(snapshot, interface, family) for family in (4, 6))
    if kind not in MASTERS:
        return {interface: _connection(interface) + families}
    ports = {
        name: _connection(name, f"master={interface}\nslave-type=bridge\n") for name in ports_of(snapshot, interface)
    }
    # Spanning tree would keep its ports waiting for half a minute.
    return {interface: f"{_connection(interface, kind='bridge')}[bridge]\nstp=false\n{families}", **ports}


MASTERS = ("bridge", "bond", "team")


def ports_of(snapshot: Mapping[str, Any], interface: str) -> list[str]:
    """Interfaces that ``interface`` is the bridge or bond of; none for any other kind."""
    is_master = _kind(snapshot, interface) in MASTERS
    return [link["ifname"] for link in snapshot["links"] if is_master and link.get("master") == interface]


def _kind(snapshot: Mapping[str, Any], interface: str) -> str:
    [link] = [link for link in snapshot["links"] if link["ifname"] == interface]
    return str(link.get("linkinfo", {}).get("info_kind", ""))


def _connection(interface: str, more: str = "", *, kind: str = "ethernet") -> str:
    return f"[connection]\nid={interface}\ntype={kind}\ninterface-name={interface}\n{more}"


def _family_section(snapshot: Mapping[str, Any], interface: str, family: int) -> str:
    [entry] = [entry for entry in snapshot["addrs"] if entry["ifname"] == interface]
    inet = "inet" if family == 4 else "inet6"
    addresses = [one for one in entry["addr_info"] if one["family"] == inet and one["scope"] != "link"]
    link_local = family == 6 and any(one["family"] == inet for one in entry["addr_info"])
    method = "manual" if addresses else "link-local" if link_local else "disabled"
    routes = [route for route in snapshot[f"routes{family}"] if route.get("dev") == interface and _in_main(route)]
    metrics = [route.get("metric", 0) for route in routes if route.get("protocol") == "kernel"]
    lines = [f"[ipv{family}]", f"method={method}", f"route-metric={max(metrics, default=0)}"]
    lines += [f"address{number}={one['local']}/{one['prefixlen']}" for number, one in enumerate(addresses, 1)]
    by_hand = [route for route in routes if route.get("protocol") != "kernel"]
    lines += [line for number, route in enumerate(by_hand, 1) for line in _route_lines(number, route, family)]
    return "\n".join([*lines, ""])


def _in_main(route: Mapping[str, Any]) -> bool:
    return route.get("table", "main") == "main" and "nexthops" not in route


def _route_lines(number: int, route: Mapping[str, Any], family: int) -> list[str]:
    everything, whole = ("0.0.0.0/0", 32) if family == 4 else ("::/0", 128)
    destination = everything if route["dst"] == "default" else route["dst"]
    destination += "" if "/" in destination else f"/{whole}"  # it would take a length from the address's class
    gateway = route.get("gateway", everything.partition("/")[0])
    lines = [f"route{number}={destination},{gateway},{route.get('metric', 0)}"]
    options = {"src": route.get("prefsrc"), "onlink": "true" if "onlink" in route.get("flags", ()) else None}
    said = ",".join(f"{key}={value}" for key, value in options.items() if value)
    return [*lines, f"route{number}_options={said}"] if said else lines
