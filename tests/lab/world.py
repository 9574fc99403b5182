"""What is around a machine: two providers, a client behind both, and containers on the machine itself.

::

    client --- cross0 --- gw0 (bridge lan0) --- eth0 machine    192.0.2.0/24    2001:db8:a::/64
           \\-- cross1 --- gw1 (bridge lan0) --- eth1 /          198.51.100.0/24 2001:db8:b::/64

The gateways drop and count what does not come from their own prefix (BCP 38), as a provider does. They outlive the
machine's boots: each boot plugs new veth ends into their bridges, or old rules would fake the proof. gw1 has a second
pair of prefixes (``MOVED``), for when it renumbers. On one subnet both cables end in gw0, whose switch drops and counts
what has the other port's address.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.lab.configured import MOVED, Addressing, wires
from tests.lab.providers import Dhcp, Router, stop_all
from tests.namespaces import Namespace, namespace
from tests.packet_lab import CLIENT4, CLIENT6, FAR4, FAR6, PREFIXES, PacketLab, filter_foreign_sources

ONE_SWITCH = (0, 0)


@dataclass(frozen=True)
class World:
    gateways: tuple[Namespace, Namespace]
    client: Namespace
    leases: tuple[Dhcp, ...] = ()
    routers: tuple[Router, ...] = ()
    places: tuple[int, ...] = (0, 1)
    """For each of the machine's cables, in which gateway it ends."""

    def seen_with(self, host: Namespace) -> PacketLab:
        """The packet lab's questions, with ``host`` in the middle."""
        return PacketLab(host, self.gateways, self.client)

    def gateway_of(self, place: int) -> Namespace:
        """Where the machine's cable ends."""
        return self.gateways[self.places[place]]

    def plug(self, host: Namespace) -> None:
        """New cables: eth0, eth1… of ``host``, down, without addresses; MAC addresses as at every boot."""
        for place in range(len(self.places)):
            gateway, port = self.gateway_of(place), f"port{place}"
            gateway.ip("link", "add", port, "type", "veth", "peer", "name", f"eth{place}", "netns", host.name)
            host.ip("link", "set", f"eth{place}", "address", mac(place))
            gateway.ip("link", "set", port, "master", "lan0", "up")

    def unplug(self) -> None:
        """Pull the cables; the kernel takes the ends of a deleted namespace away only later."""
        for place in range(len(self.places)):
            self.gateway_of(place).ip("link", "delete", f"port{place}")

    def misdelivered(self) -> int:
        """Packets, ARP included, that came into a switch port with an address of another one."""
        if self.places != ONE_SWITCH:
            return 0
        listing = self.gateways[0].run("nft", "list", "counter", "bridge", "guard", "wrong").stdout
        return int(listing.split("packets", 1)[1].split()[0])


def mac(place: int) -> str:
    return f"02:00:00:00:00:1{place}"


@contextmanager
def world(addressing: Addressing, folder: Path) -> Iterator[World]:
    """With what gives addresses by ``addressing``; its files go below ``folder``."""
    with ExitStack() as stack:
        first, second, client = (stack.enter_context(namespace(name)) for name in ("gw0", "gw1", "far"))
        for space in (first, second, client):
            space.sysctl("net/ipv6/conf/default/dad_transmits", 0)
        client.ip("address", "add", f"{CLIENT4}/32", "dev", "lo")
        client.ip("-6", "address", "add", f"{CLIENT6}/128", "dev", "lo", "nodad")
        client.sysctl("net/ipv4/conf/all/rp_filter", 0)
        for place, gateway in enumerate((first, second)):
            _connect(gateway, client, place)
        if addressing is Addressing.SHARED:
            _guard_ports(first)
        if addressing is Addressing.ONLINK:
            for gateway in (first, second):
                gateway.ip("-6", "address", "add", "fe80::1/64", "dev", "lan0", "nodad")
        leases, routers = _providers((first, second), addressing, folder)
        stack.callback(stop_all, (*leases, *routers))
        places = {Addressing.SHARED: ONE_SWITCH, Addressing.THREE: (0, 1, 1)}.get(addressing, (0, 1))
        yield World((first, second), client, leases, routers, places)


def _providers(
    gateways: tuple[Namespace, Namespace], addressing: Addressing, folder: Path
) -> tuple[tuple[Dhcp, ...], tuple[Router, ...]]:
    leases = tuple(Dhcp(gateway, folder) for gateway in gateways if addressing is Addressing.DHCP)
    routers = tuple(Router(gateway, folder) for gateway in gateways if addressing is Addressing.RA)
    for place, (four, six) in enumerate(PREFIXES):
        if leases:
            leases[place].offer(f"{four}.50", f"{four}.1")
        if routers:
            routers[place].preference = "medium" if place == 0 else "low"
            routers[place].announce(f"{six}:")
    return leases, routers


def _connect(gateway: Namespace, client: Namespace, place: int) -> None:
    pairs = [PREFIXES[place], *([MOVED] if place == 1 else [])]
    for version in ("ipv4", "ipv6"):
        gateway.sysctl(f"net/{version}/conf/all/forwarding", 1)
    gateway.ip("link", "add", "lan0", "type", "bridge", "forward_delay", "0")
    client.ip("link", "add", f"cross{place}", "type", "veth", "peer", "name", "wan0", "netns", gateway.name)
    near = [(gateway, "lan0", f"{four}.1/24", f"{six}:1/64") for four, six in pairs]
    for space, interface, address4, address6 in (
        *near,
        (gateway, "wan0", f"10.255.{place}.1/24", f"2001:db8:c:{place}::1/64"),
        (client, f"cross{place}", f"10.255.{place}.2/24", f"2001:db8:c:{place}::2/64"),
    ):
        space.ip("address", "add", address4, "dev", interface)
        space.ip("-6", "address", "add", address6, "dev", interface, "nodad")
        space.ip("link", "set", interface, "up")
    gateway.ip("route", "add", FAR4, "via", f"10.255.{place}.2")
    gateway.ip("-6", "route", "add", FAR6, "via", f"2001:db8:c:{place}::2")
    client.sysctl(f"net/ipv4/conf/cross{place}/rp_filter", 0)
    for four, six in pairs:
        client.ip("route", "add", f"{four}.0/24", "via", f"10.255.{place}.1", "src", CLIENT4)
        client.ip("-6", "route", "add", f"{six}:/64", "via", f"2001:db8:c:{place}::1", "src", CLIENT6)
    filter_foreign_sources(
        gateway, _set_of(f"{four}.0/24" for four, _ in pairs), _set_of(f"{six}:/64" for _, six in pairs)
    )


def _set_of(prefixes: Iterator[str]) -> str:
    """As nft(8) writes it."""
    return "{ " + ", ".join(str(ipaddress.ip_network(prefix)) for prefix in prefixes) + " }"


def _guard_ports(gateway: Namespace) -> None:
    """IP source guard, as switches and clouds have it; neighbour discovery's link-local sources pass."""
    rules = ["table bridge guard {", "counter wrong { }", "chain ports {", "type filter hook prerouting priority 0"]
    for wire in wires(Addressing.SHARED):
        four, six = wire.addresses
        port = f'iifname "port{wire.place}"'
        rules += [
            f"{port} ip saddr != {{ {four}, 0.0.0.0 }} counter name wrong drop",
            f"{port} ether type arp arp saddr ip != {{ {four}, 0.0.0.0 }} counter name wrong drop",
            f"{port} ip6 saddr != {{ {six}, fe80::/10, :: }} counter name wrong drop",
        ]
    gateway.run("nft", "-f", "-", input="\n".join([*rules, "}", "}", ""]))
