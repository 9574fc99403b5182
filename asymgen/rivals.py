"""Tools that would fight with asymgen over rules and routes, and what to do about each. Pure.

A cloud agent sets up interfaces by the provider's metadata, at boot and whenever it is started again.
"""

from __future__ import annotations

from collections.abc import Mapping

from asymgen.model import Host
from asymgen.records import record


@record
class Rival:
    """A tool that is on the host: what it does to our work, and what an administrator does about it."""

    name: str
    why: str
    what_to_do: str

    def __str__(self) -> str:
        return f"{self.name} is on this host: it {self.why}. {self.what_to_do}"


_KNOWN: Mapping[str, tuple[str, str]] = {
    "cloud-init": (
        "writes the network configuration anew when the instance changes, on EC2 with rules and tables of its own",
        'Say "network: {config: disabled}" in /etc/cloud/cloud.cfg.d/99-disable-network-config.cfg',
    ),
    "amazon-ec2-net-utils": (
        "adds rules and tables from 10000 upwards for secondary interfaces and removes what others add to its files",
        "Remove the package, or run: systemctl mask --now policy-routes@INTERFACE.service",
    ),
    "nm-cloud-setup": (
        "adds addresses to profiles, and rules of the priorities 30200 to 30500, which come before ours",
        "Run: systemctl mask --now nm-cloud-setup.timer nm-cloud-setup.service",
    ),
    "oci-utils": (
        "configures secondary VNICs by rules without priority, which come before ours, and removes rules of others",
        "Run: systemctl mask --now ocid.service",
    ),
    "google-guest-agent": (
        "brings up secondary interfaces and may take their addresses away when it starts, and our routes with them",
        'Say "setup = false" below [NetworkInterfaces] in /etc/default/instance_configs.cfg',
    ),
    "cloud-netconfig": (
        "adds rules of the priorities 30000 to 30500, which come before ours, and copies main into tables of its own",
        "Run: systemctl mask --now cloud-netconfig.timer cloud-netconfig.service",
    ),
}


def find_rivals(host: Host) -> tuple[Rival, ...]:
    """The tools of ``host`` that would fight. A name that this version does not know is passed over."""
    return tuple(Rival(name, *_KNOWN[name]) for name in host.managers.rivals if name in _KNOWN)
