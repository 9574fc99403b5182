"""What configures the network of a fresh installation of each distribution: the last thing to go by. Pure.

docs/backends.md has the same table with words; a test compares them. os-release(5): ID first, then ID_LIKE from
the closest to the farthest.
"""

from __future__ import annotations

from collections.abc import Mapping

_NETWORK_MANAGER = "NetworkManager"

DEFAULTS: Mapping[str, str] = {
    "debian": "ifupdown", "devuan": "ifupdown", "alpine": "ifupdown", "proxmox": "ifupdown",
    "ubuntu": "netplan",
    "rhel": _NETWORK_MANAGER, "fedora": _NETWORK_MANAGER, "centos": _NETWORK_MANAGER, "rocky": _NETWORK_MANAGER,
    "almalinux": _NETWORK_MANAGER, "ol": _NETWORK_MANAGER, "openEuler": _NETWORK_MANAGER, "kali": _NETWORK_MANAGER,
    "linuxmint": _NETWORK_MANAGER, "opensuse-tumbleweed": _NETWORK_MANAGER,
    "amzn": "networkd", "photon": "networkd", "azurelinux": "networkd", "mariner": "networkd", "flatcar": "networkd",
    "sles": "wicked", "opensuse-leap": "wicked", "suse": "wicked", "opensuse": "wicked",
    "arch": "",
}  # fmt: skip
"""ID to a manager (as in ``Managers.installed``); "" is "none: the administrator chooses"."""

CHANGED: Mapping[tuple[str, int], str] = {
    ("sles", 16): _NETWORK_MANAGER,
    ("opensuse-leap", 16): _NETWORK_MANAGER,
}
"""From this major version on, another manager; the highest that is not above the host's counts."""

BEFORE: Mapping[tuple[str, int], str] = {
    ("amzn", 2023): "network-scripts",
    ("rhel", 7): "network-scripts",
    ("centos", 7): "network-scripts",
    ("ubuntu", 18): "ifupdown",
}
"""Below this major version, another manager."""


def default_manager(os_release: Mapping[str, str]) -> str:
    """The manager that the distribution installs, "" where none is known."""
    for name in (os_release.get("ID", ""), *os_release.get("ID_LIKE", "").split()):
        if name in DEFAULTS:
            return _of_version(name, os_release if name == os_release.get("ID") else {})
    return ""


_RPM = frozenset({
    "rhel", "fedora", "centos", "rocky", "almalinux", "ol", "openEuler", "amzn", "azurelinux", "mariner", "photon",
    "suse", "sles", "opensuse", "opensuse-leap", "opensuse-tumbleweed",
})  # fmt: skip


def is_rpm(os_release: Mapping[str, str]) -> bool:
    """Whether the distribution installs .rpm; others are taken to install .deb."""
    return bool(_RPM & {os_release.get("ID", ""), *os_release.get("ID_LIKE", "").split()})


_SUSE = frozenset({"suse", "sles", "opensuse", "opensuse-leap", "opensuse-tumbleweed"})


def rpm_init_folder(os_release: Mapping[str, str]) -> str:
    """Where the distribution's own %{_initddir} points. Fedora and its kin have /etc/init.d as a link, if at all."""
    ids = {os_release.get("ID", ""), *os_release.get("ID_LIKE", "").split()}
    return "/etc/rc.d/init.d" if _RPM & ids and not _SUSE & ids else "/etc/init.d"


def _of_version(name: str, os_release: Mapping[str, str]) -> str:
    major = os_release.get("VERSION_ID", "").partition(".")[0]
    if major.isdecimal():
        for (of, first), manager in CHANGED.items():
            if of == name and int(major) >= first:
                return manager
        for (of, first), manager in BEFORE.items():
            if of == name and int(major) < first:
                return manager
    return DEFAULTS[name]
