"""Traces of cloud agents that set up rules, routes or addresses by themselves.

Only whether files exist is asked; ``asymgen.rivals`` knows what to do about each.
Sources: the packages' file lists (cloud-init, amazon-ec2-net-utils 2, ec2-net-utils 1, NetworkManager-cloud-setup,
oci-utils, google-guest-agent, cloud-netconfig).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from asymgen.system.host_files import HostFiles

_UNIT_FOLDERS = ("/usr/lib/systemd/system", "/lib/systemd/system")


def _units(*names: str) -> tuple[str, ...]:
    return tuple(f"{folder}/{name}" for folder in _UNIT_FOLDERS for name in names)


TRACES: Mapping[str, tuple[str, ...]] = {
    "cloud-init": ("/etc/netplan/50-cloud-init.yaml", "/etc/network/interfaces.d/50-cloud-init",
                   "/etc/network/interfaces.d/50-cloud-init.cfg"),
    "amazon-ec2-net-utils": (*_units("policy-routes@.service", "ec2net-ifup@.service"),
                             "/etc/udev/rules.d/53-ec2-network-interfaces.rules"),
    "nm-cloud-setup": _units("nm-cloud-setup.service"),
    "oci-utils": _units("ocid.service"),
    "google-guest-agent": _units("google-guest-agent.service", "google-network-daemon.service"),
    "cloud-netconfig": _units("cloud-netconfig.service"),
}  # fmt: skip
"""Any of these files shows the tool."""

SILENCED: Mapping[str, tuple[str, ...]] = {
    "cloud-init": ("/etc/cloud/cloud-init.disabled", "/etc/cloud/cloud.cfg.d/99-disable-network-config.cfg"),
    **{
        name: tuple(
            f"/etc/systemd/system/{path.rpartition('/')[2]}"
            for path in TRACES[name]
            if path.startswith("/usr/lib/systemd/") and "@" not in path
        )
        for name in ("nm-cloud-setup", "oci-utils", "google-guest-agent", "cloud-netconfig")
    },
}
"""Any of these shows that an administrator switched it off. A unit is masked by a link to /dev/null there."""

_SILENCING_FILES = ("/etc/cloud/cloud-init.disabled", "/etc/cloud/cloud.cfg.d/99-disable-network-config.cfg")
PATHS = (*(path for paths in TRACES.values() for path in paths), *_SILENCING_FILES)
"""Whatever is asked whether it exists."""

LINKS = tuple(path for paths in SILENCED.values() for path in paths if path not in _SILENCING_FILES)
"""Links whose targets are asked for."""


def read_rivals(files: HostFiles) -> list[str]:
    """Names of the tools that are there and not switched off, in the order of ``TRACES``."""
    return list(_found(files))


def _found(files: HostFiles) -> Iterator[str]:
    for name, paths in TRACES.items():
        if files.any_exists(*paths) and not any(_silences(files, path) for path in SILENCED.get(name, ())):
            yield name


def _silences(files: HostFiles, path: str) -> bool:
    return files.exists(path) if path in _SILENCING_FILES else files.link_target(path) == "/dev/null"
