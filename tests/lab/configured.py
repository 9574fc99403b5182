"""The configuration of each network manager, as an administrator would have written it before asymgen came.

eth0 has the default route. eth1 is the second uplink: with plain static addresses nothing names a gateway for it (two
default routes are what an administrator avoids), so ``detect`` is told; by DHCP, by router advertisements and with
addresses that have no subnet, a second default route does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from tests.packet_lab import PREFIXES

STATIC_CHOICES = ("--gateway", "eth1=198.51.100.1", "--gateway", "eth1=2001:db8:b::1")
MOVED = ("198.18.1", "2001:db8:d:")
"""The second provider's other prefixes: of a third uplink, or for when it renumbers."""
_MANAGERS = {  # what starts each, to be masked where another one is under test
    "ifupdown": ("networking.service", "ifup@.service"),
    "NetworkManager": ("NetworkManager.service", "NetworkManager-wait-online.service"),
    "networkd": ("systemd-networkd.service", "systemd-networkd.socket"),
}


class Addressing(Enum):
    """How the interfaces come to their addresses; the value is what docs/proof.md calls it."""

    STATIC = "static"
    DHCP = "DHCP"
    RA = "IPv6 by RA"
    """IPv4 is static."""
    SHARED = "one subnet"
    """Both at one switch, with one router; static."""
    THREE = "three uplinks"
    """The second provider has two; static."""
    ONLINK = "/32 and /128"
    """As hosters do: no subnet at all, a gateway that is on the link all the same; fe80::1 for IPv6."""


@dataclass(frozen=True)
class Wire:
    """What is configured for one interface."""

    place: int
    four: str
    """An address with its length; "" for DHCP."""
    six: str | None
    """The same; "" for router advertisements, None for no IPv6."""
    gateways: tuple[str, ...] = ()
    metric: int = 0

    @property
    def interface(self) -> str:
        return f"eth{self.place}"

    @property
    def addresses(self) -> tuple[str, ...]:
        four = self.four or f"{PREFIXES[self.place][0]}.50"
        six = () if self.six is None else (self.six or by_ra(self.place),)
        return tuple(address.split("/")[0] for address in (four, *six))

    def gateway(self, family: int) -> str:
        return next((gateway for gateway in self.gateways if (":" in gateway) == (family == 6)), "")


def by_ra(place: int, prefix: str = "") -> str:
    """What the interface makes of a prefix and its own MAC address (EUI-64)."""
    return f"{prefix or PREFIXES[place][1]}:ff:fe00:1{place}"


def wires(addressing: Addressing) -> tuple[Wire, ...]:
    (a4, a6), (b4, b6) = PREFIXES
    return {
        Addressing.STATIC: (
            Wire(0, f"{a4}.10/24", f"{a6}:10/64", (f"{a4}.1", f"{a6}:1")), Wire(1, f"{b4}.10/24", f"{b6}:10/64"),
        ),
        Addressing.DHCP: (Wire(0, "", None), Wire(1, "", None, metric=1)),
        Addressing.RA: (Wire(0, f"{a4}.10/24", "", (f"{a4}.1",)), Wire(1, f"{b4}.10/24", "")),
        Addressing.SHARED: (
            Wire(0, f"{a4}.10/24", f"{a6}:10/64", (f"{a4}.1", f"{a6}:1")), Wire(1, f"{a4}.20/24", f"{a6}:20/64"),
        ),
        Addressing.THREE: (
            Wire(0, f"{a4}.10/24", f"{a6}:10/64", (f"{a4}.1", f"{a6}:1")), Wire(1, f"{b4}.10/24", f"{b6}:10/64"),
            Wire(2, f"{MOVED[0]}.10/24", f"{MOVED[1]}:10/64"),
        ),
        Addressing.ONLINK: (
            Wire(0, f"{a4}.10/32", f"{a6}:10/128", (f"{a4}.1", "fe80::1")),
            Wire(1, f"{b4}.10/32", f"{b6}:10/128", (f"{b4}.1", "fe80::1"), metric=1),
        ),
    }[addressing]  # fmt: skip


@dataclass(frozen=True)
class Configuration:
    manager: str
    addressing: Addressing

    @property
    def choices(self) -> tuple[str, ...]:
        """What ``detect`` must be told."""
        told = {
            Addressing.STATIC: STATIC_CHOICES, Addressing.THREE: STATIC_CHOICES, Addressing.RA: STATIC_CHOICES[:2],
        }  # fmt: skip
        return told.get(self.addressing, ())

    @property
    def addresses(self) -> tuple[str, ...]:
        """What the client asks for."""
        return tuple(address for wire in wires(self.addressing) for address in wire.addresses)

    @property
    def second(self) -> tuple[str, ...]:
        """Those of eth1, which are dead without source routing."""
        return wires(self.addressing)[1].addresses

    def write(self, root: Path, *, is_systemd: bool) -> None:
        """Lay it below ``root``."""
        for manager, units in _MANAGERS.items() if is_systemd else ():
            if manager != self.manager:
                for unit in units:
                    _put(root, f"etc/systemd/system/{unit}", None)
        _WRITERS[self.manager](root, wires(self.addressing))


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


def _ifupdown(root: Path, all_wires: tuple[Wire, ...]) -> None:
    stanzas = ["auto lo\niface lo inet loopback\n"]
    for wire in all_wires:
        stanzas.append(f"auto {wire.interface}\n")
        if wire.four:
            stanzas.append(f"iface {wire.interface} inet static\n    address {wire.four}\n")
            stanzas.append(_ifupdown_gateway(wire, 4, 100))
        else:
            stanzas.append(f"iface {wire.interface} inet dhcp\n")
        if wire.six == "":
            stanzas.append(f"iface {wire.interface} inet6 auto\n")
        elif wire.six:
            stanzas.append(f"iface {wire.interface} inet6 static\n    address {wire.six}\n")
            stanzas.append("    dad-attempts 0\n    accept_ra 0\n" + _ifupdown_gateway(wire, 6, 1024))
    _put(root, "etc/network/interfaces", "".join(stanzas))


def _ifupdown_gateway(wire: Wire, family: int, metric: int) -> str:
    """Two defaults need two metrics."""
    gateway = wire.gateway(family)
    return (
        f"    gateway {gateway}\n" + (f"    metric {metric + wire.metric}\n" if wire.metric else "") if gateway else ""
    )


def _networkd(root: Path, all_wires: tuple[Wire, ...]) -> None:
    for wire in all_wires:
        text = f"[Match]\nName={wire.interface}\n\n[Network]\nIPv6AcceptRA={'yes' if wire.six == '' else 'no'}\n"
        text += "".join(f"Address={address}\n" for address in (wire.four, wire.six) if address)
        text += "" if wire.four else f"DHCP=ipv4\n\n[DHCPv4]\nRouteMetric={100 + wire.place}\n"
        if wire.six == "":  # else both defaults become one with two next hops, whatever the routers' preference is
            text += f"\n[IPv6AcceptRA]\nRouteMetric={100 + wire.place}\n"
        for gateway in wire.gateways:
            far = f"\n[Route]\nGateway={gateway}\nGatewayOnLink=yes\nMetric={100 + wire.place}\n"
            text += far if wire.four.endswith("/32") else f"\n[Network]\nGateway={gateway}\n"
        _put(root, f"etc/systemd/network/20-{wire.interface}.network", text)
    wants = root / "etc/systemd/system/multi-user.target.wants/systemd-networkd.service"
    wants.parent.mkdir(parents=True, exist_ok=True)
    wants.symlink_to("/lib/systemd/system/systemd-networkd.service")


def _networkmanager(root: Path, all_wires: tuple[Wire, ...]) -> None:
    settings = "[main]\nno-auto-default=*\ndns=none\n[keyfile]\nunmanaged-devices=none\n"
    _put(root, "etc/NetworkManager/conf.d/lab.conf", settings)
    for wire in all_wires:
        text = f"[connection]\nid=wire{wire.place}\nuuid=0c5d8d9a-0f5e-4b52-a45c-26f8d8a2a11{wire.place}\n"
        text += f"type=ethernet\ninterface-name={wire.interface}\n"
        for family, address in ((4, wire.four), (6, wire.six)):
            text += f"[ipv{family}]\n" + _networkmanager_method(wire, family, address)
        _put(root, f"etc/NetworkManager/system-connections/wire{wire.place}.nmconnection", text, 0o600)


def _networkmanager_method(wire: Wire, family: int, address: str | None) -> str:
    if address is None:
        return "method=disabled\n"
    if not address:
        return "method=auto\n" + ("addr-gen-mode=eui64\n" if family == 6 else "")
    gateway = wire.gateway(family)
    return f"method=manual\naddress1={address}{',' + gateway if gateway else ''}\n"


_WRITERS: dict[str, Callable[[Path, tuple[Wire, ...]], None]] = {
    "ifupdown": _ifupdown,
    "networkd": _networkd,
    "NetworkManager": _networkmanager,
}
