"""The configuration of each network manager, as an administrator would have written it before asymgen came.

eth0 has the default route. eth1 is the second uplink: static configuration says no gateway for it (two default routes
are what an administrator avoids), so ``detect`` is told; by DHCP its lease names one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.packet_lab import PREFIXES

STATIC_CHOICES = ("--gateway", "eth1=198.51.100.1", "--gateway", "eth1=2001:db8:b::1")
_MANAGERS = {  # what starts each, to be masked where another one is under test
    "ifupdown": ("networking.service", "ifup@.service"),
    "NetworkManager": ("NetworkManager.service", "NetworkManager-wait-online.service"),
    "networkd": ("systemd-networkd.service", "systemd-networkd.socket"),
}


@dataclass(frozen=True)
class Configuration:
    manager: str
    by_dhcp: bool

    @property
    def choices(self) -> tuple[str, ...]:
        """What ``detect`` must be told."""
        return () if self.by_dhcp else STATIC_CHOICES

    @property
    def addresses(self) -> tuple[str, ...]:
        """What the client asks for; DHCP is of IPv4 alone."""
        return tuple(
            address
            for four, six in PREFIXES
            for address in ([f"{four}.50"] if self.by_dhcp else [f"{four}.10", f"{six}:10"])
        )

    @property
    def second(self) -> tuple[str, ...]:
        """Those of eth1, which are dead without source routing."""
        return self.addresses[len(self.addresses) // 2 :]

    def write(self, root: Path, *, is_systemd: bool) -> None:
        """Lay it below ``root``."""
        for manager, units in _MANAGERS.items() if is_systemd else ():
            if manager != self.manager:
                for unit in units:
                    _put(root, f"etc/systemd/system/{unit}", None)
        _WRITERS[self.manager](root, self.by_dhcp)


def _put(root: Path, path: str, text: str | None, mode: int = 0o644) -> None:
    place = root / path
    place.parent.mkdir(parents=True, exist_ok=True)
    if place.is_symlink() or place.exists():
        place.unlink()
    if text is None:
        place.symlink_to("/dev/null")
    else:
        place.write_text(text, encoding="utf-8")
        place.chmod(mode)


def _ifupdown(root: Path, by_dhcp: bool) -> None:  # noqa: FBT001 - one of _WRITERS
    stanzas = ["auto lo\niface lo inet loopback\n"]
    for place, (four, six) in enumerate(PREFIXES):
        stanzas.append(f"auto eth{place}\n")
        if by_dhcp:
            stanzas.append(f"iface eth{place} inet dhcp\n")
            continue
        first = place == 0
        stanzas.append(f"iface eth{place} inet static\n    address {four}.10/24\n")
        stanzas.append(f"    gateway {four}.1\n" if first else "")
        stanzas.append(f"iface eth{place} inet6 static\n    address {six}:10/64\n    dad-attempts 0\n    accept_ra 0\n")
        stanzas.append(f"    gateway {six}:1\n" if first else "")
    _put(root, "etc/network/interfaces", "".join(stanzas))


def _networkd(root: Path, by_dhcp: bool) -> None:  # noqa: FBT001
    for place, (four, six) in enumerate(PREFIXES):
        text = f"[Match]\nName=eth{place}\n\n[Network]\nIPv6AcceptRA=no\n"
        if by_dhcp:
            text += f"DHCP=ipv4\n\n[DHCPv4]\nRouteMetric={100 + place}\n"
        else:
            text += f"Address={four}.10/24\nAddress={six}:10/64\n"
            text += f"Gateway={four}.1\nGateway={six}:1\n" if place == 0 else ""
        _put(root, f"etc/systemd/network/20-eth{place}.network", text)
    wants = root / "etc/systemd/system/multi-user.target.wants/systemd-networkd.service"
    wants.parent.mkdir(parents=True, exist_ok=True)
    wants.symlink_to("/lib/systemd/system/systemd-networkd.service")


def _networkmanager(root: Path, by_dhcp: bool) -> None:  # noqa: FBT001
    settings = "[main]\nno-auto-default=*\ndns=none\n[keyfile]\nunmanaged-devices=none\n"
    _put(root, "etc/NetworkManager/conf.d/lab.conf", settings)
    for place, (four, six) in enumerate(PREFIXES):
        text = f"[connection]\nid=wire{place}\nuuid=0c5d8d9a-0f5e-4b52-a45c-26f8d8a2a11{place}\ntype=ethernet\n"
        text += f"interface-name=eth{place}\n"
        if by_dhcp:
            text += "[ipv4]\nmethod=auto\n[ipv6]\nmethod=disabled\n"
        else:
            gateway4, gateway6 = (f",{four}.1", f",{six}:1") if place == 0 else ("", "")
            text += f"[ipv4]\nmethod=manual\naddress1={four}.10/24{gateway4}\n"
            text += f"[ipv6]\nmethod=manual\naddress1={six}:10/64{gateway6}\n"
        _put(root, f"etc/NetworkManager/system-connections/wire{place}.nmconnection", text, 0o600)


_WRITERS: dict[str, Callable[[Path, bool], None]] = {
    "ifupdown": _ifupdown,
    "networkd": _networkd,
    "NetworkManager": _networkmanager,
}
