"""Hosts to measure on: real kernels in network namespaces, with as much in them as asked."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.namespaces import Namespace, namespace

CLONE_NEWNET = 0x40000000


@contextmanager
def entered(made: Namespace) -> Iterator[None]:
    """This process, and what it starts, inside ``made``: no ``ip netns exec`` in the figures. setns(2)."""
    libc = ctypes.CDLL(None, use_errno=True)
    with Path("/proc/self/ns/net").open("rb") as before, Path(made.path).open("rb") as wanted:
        _set_namespace(libc, wanted.fileno())
        try:
            yield
        finally:
            _set_namespace(libc, before.fileno())


def _set_namespace(libc: ctypes.CDLL, descriptor: int) -> None:
    if libc.setns(descriptor, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


@contextmanager
def two_uplinks() -> Iterator[Namespace]:
    """Two uplinks with a default route each, as in docs/benchmarks.md."""
    with namespace("agbench") as made:
        made.batch(
            "link add eth0 up type veth peer name far0\n"
            "link add eth1 up type veth peer name far1\n"
            "link set far0 up\nlink set far1 up\n"
            "addr add 192.0.2.10/24 dev eth0\naddr add 198.51.100.10/24 dev eth1\n"
            "route add default via 192.0.2.1 dev eth0\nroute add default via 198.51.100.1 dev eth1 metric 200\n"
        )
        yield made


@contextmanager
def many(*, interfaces: int = 0, addresses: int = 0, routes: int = 0) -> Iterator[Namespace]:
    """The same with ``interfaces`` more (one address each), ``addresses`` more on the second uplink, and ``routes``
    more behind the first router."""
    with two_uplinks() as made:
        lines = [f"link add port{number} up type veth peer name end{number}" for number in range(interfaces // 2)]
        lines += [f"addr add 100.{64 + at // 256}.{at % 256}.1/24 dev port{at}" for at in range(interfaces // 2)]
        lines += [f"addr add 198.18.{at // 250}.{at % 250 + 1}/15 dev eth1" for at in range(addresses)]
        lines += [
            f"route add {1 + at // 65536}.{at // 256 % 256}.{at % 256}.0/24 via 192.0.2.2" for at in range(routes)
        ]
        made.batch("".join(f"{line}\n" for line in lines))
        yield made


def is_root() -> bool:
    """Network namespaces need root."""
    return os.geteuid() == 0
