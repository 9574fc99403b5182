"""A multi-homed host with two providers that drop foreign sources, and a client behind both.

::

    client --- cross0 --- gw0 --- eth0 host     192.0.2.0/24    2001:db8:a::/64
           \\-- cross1 --- gw1 --- eth1 /        198.51.100.0/24 2001:db8:b::/64

Each gateway forwards only packets from its own prefix (BCP 38) and counts the others: an answer that
leaves by the wrong uplink is lost and counted, as with a real provider. Everything is veth, nothing leaves
the namespaces, every process is ended by its PID.
"""

from __future__ import annotations

import ipaddress
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from tests.namespaces import Namespace, namespace

PREFIXES = (("192.0.2", "2001:db8:a:"), ("198.51.100", "2001:db8:b:"))
CLIENT4, CLIENT6 = "203.0.113.100", "2001:db8:f::100"
FAR4, FAR6 = "203.0.113.0/24", "2001:db8:f::/64"

SERVER = """
import socket, sys
sockets = []
listener = socket.create_server(("", 7007), family=socket.AF_INET6, dualstack_ipv6=True, backlog=64)
print("ready", flush=True)
while True:
    connection, _ = listener.accept()
    connection.sendall(b"hello")
    connection.close()
"""
CLIENT = """
import socket, sys
with socket.create_connection((sys.argv[1], 7007), timeout=1.5) as connection:
    data = b""
    while chunk := connection.recv(16):
        data += chunk
sys.exit(data != b"hello")
"""

UDP_SERVER = """
import socket, sys
with socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM) as bound:
    bound.bind((sys.argv[1], 7007))
    print("ready", flush=True)
    while True:
        data, peer = bound.recvfrom(16)
        bound.sendto(data, peer)
"""
UDP_CLIENT = """
import socket, sys
with socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM) as connected:
    connected.settimeout(1.5)
    connected.connect((sys.argv[1], 7007))
    connected.send(b"hello")
    sys.exit(connected.recv(16) != b"hello")
"""


@dataclass(frozen=True)
class PacketLab:
    """The host under test, its gateways and the client."""

    host: Namespace
    gateways: tuple[Namespace, Namespace]
    client: Namespace

    def pings(self, address: str, *, wait: float = 1) -> bool:
        """Whether the client's ping of ``address`` is answered within ``wait`` seconds."""
        reply = self.client.run("ping", "-n", "-c1", f"-W{wait}", address, check=False)
        return reply.returncode == 0

    def connects(self, address: str) -> bool:
        """Whether the client's TCP connection to ``address`` brings the greeting."""
        return self.client.run(sys.executable, "-c", CLIENT, address, check=False).returncode == 0

    def echoes(self, address: str) -> bool:
        """Whether a UDP server that is bound to ``address`` answers the client."""
        server = self.host.start(sys.executable, "-c", UDP_SERVER, address, stdout=subprocess.PIPE)
        try:
            assert server.stdout is not None
            if server.stdout.readline() != "ready\n":
                return False  # the address is not there
            return self.client.run(sys.executable, "-c", UDP_CLIENT, address, check=False).returncode == 0
        finally:
            server.terminate()
            server.wait()
            if server.stdout is not None:
                server.stdout.close()

    def wrong(self) -> int:
        """Packets that reached a gateway with a source that is not its prefix's."""
        return sum(self._count(gateway, "wrong") for gateway in self.gateways)

    def _count(self, gateway: Namespace, name: str) -> int:
        listing = gateway.run("nft", "list", "counter", "inet", "bcp38", name).stdout
        return int(listing.split("packets", 1)[1].split()[0])

    def reset(self) -> None:
        """Start counting anew."""
        for gateway in self.gateways:
            gateway.run("nft", "reset", "counters")


@contextmanager
def packet_lab(*, rp_filter: int = 1) -> Iterator[PacketLab]:
    """The lab, with a greeting server on every address of the host; strict rp_filter unless told."""
    with ExitStack() as stack:
        host, gw0, gw1, client = (stack.enter_context(namespace(prefix)) for prefix in ("host", "gw0", "gw1", "far"))
        for space in (host, gw0, gw1, client):
            space.sysctl("net/ipv6/conf/default/dad_transmits", 0)  # no second of tentative addresses
        client.ip("address", "add", f"{CLIENT4}/32", "dev", "lo")
        client.ip("-6", "address", "add", f"{CLIENT6}/128", "dev", "lo", "nodad")
        for place, gateway in enumerate((gw0, gw1)):
            _connect(host, gateway, client, place, rp_filter=rp_filter)
        host.ip("route", "add", "default", "via", "192.0.2.1", "dev", "eth0")
        host.ip("-6", "route", "add", "default", "via", "2001:db8:a::1", "dev", "eth0")
        for space in (host, gw0, gw1, client):
            _wait_for_link_local(space)
        stack.enter_context(serving(host))
        yield PacketLab(host, (gw0, gw1), client)


def _wait_for_link_local(space: Namespace) -> None:
    """Until both links have their own fe80:: address: neighbour discovery needs it."""
    for _ in range(250):
        settled = {
            link["ifname"]
            for link in space.json("-6", "addr", "show", "scope", "link")
            if link.get("addr_info") and not any(address.get("tentative") for address in link["addr_info"])
        }
        if len(settled) >= 2:
            return
        time.sleep(0.02)
    raise AssertionError(f"{space.name}: no link-local addresses after 5 seconds")


def _connect(host: Namespace, gateway: Namespace, client: Namespace, place: int, *, rp_filter: int) -> None:
    v4, v6 = PREFIXES[place]
    host.ip("link", "add", f"eth{place}", "type", "veth", "peer", "name", "lan0", "netns", gateway.name)
    client.ip("link", "add", f"cross{place}", "type", "veth", "peer", "name", "wan0", "netns", gateway.name)
    for version in ("ipv4", "ipv6"):
        gateway.sysctl(f"net/{version}/conf/all/forwarding", 1)
    host.sysctl("net/ipv4/conf/all/rp_filter", rp_filter)
    host.sysctl(f"net/ipv4/conf/eth{place}/rp_filter", rp_filter)
    for space, interface, four, six in (
        (host, f"eth{place}", f"{v4}.10/24", f"{v6}:10/64"),
        (gateway, "lan0", f"{v4}.1/24", f"{v6}:1/64"),
        (gateway, "wan0", f"10.255.{place}.1/24", f"2001:db8:c:{place}::1/64"),
        (client, f"cross{place}", f"10.255.{place}.2/24", f"2001:db8:c:{place}::2/64"),
    ):
        space.ip("address", "add", four, "dev", interface)
        space.ip("-6", "address", "add", six, "dev", interface, "nodad")
        space.ip("link", "set", interface, "up")
    gateway.ip("route", "add", FAR4, "via", f"10.255.{place}.2")
    gateway.ip("-6", "route", "add", FAR6, "via", f"2001:db8:c:{place}::2")
    client.ip("route", "add", f"{v4}.0/24", "via", f"10.255.{place}.1", "src", CLIENT4)
    client.ip("-6", "route", "add", f"{v6}:/64", "via", f"2001:db8:c:{place}::1", "src", CLIENT6)
    client.sysctl("net/ipv4/conf/all/rp_filter", 0)
    client.sysctl(f"net/ipv4/conf/cross{place}/rp_filter", 0)
    filter_foreign_sources(gateway, f"{v4}.0/24", str(ipaddress.ip_network(f"{v6}:/64")))


def filter_foreign_sources(gateway: Namespace, four: str, six: str) -> None:
    """BCP 38 on what the host sends; neighbour discovery stays out of the count (forward hook only)."""
    rules = f"""
        table inet bcp38 {{
            counter wrong {{ }}
            chain forward {{
                type filter hook forward priority 0;
                iifname "lan0" ip saddr != {four} counter name wrong drop
                iifname "lan0" ip6 saddr != {six} counter name wrong drop
            }}
        }}"""
    gateway.run("nft", "-f", "-", input=rules)


@contextmanager
def serving(host: Namespace) -> Iterator[None]:
    """A TCP server on every address of ``host``, ended by its PID."""
    process = host.start(sys.executable, "-c", SERVER, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield
    finally:
        process.terminate()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
