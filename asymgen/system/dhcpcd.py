"""Which interfaces a running dhcpcd takes, and the lease files that it leaves.

Sources: dhcpcd.conf(5), dhcpcd(8) FILES; a lease file is the DHCP message itself: RFC 2131, section 2; RFC 2132.
"""

from __future__ import annotations

import fnmatch
import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from asymgen.system.configured import Configured, addresses_in
from asymgen.system.host_files import HostFiles

CONFIGURATION = "/etc/dhcpcd.conf"
_LEASE_FOLDERS = ("/var/lib/dhcpcd", "/var/lib/dhcpcd5", "/var/db/dhcpcd")
_MAGIC = b"\x63\x82\x53\x63"
_FIXED_LENGTH = 236
_OPTION_PAD, _OPTION_ROUTERS, _OPTION_END = 0, 3, 255


def managed_now(files: HostFiles, links: Iterable[Mapping[str, Any]]) -> dict[str, Configured]:
    """Every interface with hardware below it that dhcpcd.conf(5) does not deny it."""
    allowed, denied, static = _configuration(files)
    found = {}
    for link in links:
        name = str(link.get("ifname"))
        if (link.get("linkinfo") or {}).get("info_kind") or "LOOPBACK" in (link.get("flags") or ()):
            continue
        if (allowed and not _listed(name, allowed)) or _listed(name, denied):
            continue
        own = dict(static.get(name, ()))
        found[name] = Configured(
            file=CONFIGURATION,
            gateways=addresses_in(*own.get("routers", "").split()),
            dynamic=("6",) if "ip_address" in own else ("4", "6"),
        )
    return found


def _listed(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def _configuration(files: HostFiles) -> tuple[list[str], list[str], dict[str, list[tuple[str, str]]]]:
    allowed: list[str] = []
    denied: list[str] = []
    static: dict[str, list[tuple[str, str]]] = {}
    block = ""
    for line in (files.text(CONFIGURATION) or "").splitlines():
        keyword, _, rest = line.partition("#")[0].strip().partition(" ")
        if keyword == "allowinterfaces":
            allowed += rest.split()
        elif keyword == "denyinterfaces":
            denied += rest.split()
        elif keyword in ("interface", "profile", "ssid", "arping"):
            block = rest.strip() if keyword == "interface" else ""
        elif keyword == "static" and block:
            key, _, value = rest.partition("=")
            static.setdefault(block, []).append((key.strip(), value.strip()))
    return allowed, denied, static


def leases(files: HostFiles) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Interface, file and routers of each lease: IF.lease, IF-SSID.lease, and dhcpcd-IF.lease before version 7."""
    for folder in _LEASE_FOLDERS:
        for path in files.matching(folder, ".lease"):
            name = path.rpartition("/")[2][: -len(".lease")]
            routers = routers_in(files.data(path) or b"")
            if routers:
                yield name.removeprefix("dhcpcd-"), path, routers


def routers_in(message: bytes) -> tuple[str, ...]:
    """The routers (option 3) of a DHCP message."""
    if message[_FIXED_LENGTH : _FIXED_LENGTH + 4] != _MAGIC:
        return ()
    position = _FIXED_LENGTH + 4
    while position + 1 < len(message) and message[position] != _OPTION_END:
        if message[position] == _OPTION_PAD:
            position += 1
            continue
        value = message[position + 2 : position + 2 + message[position + 1]]
        if message[position] == _OPTION_ROUTERS:
            words = [value[start : start + 4] for start in range(0, len(value) - len(value) % 4, 4)]
            return addresses_in(*(str(ipaddress.IPv4Address(word)) for word in words))
        position += 2 + message[position + 1]
    return ()
