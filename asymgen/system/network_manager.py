"""Which interfaces NetworkManager manages, by which profile, and what the profile says.

Sources: nmcli(1), nm-settings-keyfile(5), NetworkManager.conf(5); ifcfg profiles (RHEL up to 9):
nm-settings-ifcfg-rh(5).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from asymgen.system import ifcfg
from asymgen.system.commands import Runner
from asymgen.system.configured import Configured, addresses_in, sections
from asymgen.system.host_files import HostFiles

_FOLDERS = tuple(f"{top}/NetworkManager/system-connections" for top in ("/etc", "/run", "/usr/lib"))
_FAMILIES = {"ipv4": "4", "ipv6": "6"}
_DYNAMIC_METHODS = ("auto", "dhcp")
_GATEWAY_KEYS = re.compile(r"gateway|address(es)?[0-9]*|route[0-9]+|routes[0-9]+")


def managed_now(run: Runner, files: HostFiles) -> dict[str, Configured] | None:
    """What the running daemon manages; None where it does not answer. Profiles that it made up for what
    somebody else configured ("connected (externally)") are not its own."""
    if not run.has("nmcli"):
        return None
    devices = run.run(("nmcli", "-t", "-f", "DEVICE,STATE,CON-UUID", "device", "status"), check=False)
    profiles = run.run(("nmcli", "-t", "-f", "UUID,FILENAME", "connection", "show"), check=False)
    if devices.returncode != 0:
        return None
    paths = {fields[0]: fields[1] for fields in _terse(profiles.stdout) if len(fields) == 2}
    return {
        name: _profile(files, paths.get(uuid))
        for name, state, uuid in (fields for fields in _terse(devices.stdout) if len(fields) == 3)
        if state.startswith("connect") and "externally" not in state
    }


def managed_by_files(files: HostFiles) -> dict[str, Configured]:
    """What keyfiles name an interface in ``[connection] interface-name``."""
    found: dict[str, Configured] = {}
    for folder in _FOLDERS:
        for name in files.names(folder):
            path = f"{folder}/{name}"
            connection = dict(_settings(files, path, "connection"))
            if "interface-name" in connection:
                found.setdefault(connection["interface-name"], _profile(files, path))
    return found


def _terse(output: str) -> Iterator[list[str]]:
    """The fields of ``nmcli -t``: separated by colons; colon and backslash have a backslash in front."""
    for line in output.splitlines():
        yield [re.sub(r"\\(.)", r"\1", field) for field in re.findall(r"(?:^|:)((?:\\.|[^:\\])*)", line)]


def _settings(files: HostFiles, path: str, wanted: str) -> Iterator[tuple[str, str]]:
    for name, settings in sections(files.text(path) or ""):
        if name == wanted:
            yield from settings


def _profile(files: HostFiles, path: str | None) -> Configured:
    if not path:
        return Configured()
    if path.rpartition("/")[2].startswith("ifcfg-"):
        return ifcfg.read_red_hat(files, path)
    gateways: list[str] = []
    dynamic = []
    for name, family in _FAMILIES.items():
        for key, value in _settings(files, path, name):
            gateways += _gateways(key, value)
            if key == "method" and value in _DYNAMIC_METHODS:
                dynamic.append(family)
    return Configured(file=path, gateways=addresses_in(*gateways), dynamic=tuple(dynamic))


def _gateways(key: str, value: str) -> list[str]:
    """``gateway=GW``, ``address1=A/24,GW`` and the default among ``route1=PREFIX,GW,METRIC``."""
    if not _GATEWAY_KEYS.fullmatch(key):
        return []
    fields = value.split(",")
    if key == "gateway":
        return fields[:1]
    if key.startswith("route") and fields[0] not in ("0.0.0.0/0", "::/0", "default"):
        return []
    return fields[1:2]
