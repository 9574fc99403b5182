"""What happens to a machine in its life, and what must be right again after it.

Each event is a function of the booted machine; what it takes down it brings up again. ``recovers`` names the backends
that hear of it: those get the proof. For the others the loss is measured, and ``restart`` must cure it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.lab.machine import Machine, wait_for

EVERY = frozenset({"ifupdown", "networkmanager", "systemd-networkd", "sysv"})
WITH_EVENTS = EVERY - {"sysv"}


@dataclass(frozen=True)
class Event:
    name: str
    happens: Callable[[Machine, str], None]
    """Called with the machine and its network manager."""
    managers: frozenset[str] = frozenset({"ifupdown", "NetworkManager", "networkd"})
    recovers: frozenset[str] = EVERY


def down_and_up(server: Machine, manager: str) -> None:
    """By the manager's own tool."""
    for words in _DOWN_UP[manager]:
        server.run(*words)


_DOWN_UP = {
    "ifupdown": (("ifdown", "eth1"), ("ifup", "eth1")),
    "NetworkManager": (("nmcli", "device", "disconnect", "eth1"), ("nmcli", "device", "connect", "eth1")),
    "networkd": (("networkctl", "down", "eth1"), ("networkctl", "up", "eth1")),
}


def twenty_flaps(server: Machine, manager: str) -> None:
    """Each when the one before is over. systemd-networkd 247 to 257 lose an address for good, or give the link up, when
    a link goes down while they are configuring it (tried, without asymgen)."""
    before = global_addresses(server, "eth1")
    for _ in range(20):
        down_and_up(server, manager)
        wait_for(lambda: global_addresses(server, "eth1") >= before, f"eth1 had {before}")
        if manager == "networkd":
            wait_for(lambda: _is_configured(server), "systemd-networkd has not configured eth1")


def _is_configured(server: Machine) -> bool:
    return server.run("networkctl", "--no-legend", "list", "eth1").stdout.split()[-1:] == ["configured"]


def global_addresses(server: Machine, interface: str) -> set[str]:
    """Those that can be used: duplicate detection is over."""
    entries = server.host.json("addr", "show", "dev", interface, "scope", "global")
    found = [address for entry in entries for address in entry.get("addr_info", ()) if "local" in address]
    return {address["local"] for address in found if not address.get("tentative")}


def lose_carrier(server: Machine, manager: str) -> None:
    """The cable out and in again."""
    gateway = server.world.gateway_of(1)
    gateway.ip("link", "set", "port1", "down")
    wait_for(lambda: "NO-CARRIER" in server.host.ip("link", "show", "dev", "eth1"), "the carrier is still there")
    time.sleep(1)  # a manager has time to notice
    gateway.ip("link", "set", "port1", "up")


def restart_manager(server: Machine, manager: str) -> None:
    server.run(*_restart(server, manager))


def _restart(server: Machine, manager: str) -> tuple[str, ...]:
    unit = {"ifupdown": "networking", "NetworkManager": "NetworkManager", "networkd": "systemd-networkd"}[manager]
    return ("systemctl", "restart", unit) if server.system.is_systemd else (f"/etc/init.d/{unit}", "restart")


def restart_while_down(server: Machine, manager: str) -> None:
    """The manager restarted while a link is down; then the link comes up."""
    down, up = _DOWN_UP[manager]
    server.run(*down)
    server.run(*_restart(server, manager))
    server.run(*up, check=False)  # the restart may have brought it up already


def reload_manager(server: Machine, manager: str) -> None:
    """What an administrator types after editing something else."""
    words = {
        "NetworkManager": (("nmcli", "connection", "reload"), ("nmcli", "device", "reapply", "eth1")),
        "networkd": (("networkctl", "reload"), ("networkctl", "reconfigure", "eth1", "eth0")),
    }  # fmt: skip
    for each in words[manager]:
        server.run(*each)


def tunnel_takes_everything(server: Machine) -> None:
    """A VPN client with two /1 routes; what enters the tunnel is gone."""
    host = server.host
    host.ip("tuntap", "add", "mode", "tun", "name", "tun0")
    host.ip("address", "add", "10.8.0.2/24", "dev", "tun0")
    host.ip("link", "set", "tun0", "up")
    for half in ("0.0.0.0/1", "128.0.0.0/1"):
        host.ip("route", "add", half, "dev", "tun0")


def tunnel_goes(server: Machine) -> None:
    server.host.ip("link", "delete", "tun0")


EVENTS = (
    Event("down and up", down_and_up, recovers=WITH_EVENTS),
    Event("carrier lost and back", lose_carrier),
    Event("manager reloaded", reload_manager, managers=frozenset({"NetworkManager", "networkd"})),
    Event("manager restarted", restart_manager, recovers=WITH_EVENTS),
    Event("manager restarted while down", restart_while_down, recovers=WITH_EVENTS),
    Event("twenty flaps", twenty_flaps, recovers=WITH_EVENTS),
)
