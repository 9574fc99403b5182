"""Kernel settings that source-based routing needs beside rules and routes: routing.md, "Same subnet".

Source: Documentation/networking/ip-sysctl.rst (arp_filter, arp_ignore, arp_announce,
promote_secondaries: the value of ``all`` counts as well).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from asymgen.model import Family, Host, Kept, Sysctl, Uplink

ARP = {
    "filter": (("arp_filter", "1"),),
    "announce": (("arp_ignore", "1"), ("arp_announce", "2")),
}
KERNEL_DEFAULT = "0"
"""What each of these settings is where nobody set it."""

NOT_SETTABLE = ("all", "default")
"""An interface of such a name has no settings of its own (devinet.c): its paths would be those of all interfaces."""

ARP_WHY = "two interfaces share a subnet: each answers ARP for its own addresses only"
PROMOTE_WHY = "removing the first address of a subnet must not remove the others"


def plan_sysctls(host: Host, uplinks: Sequence[Uplink], kept: Kept, *, arp: str) -> tuple[Sysctl, ...]:
    """The settings that differ from what the host has, or that an earlier run made."""
    settable = [uplink for uplink in uplinks if uplink.interface not in NOT_SETTABLE]
    sharing = [interface for interface in same_subnet(uplinks) if interface not in NOT_SETTABLE]
    wanted = dict.fromkeys((*_arp_settings(sharing, arp), *_promotions(settable)))
    return tuple(
        Sysctl(key, value, kept.sysctls_before.get(key, host.sysctls.get(key, KERNEL_DEFAULT)), why)
        for key, value, why in wanted
        if key in kept.sysctls_before or not _in_force(host, key, value)
    )


def same_subnet(uplinks: Iterable[Uplink]) -> tuple[str, ...]:
    """Interfaces of IPv4 uplinks that share a connected prefix with another interface's."""
    mine = [(uplink.interface, prefix) for uplink in uplinks for prefix in uplink.prefixes if prefix.version == 4]
    sharing = [one for one, prefix in mine if any(one != other and prefix.overlaps(network) for other, network in mine)]
    return tuple(dict.fromkeys(sharing))


def _arp_settings(interfaces: Iterable[str], arp: str) -> Iterator[tuple[str, str, str]]:
    for interface in interfaces:
        for setting, value in ARP[arp]:
            yield _key(interface, setting), value, ARP_WHY


def _promotions(uplinks: Iterable[Uplink]) -> Iterator[tuple[str, str, str]]:
    for uplink in uplinks:
        if uplink.family is Family.IPV4 and any(address.secondary for address in uplink.addresses):
            yield _key(uplink.interface, "promote_secondaries"), "1", PROMOTE_WHY


def _key(interface: str, setting: str) -> str:
    return f"net/ipv4/conf/{interface}/{setting}"


def _in_force(host: Host, key: str, value: str) -> bool:
    everywhere = "/".join((*key.split("/")[:3], "all", key.rsplit("/", 1)[1]))
    values = (host.sysctls.get(key, ""), host.sysctls.get(everywhere, ""))
    return any(found.isdigit() and int(found) >= int(value) for found in values)
