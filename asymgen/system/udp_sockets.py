"""UDP sockets that are bound to no address, from /proc/net/udp and udp6 of this network namespace.

Such a server answers from an address that the kernel chooses. Source: proc_pid_net(5).
"""

from __future__ import annotations

from typing import Any

from asymgen.system.host_files import HostFiles

FILES = {4: "/proc/net/udp", 6: "/proc/net/udp6"}


def read_udp_wildcards(files: HostFiles) -> list[dict[str, Any]]:
    """``{"family": 4, "port": 53}`` for each port, unconnected sockets only. A wildcard IPv6 socket counts for IPv4
    too, as it nearly always takes both."""
    found = set()
    for family, path in FILES.items():
        for line in (files.text(path, optional=True) or "").splitlines()[1:]:
            words = line.split()
            if len(words) < 4 or not _is_any(words[1]) or not _is_any(words[2]):
                continue
            port = int(words[1].rpartition(":")[2], 16)
            if port:
                found |= {(family, port)} | ({(4, port)} if family == 6 else set())
    return [{"family": family, "port": port} for family, port in sorted(found)]


def _is_any(endpoint: str) -> bool:
    """``00000000:0035``: an address of nothing but zeros."""
    address, _, port = endpoint.rpartition(":")
    return bool(address) and not address.strip("0") and bool(port)
