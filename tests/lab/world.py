"""What is around a machine: two providers, a client behind both, and containers on the machine itself.

::

    client --- cross0 --- gw0 (bridge lan0) --- eth0 machine    192.0.2.0/24    2001:db8:a::/64
           \\-- cross1 --- gw1 (bridge lan0) --- eth1 /          198.51.100.0/24 2001:db8:b::/64

The gateways drop and count what does not come from their own prefix (BCP 38), as a provider does. They outlive the
machine's boots: each boot plugs new veth ends into their bridges, or old rules would fake the proof.
"""

from __future__ import annotations

import ipaddress
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.namespaces import Namespace, namespace
from tests.packet_lab import CLIENT4, CLIENT6, FAR4, FAR6, PREFIXES, PacketLab, filter_foreign_sources


@dataclass(frozen=True)
class World:
    gateways: tuple[Namespace, Namespace]
    client: Namespace

    def seen_with(self, host: Namespace) -> PacketLab:
        """The packet lab's questions, with ``host`` in the middle."""
        return PacketLab(host, self.gateways, self.client)

    def plug(self, host: Namespace) -> None:
        """New cables: eth0 and eth1 of ``host``, down, without addresses; MAC addresses as at every boot."""
        for place, gateway in enumerate(self.gateways):
            port = f"port{place}"
            gateway.ip("link", "add", port, "type", "veth", "peer", "name", f"eth{place}", "netns", host.name)
            host.ip("link", "set", f"eth{place}", "address", mac(place))
            gateway.ip("link", "set", port, "master", "lan0", "up")

    def unplug(self) -> None:
        """Pull the cables; the kernel takes the ends of a deleted namespace away only later."""
        for place, gateway in enumerate(self.gateways):
            gateway.ip("link", "delete", f"port{place}")


def mac(place: int) -> str:
    return f"02:00:00:00:00:1{place}"


def gateway_of(place: int) -> tuple[str, str]:
    four, six = PREFIXES[place]
    return f"{four}.1", f"{six}:1"


@contextmanager
def world() -> Iterator[World]:
    with ExitStack() as stack:
        first, second, client = (stack.enter_context(namespace(name)) for name in ("gw0", "gw1", "far"))
        for space in (first, second, client):
            space.sysctl("net/ipv6/conf/default/dad_transmits", 0)
        client.ip("address", "add", f"{CLIENT4}/32", "dev", "lo")
        client.ip("-6", "address", "add", f"{CLIENT6}/128", "dev", "lo", "nodad")
        client.sysctl("net/ipv4/conf/all/rp_filter", 0)
        for place, gateway in enumerate((first, second)):
            _connect(gateway, client, place)
        yield World((first, second), client)


def _connect(gateway: Namespace, client: Namespace, place: int) -> None:
    four, six = PREFIXES[place]
    for version in ("ipv4", "ipv6"):
        gateway.sysctl(f"net/{version}/conf/all/forwarding", 1)
    gateway.ip("link", "add", "lan0", "type", "bridge", "forward_delay", "0")
    client.ip("link", "add", f"cross{place}", "type", "veth", "peer", "name", "wan0", "netns", gateway.name)
    for space, interface, address4, address6 in (
        (gateway, "lan0", f"{four}.1/24", f"{six}:1/64"),
        (gateway, "wan0", f"10.255.{place}.1/24", f"2001:db8:c:{place}::1/64"),
        (client, f"cross{place}", f"10.255.{place}.2/24", f"2001:db8:c:{place}::2/64"),
    ):
        space.ip("address", "add", address4, "dev", interface)
        space.ip("-6", "address", "add", address6, "dev", interface, "nodad")
        space.ip("link", "set", interface, "up")
    gateway.ip("route", "add", FAR4, "via", f"10.255.{place}.2")
    gateway.ip("-6", "route", "add", FAR6, "via", f"2001:db8:c:{place}::2")
    client.sysctl(f"net/ipv4/conf/cross{place}/rp_filter", 0)
    client.ip("route", "add", f"{four}.0/24", "via", f"10.255.{place}.1", "src", CLIENT4)
    client.ip("-6", "route", "add", f"{six}:/64", "via", f"2001:db8:c:{place}::1", "src", CLIENT6)
    filter_foreign_sources(gateway, f"{four}.0/24", str(ipaddress.ip_network(f"{six}:/64")))


@contextmanager
def dhcp(gateway: Namespace, folder: Path, place: int, *, address: str) -> Iterator[None]:
    """A DHCP server on the gateway's bridge that gives the machine ``address``; two-minute leases."""
    router, _ = gateway_of(place)
    with (folder / f"dnsmasq{place}.log").open("w") as log:
        process = gateway.start(
            "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--port=0", "--interface=lan0",
            "--bind-dynamic",
            f"--dhcp-range={address},{address},120", f"--dhcp-host={mac(place)},{address}",
            f"--dhcp-option=option:router,{router}", f"--dhcp-leasefile={folder / f'leases{place}'}", "--log-dhcp",
            "--no-ping", "--log-facility=-", "--pid-file=", "--user=root",
            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        time.sleep(0.1)
        assert process.poll() is None, (folder / f"dnsmasq{place}.log").read_text()
        yield
    finally:
        process.terminate()
        process.wait(10)
