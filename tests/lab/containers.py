"""Containers on a machine: a bridge as Docker makes it, and a namespace behind it."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from tests.namespaces import Namespace, namespace


@dataclass(frozen=True)
class Container:
    space: Namespace
    address: str
    bridge: str

    def faults(self, host: Namespace, addresses: Sequence[str]) -> list[str]:
        """Whether the container reaches each IPv4 address of the host, and the host the container from it."""
        found = []
        for address in addresses:
            if ":" in address:
                continue
            if self.space.run("ping", "-n", "-c1", "-W1", address, check=False).returncode != 0:
                found.append(f"a container behind {self.bridge} cannot reach {address}")
            if host.run("ping", "-n", "-c1", "-W1", "-I", address, self.address, check=False).returncode != 0:
                found.append(f"{address} cannot reach a container behind {self.bridge}")
        return found


@contextmanager
def container(host: Namespace, bridge: str, network: str) -> Iterator[Container]:
    """A container behind ``bridge``, which is made with the first address of ``network``."""
    first, second = list(ipaddress.ip_network(network).hosts())[:2]
    length = ipaddress.ip_network(network).prefixlen
    with namespace("box") as space:
        host.ip("link", "add", bridge, "type", "bridge", "forward_delay", "0")
        host.ip("address", "add", f"{first}/{length}", "dev", bridge)
        host.ip("link", "set", bridge, "up")
        host.ip("link", "add", f"{bridge}-p", "type", "veth", "peer", "name", "inside", "netns", space.name)
        host.ip("link", "set", f"{bridge}-p", "master", bridge, "up")
        space.ip("address", "add", f"{second}/{length}", "dev", "inside")
        space.ip("link", "set", "inside", "up")
        space.ip("route", "add", "default", "via", str(first))
        yield Container(space, str(second), bridge)
