"""What gives the machine its addresses: a DHCP server and a router's advertisements, on a gateway's ``lan0``.

Both can be told to say something else, as a provider does who renumbers, while the machine runs.
"""

from __future__ import annotations

import fcntl
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from tests.lab.roots import CACHE
from tests.namespaces import Namespace
from tests.networkmanager_daemon import unpack

LEASE = 120
"""Seconds; dnsmasq gives no shorter ones."""


class _Server:
    """A process on a gateway, ended by its number."""

    def __init__(self, gateway: Namespace, folder: Path) -> None:
        self.gateway = gateway
        self.folder = folder
        self._process: subprocess.Popen[str] | None = None

    @property
    def log(self) -> Path:
        return self.folder / f"{type(self).__name__.lower()}-{self.gateway.name}.log"

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
            self._process = None

    def _start(self, *argv: str) -> None:
        self.stop()
        with self.log.open("a", encoding="utf-8") as log:
            self._process = self.gateway.start(*argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        time.sleep(0.1)
        assert self._process.poll() is None, self.log.read_text(encoding="utf-8")


class Dhcp(_Server):
    """dnsmasq. ``renewal``: seconds after which a client asks again (T1); None: half of the lease."""

    renewal: int | None = None
    _read = 0

    def has_given(self, address: str) -> bool:
        """Whether ``address`` was leased, or leased again, since the last offer."""
        return f"DHCPACK(lan0) {address} " in self.log.read_text(encoding="utf-8")[self._read :]

    def offer(self, address: str, router: str) -> None:
        """Give this one address to whoever asks; refuse (NAK) a renewal of any other."""
        self._serve(f"--dhcp-range={address},{address},255.255.255.0,{LEASE}", f"--dhcp-option=option:router,{router}")

    def refuse(self, network: str) -> None:
        """Refuse renewals in ``network``, and give nothing to anybody."""
        self._serve(f"--dhcp-range={network},static,255.255.255.0,{LEASE}")

    def _serve(self, *ranges: str) -> None:
        times: tuple[str, ...] = ()
        if self.renewal is not None:
            times = (f"--dhcp-option=option:T1,{self.renewal}", f"--dhcp-option=option:T2,{self.renewal * 3 // 2}")
        leases = self.folder / f"leases-{self.gateway.name}"
        self.stop()
        self._read = len(self.log.read_text(encoding="utf-8")) if self.log.exists() else 0
        leases.write_text("", encoding="utf-8")
        self._start(
            "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--port=0", "--interface=lan0",
            "--bind-dynamic", "--dhcp-authoritative", "--log-dhcp", "--no-ping", "--log-facility=-", "--pid-file=",
            "--user=root", f"--dhcp-leasefile={leases}", *times, *ranges,
        )  # fmt: skip


class Router(_Server):
    """radvd. When it stops it says so: a last advertisement with a lifetime of 0."""

    preference = "medium"

    def announce(self, *prefixes: str) -> None:
        """Be a default router, with each of ``prefixes`` for addresses."""
        text = f"interface lan0 {{\n  AdvSendAdvert on;\n  AdvDefaultPreference {self.preference};\n"
        text += "  MinRtrAdvInterval 3;\n  MaxRtrAdvInterval 4;\n  AdvDefaultLifetime 600;\n"
        text += "".join(f"  prefix {prefix}/64 {{ }};\n" for prefix in prefixes) + "};\n"
        place = self.folder / f"radvd-{self.gateway.name}.conf"
        place.write_text(text, encoding="utf-8")
        pid = self.folder / f"radvd-{self.gateway.name}.pid"
        self._start(radvd(), "--nodaemon", "--config", str(place), "--pidfile", str(pid), "--logmethod", "stderr")


def radvd() -> str:
    """Debian's, unpacked beside the root file systems: installed, it would want to serve this machine's network."""
    CACHE.mkdir(parents=True, exist_ok=True)
    place = CACHE / "radvd"
    with (CACHE / "radvd.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not place.is_dir():
            made = CACHE / "radvd.new"
            made.mkdir(exist_ok=True)
            unpack(made, ("radvd",))
            made.rename(place)
    return str(place / "unpacked/usr/sbin/radvd")


def stop_all(servers: Sequence[_Server]) -> None:
    for server in servers:
        server.stop()
