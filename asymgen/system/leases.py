"""Routers that DHCP servers named, from the lease files of the clients that leave some.

A file outlives its client: what it says is the last resort of the planner's search for a next hop, with the
file's name in the report. Sources: dhclient.leases(5), dhclient.conf(5), NetworkManager's
src/core/dhcp/nm-dhcp-utils.c, and the modules networkd and dhcpcd.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from asymgen.system import dhcpcd, networkd
from asymgen.system.configured import addresses_in, shell_settings
from asymgen.system.host_files import HostFiles

_DHCLIENT_FOLDERS = ("/var/lib/dhcp", "/var/lib/dhclient", "/var/lib/dhcp3")
_NETWORK_MANAGER = "/var/lib/NetworkManager"
_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_INTERNAL = rf"internal-{_UUID}-(.+)\.lease"
# DHCPv6 leases are "lease6 {": IPv6 routers come by router advertisement.
_BLOCK = r"(?ms)^lease\s*\{(.*?)^\}"
_INTERFACE = r'(?m)^\s*interface\s+"(.*)";'
_ROUTERS = r"(?m)^\s*option\s+routers\s+([^;]*);"

_Found = tuple[str, str, tuple[str, ...]]


def read_leases(files: HostFiles, links: Iterable[Mapping[str, Any]], *, networkd_runs: bool) -> list[dict[str, Any]]:
    """The snapshot's ``leases``, for interfaces that exist: the first file that has routers for one wins."""
    links = list(links)
    names = {str(link.get("ifname")) for link in links}
    indexes = [(str(link.get("ifname")), link.get("ifindex")) for link in links] if networkd_runs else []
    found: dict[str, dict[str, Any]] = {}
    for interface, path, routers in (*_networkd(files, indexes), *_others(files)):
        if interface in names and routers:
            found.setdefault(interface, {"interface": interface, "routers": list(routers), "file": path})
    return [found[interface] for interface in sorted(found)]


def _networkd(files: HostFiles, indexes: Iterable[tuple[str, Any]]) -> Iterator[_Found]:
    for name, index in indexes:
        if isinstance(index, int):
            yield (name, *networkd.router_of_lease(files, index))


def _others(files: HostFiles) -> Iterator[_Found]:
    yield from _network_manager(files)
    for folder in (_NETWORK_MANAGER, *_DHCLIENT_FOLDERS):
        for name in files.names(folder):
            if name.startswith("dhclient") and name.endswith((".lease", ".leases")):
                yield from _dhclient(files, f"{folder}/{name}")
    yield from dhcpcd.leases(files)


def _network_manager(files: HostFiles) -> Iterator[_Found]:
    for name in files.names(_NETWORK_MANAGER):
        matched = re.fullmatch(_INTERNAL, name)
        if matched:
            path = f"{_NETWORK_MANAGER}/{name}"
            yield matched[1], path, addresses_in(*shell_settings(files.text(path) or "").get("ROUTER", "").split())


def _dhclient(files: HostFiles, path: str) -> Iterator[_Found]:
    """The newest lease of each interface: dhclient appends."""
    newest: dict[str, _Found] = {}
    for block in re.findall(_BLOCK, files.text(path) or ""):
        interface, routers = re.search(_INTERFACE, block), re.search(_ROUTERS, block)
        if interface:
            words = routers[1].split(",") if routers else []
            newest[interface[1]] = (interface[1], path, addresses_in(*words))
    yield from newest.values()
