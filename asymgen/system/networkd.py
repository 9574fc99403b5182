"""Which interfaces systemd-networkd manages, by which file, and what that file says.

A running daemon tells it in /run/systemd/netif/links; else the files are matched as it would match them.
Sources: systemd.network(5), src/network/networkd-link.c (link_save), src/libsystemd-network/network-internal.c.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Mapping
from typing import Any

from asymgen.system.configured import Configured, addresses_in, sections, shell_settings
from asymgen.system.host_files import HostFiles

FOLDERS = ("/etc/systemd/network", "/run/systemd/network", "/usr/local/lib/systemd/network", "/usr/lib/systemd/network")
"""By rank: a file hides those of the same name in later folders."""

DAEMON_FOLDERS = ("/etc/systemd", "/run/systemd", "/usr/local/lib/systemd", "/usr/lib/systemd")
"""Of networkd.conf and networkd.conf.d, by rank as well. Source: networkd.conf(5)."""

_STATE = "/run/systemd/netif"
_UNIT = "systemd-networkd.service"
_ENABLED_IN = ("/etc/systemd/system", "/run/systemd/generator", "/run/systemd/generator.late", "/run/systemd/system")
_DYNAMIC = {"ipv4": ("4",), "v4": ("4",), "ipv6": ("6",), "v6": ("6",), "both": ("4", "6")}
_YES = ("1", "yes", "y", "true", "t", "on")
_MANAGES_FOREIGN = {"rules": "ManageForeignRoutingPolicyRules", "routes": "ManageForeignRoutes"}
_DEFAULTS = ("", "0.0.0.0/0", "::/0")

Settings = list[tuple[str, list[tuple[str, str]]]]


def managed_now(files: HostFiles, links: Iterable[Mapping[str, Any]]) -> dict[str, Configured]:
    """What the running daemon manages in this network namespace."""
    found = {}
    for link in links:
        state = shell_settings(files.text(f"{_STATE}/links/{link.get('ifindex')}", optional=True) or "")
        path = state.get("NETWORK_FILE")
        if path and state.get("ADMIN_STATE") != "unmanaged":
            # systemd 252 does not list the drop-ins there; 256 does.
            listed = state.get("NETWORK_FILE_DROPINS")
            dropins = _dropins_of(files, path) if listed is None else [one.strip('"') for one in listed.split()]
            found[str(link.get("ifname"))] = _configured(files, path, dropins)
    return found


def managed_by_files(files: HostFiles, links: Iterable[Mapping[str, Any]]) -> dict[str, Configured]:
    """What it would manage if it were started: the first file, by name, whose [Match] fits."""
    if not is_enabled(files):
        return {}
    networks = [(path, _settings(files, [path, *_dropins_of(files, path)])) for path in _network_files(files)]
    found = {}
    for link in links:
        path = next((path for path, settings in networks if _matches(settings, link)), None)
        if path is not None:
            found[str(link.get("ifname"))] = _configured(files, path, _dropins_of(files, path))
    return found


def is_enabled(files: HostFiles) -> bool:
    """Whether something (an administrator, netplan's generator) has the daemon started at boot."""
    return any(
        files.link_target(f"{folder}/{wants}/{_UNIT}") is not None
        for folder in _ENABLED_IN
        for wants in files.names(folder)
        if wants.endswith(".wants")
    )


def what_it_removes(files: HostFiles) -> list[str]:
    """Which of "rules" and "routes" of other tools the daemon removes, as networkd.conf and its drop-ins say. The
    defaults are to remove both."""
    main = next((f"{folder}/networkd.conf" for folder in DAEMON_FOLDERS if files.exists(f"{folder}/networkd.conf")), "")
    paths = [*([main] if main else ()), *_by_rank(files, DAEMON_FOLDERS, "networkd.conf.d", ".conf")]
    said = {key: value for name, pairs in _settings(files, paths) if name == "Network" for key, value in pairs}
    return [what for what, key in _MANAGES_FOREIGN.items() if (said.get(key) or "yes").lower() in _YES]


def router_of_lease(files: HostFiles, index: int) -> tuple[str, tuple[str, ...]]:
    """The DHCPv4 lease of the link ``index``: its file, and the routers in it."""
    path = f"{_STATE}/leases/{index}"
    return path, addresses_in(*shell_settings(files.text(path, optional=True) or "").get("ROUTER", "").split())


def _network_files(files: HostFiles) -> list[str]:
    return _by_rank(files, FOLDERS, "", ".network")


def _dropins_of(files: HostFiles, path: str) -> list[str]:
    return _by_rank(files, FOLDERS, f"{path.rpartition('/')[2]}.d", ".conf")


def _by_rank(files: HostFiles, folders: Iterable[str], below: str, ending: str) -> list[str]:
    """Files in ``below`` of ``folders``, by name; one hides those of its name in later folders."""
    by_name: dict[str, str] = {}
    for folder in folders:
        for path in files.matching(f"{folder}/{below}" if below else folder, ending):
            by_name.setdefault(path.rpartition("/")[2], path)
    return [by_name[name] for name in sorted(by_name)]


def _settings(files: HostFiles, paths: Iterable[str]) -> Settings:
    return [section for path in paths for section in sections(files.text(path) or "")]


def _configured(files: HostFiles, path: str, dropins: Iterable[str]) -> Configured:
    gateways: list[str] = []
    dynamic: set[str] = set()
    for name, settings in _settings(files, [path, *dropins]):
        last = dict(settings)
        if name == "Network":
            gateways += [value for key, value in settings if key == "Gateway"]
            dynamic |= set(_dynamic(last))
        elif name == "Route" and last.get("Destination", "") in _DEFAULTS:
            gateways.append(last.get("Gateway", ""))
    return Configured(file=path, gateways=addresses_in(*gateways), dynamic=tuple(sorted(dynamic)))


def _dynamic(network: Mapping[str, str]) -> tuple[str, ...]:
    """Families that [Network] gets from outside, as far as it says so: DHCP=, IPv6AcceptRA=."""
    dhcp = network.get("DHCP", "").lower()
    accept = ("6",) if network.get("IPv6AcceptRA", "").lower() in _YES else ()
    return (("4", "6") if dhcp in _YES else _DYNAMIC.get(dhcp, ())) + accept


def _matches(settings: Settings, link: Mapping[str, Any]) -> bool:
    """Whether [Match] fits. A key that cannot be judged from here (Driver=, Path=, SSID=…) does not fit."""
    conditions: dict[str, list[str]] = {}
    for name, pairs in settings:
        if name == "Match":
            for key, value in pairs:
                # An empty value forgets what an earlier line said.
                conditions[key] = [*conditions.get(key, ()), *value.split()] if value else []
    wanted = {key: patterns for key, patterns in conditions.items() if patterns}
    return bool(wanted) and all(_fits(key, patterns, link) for key, patterns in wanted.items())


def _fits(key: str, patterns: list[str], link: Mapping[str, Any]) -> bool:
    info = link.get("linkinfo")
    kind = str(info.get("info_kind", "")) if isinstance(info, dict) else ""
    altnames = link.get("altnames")
    mac = str(link.get("permaddr") or link.get("address") or "").lower()
    values = {
        "Name": [str(link.get("ifname")), *map(str, altnames if isinstance(altnames, list) else ())],
        "MACAddress": [str(link.get("address", "")).lower()],
        "PermanentMACAddress": [] if kind else [mac],
        "Kind": [kind],
        "Type": [str(link.get("link_type", ""))],
    }.get(key)
    if values is None:
        return False
    inverted = patterns[0].startswith("!")
    plain = [pattern.lstrip("!") for pattern in patterns]
    if "MAC" in key:
        plain = [pattern.lower().replace("-", ":") for pattern in plain]
    return inverted != any(fnmatch.fnmatchcase(value, pattern) for value in values for pattern in plain)
