"""The kernel settings that decide about sources and ways, read from /proc/sys in one pass.

Keys are paths below /proc/sys, the slash form of sysctl(8): names of interfaces have dots.
"""

from __future__ import annotations

from collections.abc import Iterable

from asymgen.system.host_files import HostFiles

_GLOBAL = ("net/ipv4/ip_forward", "net/ipv4/fib_multipath_hash_policy", "net/ipv6/fib_multipath_hash_policy")
PER_INTERFACE = {
    "net/ipv4/conf": (
        "forwarding", "rp_filter", "arp_filter", "arp_ignore", "arp_announce", "promote_secondaries",
        "src_valid_mark", "ignore_routes_with_linkdown",
    ),
    "net/ipv6/conf": ("forwarding", "ignore_routes_with_linkdown"),
}  # fmt: skip
"""Only what somebody asks for: the kernel makes each of these files up anew, for each of a thousand interfaces."""


def read_sysctls(files: HostFiles, interfaces: Iterable[str]) -> dict[str, str]:
    """What exists of the settings above, for ``all``, ``default`` and each of ``interfaces``."""
    owners = ("all", "default", *interfaces)
    keys = [*_GLOBAL]
    for folder, settings in PER_INTERFACE.items():
        keys += [f"{folder}/{owner}/{setting}" for owner in owners for setting in settings]
    found = {key: files.text(f"/proc/sys/{key}", optional=True) for key in keys}
    return {key: value.strip() for key, value in found.items() if value is not None}
