"""The real systemd-networkd, alone in a network namespace with a bus of its own; nothing of this machine's is touched.

It has /run to itself (a tmpfs), an overlay over /etc, /var and /usr/local, and the test's folder as
/etc/systemd/network. With ``container=`` set and /sys read-only it does not wait for udev.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.namespaces import Namespace

DAEMON = "/lib/systemd/systemd-networkd"
_SETUP = """
for place in etc var usr/local; do
    mkdir -p "$1/upper/$place" "$1/work/$place"
    mount -t overlay overlay -o "lowerdir=/$place,upperdir=$1/upper/$place,workdir=$1/work/$place" "/$place"
done
mount -t tmpfs tmpfs /run
mkdir -p /run/dbus /run/systemd/netif/links /run/systemd/netif/leases /run/systemd/netif/lldp /run/systemd/system
chown -R systemd-network:systemd-network /run/systemd/netif
mount --bind "$1/network" /etc/systemd/network
cp "$1/networkd.conf" /etc/systemd/networkd.conf
mount -o remount,ro,bind /sys
exec dbus-daemon --system --nofork --nopidfile --nosyslog
"""
# An administrator with other tools beside networkd has this, or they would lose their rules.
_CONFIGURATION = "[Network]\nManageForeignRoutes=no\nManageForeignRoutingPolicyRules=no\n"


def version() -> str:
    """The major version of systemd's daemon on this machine, as ``networkctl --version`` says it."""
    words = subprocess.run(["networkctl", "--version"], capture_output=True, text=True, check=True).stdout.split()
    return words[1]


class Networkd:
    """A running daemon. ``network`` is its /etc/systemd/network."""

    def __init__(self, host: Namespace, folder: Path, daemon: str, configuration: str) -> None:
        self.host = host
        self.network = folder / "network"
        self.network.mkdir(exist_ok=True)
        self.daemon = daemon
        (folder / "networkd.conf").write_text(configuration, encoding="utf-8")
        self._log = folder / "log"
        self.bus = host.start("unshare", "-m", "sh", "-euc", _SETUP, "setup", str(folder), stderr=subprocess.DEVNULL)
        self.process: subprocess.Popen[str] | None = None

    @property
    def log(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace") if self._log.exists() else ""

    def complaints(self) -> list[str]:
        """Lines of its log about what it did not understand or could not do."""
        words = ("Unknown", "Failed to parse", "Could not", "could not", "Invalid", "ignoring", "Cannot")
        lines = [line for line in self.log.splitlines() if any(word in line for word in words)]
        # Alone in a namespace: no udev, no hostname service, not its own kernel settings.
        return [
            line
            for line in lines
            if not any(word in line for word in ("udev", "hostname", "sysctl", "timezone", "cgroup"))
        ]

    def inside(self, *argv: str) -> list[str]:
        """``argv`` in the daemon's world, which must be there: before, the bus is still in this machine's."""
        deadline = time.monotonic() + 10
        while Path(f"/proc/{self.bus.pid}/comm").read_text(encoding="utf-8") != "dbus-daemon\n":
            assert time.monotonic() < deadline, "the bus has not started"
            time.sleep(0.02)
        return ["nsenter", "-t", str(self.bus.pid), "-m", "-n", *argv]

    def start(self) -> None:
        self._wait_for("test", "-S", "/run/dbus/system_bus_socket")
        with self._log.open("a", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                self.inside("env", "container=lab", "SYSTEMD_LOG_TARGET=console", self.daemon),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, text=True,
            )  # fmt: skip
        self._wait_for("busctl", "introspect", "org.freedesktop.network1", "/org/freedesktop/network1")

    def reload(self) -> None:
        """``networkctl reload``, as activation and removal say."""
        self.run("networkctl", "reload")

    def run(self, *argv: str, **options: Any) -> str:
        result: subprocess.CompletedProcess[str] = subprocess.run(
            self.inside(*argv), capture_output=True, encoding="utf-8", check=False, **options
        )
        assert result.returncode == 0, f"{argv}: {result.stdout}{result.stderr}"
        return result.stdout

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(10)
            self.process = None

    def close(self) -> None:
        self.stop()
        self.bus.terminate()
        self.bus.wait(10)

    def _wait_for(self, *argv: str) -> None:
        deadline = time.monotonic() + 10
        while subprocess.run(self.inside(*argv), capture_output=True, check=False).returncode != 0:
            assert time.monotonic() < deadline, f"{argv}: not within 10 seconds\n{self.log}"
            time.sleep(0.05)


@contextmanager
def networkd(
    host: Namespace, folder: Path, daemon: str = DAEMON, *, configuration: str = _CONFIGURATION
) -> Iterator[Networkd]:
    """The daemon's world, not started yet; ended whatever happened. ``configuration`` is its networkd.conf."""
    made = Networkd(host, folder, daemon, configuration)
    try:
        yield made
    finally:
        made.close()


def network_file(snapshot: Mapping[str, Any], interface: str) -> str:
    """A .network file with everything that ``interface`` of a snapshot has, as an administrator would write it."""
    parts = [f"[Match]\nName={interface}\n[Network]\nDHCP=no\nIPv6AcceptRA=no\nLinkLocalAddressing=ipv6\n"]
    [entry] = [entry for entry in snapshot["addrs"] if entry["ifname"] == interface]
    parts += [_address_section(address) for address in entry["addr_info"] if address["scope"] != "link"]
    for family in (4, 6):
        for route in snapshot[f"routes{family}"]:
            if route.get("dev") == interface and is_managers_own(route):
                parts.append(_route_section(route, family))
    return "".join(parts)


def is_managers_own(route: Mapping[str, Any]) -> bool:
    """A route that a .network file says: in ``main``, and not the kernel's own."""
    return route.get("protocol") != "kernel" and "nexthops" not in route and route.get("table", "main") == "main"


def _address_section(entry: Mapping[str, Any]) -> str:
    lines = [f"[Address]\nAddress={entry['local']}/{entry['prefixlen']}"]
    if "address" in entry:
        lines = [f"[Address]\nAddress={entry['local']}\nPeer={entry['address']}/{entry['prefixlen']}"]
    if entry.get("noprefixroute"):
        lines.append("AddPrefixRoute=no")
    return "\n".join([*lines, "DuplicateAddressDetection=none\n"])


def _route_section(route: Mapping[str, Any], family: int) -> str:
    everything = "0.0.0.0/0" if family == 4 else "::/0"
    keys = {"Gateway": "gateway", "Metric": "metric", "PreferredSource": "prefsrc", "Scope": "scope", "Type": "type"}
    settings = {"Destination": everything if route["dst"] == "default" else route["dst"]}
    settings.update({key: str(route[name]) for key, name in keys.items() if name in route})
    if "onlink" in route.get("flags", ()):
        settings["GatewayOnLink"] = "yes"
    return "[Route]\n" + "".join(f"{key}={value}\n" for key, value in settings.items())
