"""The real wg-quick(8) in a network namespace, with a pair of veths where a kernel would have WireGuard.

Two programs stand in for what a test kernel lacks: ``wg``, which remembers what it is told, and ``ip``, which
makes a veth for ``ip link add … type wireguard`` and hands everything else to the real one. So each rule, route
and firewall table is what wg-quick itself decides.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.namespaces import Namespace

_IP = """#!/bin/sh
case "$*" in
"link add "*" type wireguard")
    {real} link add "$3" type veth peer name "far-$3" netns "$BEYOND" || exit
    {real} -n "$BEYOND" link set "far-$3" up
    exec {real} link set "$3" arp off addrgenmode none
    ;;
*) exec {real} "$@" ;;
esac
"""
# wg(8) prints a mark as a hexadecimal number, or "off".
_WG = """#!/bin/sh
marks=${0%/*}/marks
case "$1 ${3-}" in
"setconf "*) : >"$marks/$2" ;;
"set fwmark") printf '0x%x\\n' "$4" >"$marks/$2" ;;
"show fwmark") if [ -s "$marks/$2" ]; then cat "$marks/$2"; else echo off; fi ;;
"show allowed-ips") printf 'HQ=\\t0.0.0.0/0 ::/0\\n' ;;
"show ") ls "$marks" | tr '\\n' ' ' ;;
esac
"""
_CONFIGURATION = """[Interface]
Address = {four}, {six}
MTU = 1420
PrivateKey = AAAA

[Peer]
PublicKey = HQ=
AllowedIPs = 0.0.0.0/0, ::/0
Endpoint = 203.0.113.7:51820
"""


class WgQuick:
    """``wg-quick up`` and ``down`` of tunnels that take everything, as providers of VPNs hand them out."""

    def __init__(self, host: Namespace, beyond: Namespace, folder: Path) -> None:
        self.host = host
        self.folder = folder / "wg-quick"
        (self.folder / "marks").mkdir(parents=True)
        # wg-quick puts its own folder in front of PATH.
        shutil.copy("/usr/bin/wg-quick", self.folder / "wg-quick")
        for name, text in (("ip", _IP.format(real=shutil.which("ip"))), ("wg", _WG)):
            (self.folder / name).write_text(text, encoding="utf-8")
            (self.folder / name).chmod(0o755)
        self._environment = {**os.environ, "BEYOND": beyond.name}

    def configure(self, name: str, number: int = 8) -> None:
        """A tunnel called ``name`` with addresses in networks of their own."""
        path = self.folder / f"{name}.conf"
        text = _CONFIGURATION.format(four=f"10.{number}.0.2/32", six=f"fd00:{number}::2/128")
        path.write_text(text, encoding="utf-8")
        path.chmod(0o600)

    def run(self, verb: str, name: str = "wg0") -> str:
        done = self.host.run(
            str(self.folder / "wg-quick"), verb, str(self.folder / f"{name}.conf"), env=self._environment
        )
        if verb == "down":
            (self.folder / "marks" / name).unlink()
        return done.stderr

    def start(self, verb: str, name: str = "wg0") -> subprocess.Popen[str]:
        """The same in the background."""
        argv: Sequence[str] = (str(self.folder / "wg-quick"), verb, str(self.folder / f"{name}.conf"))
        return self.host.start(*argv, env=self._environment, stderr=subprocess.DEVNULL)
