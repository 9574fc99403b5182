"""Addresses that move: what the provider of eth1 does to a lease or to its prefix, and what must be right after it.

No network manager tells of all of that; where it does not, asymgen-watch does.

``happens`` changes the provider, and returns when the machine's own network manager has taken that in: the clock of
the proof starts there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.lab.configured import MOVED, Addressing, by_ra, wires
from tests.lab.events import global_addresses
from tests.lab.machine import Machine, wait_for
from tests.packet_lab import PREFIXES

FOUR, SIX = PREFIXES[1]
RENEWAL = 6
"""Seconds between two renewals while addresses move."""
PATIENCE = 90


@dataclass(frozen=True)
class Move:
    name: str
    happens: Callable[[Machine], None]
    second: tuple[str, ...]
    """What of eth1 must answer after it."""
    router: str = ""
    """By which next hop the first of ``second`` must answer."""


def _lease(address: str, router: str) -> Callable[[Machine], None]:
    """Another lease; the machine has it when it was given and is on eth1, alone."""

    def happens(server: Machine) -> None:
        provider = server.world.leases[1]
        provider.offer(address, router)
        wait_for(
            lambda: provider.has_given(address) and _fours(server) == {address},
            f"no lease of {address}\n{server.host.ip('address')}", seconds=PATIENCE,
        )  # fmt: skip

    return happens


def _fours(server: Machine) -> set[str]:
    return {address for address in global_addresses(server, "eth1") if ":" not in address}


def _no_lease(server: Machine) -> None:
    server.world.leases[1].refuse(f"{MOVED[0]}.0")
    wait_for(lambda: not _fours(server), "the lease is not lost", seconds=PATIENCE)


def _withdraw(server: Machine) -> None:
    server.world.routers[1].stop()
    wait_for(lambda: not _default6(server), "the router is not forgotten", seconds=PATIENCE)


def _default6(server: Machine) -> str:
    return server.host.ip("-6", "route", "show", "default", "dev", "eth1")


def _announce(*prefixes: str) -> Callable[[Machine], None]:
    def happens(server: Machine) -> None:
        server.world.routers[1].announce(*(f"{prefix}:" for prefix in prefixes))
        wanted = {by_ra(1, prefix) for prefix in prefixes}
        wait_for(
            lambda: _default6(server) and wanted <= global_addresses(server, "eth1"),
            f"no {wanted}\n{server.host.ip('address')}{server.world.routers[1].log.read_text()}", seconds=PATIENCE,
        )  # fmt: skip

    return happens


_RA = wires(Addressing.RA)[1].addresses
MOVES = {
    Addressing.DHCP: (
        Move("another address", _lease(f"{FOUR}.51", f"{FOUR}.1"), (f"{FOUR}.51",), f"{FOUR}.1"),
        Move("another gateway", _lease(f"{FOUR}.51", f"{FOUR}.2"), (f"{FOUR}.51",), f"{FOUR}.2"),
        Move("another subnet", _lease(f"{MOVED[0]}.50", f"{MOVED[0]}.1"), (f"{MOVED[0]}.50",), f"{MOVED[0]}.1"),
        Move("lease lost", _no_lease, ()),
        Move("lease back", _lease(f"{FOUR}.50", f"{FOUR}.1"), (f"{FOUR}.50",), f"{FOUR}.1"),
    ),
    Addressing.RA: (
        Move("RA withdrawn", _withdraw, _RA[:1]),
        Move("RA back", _announce(SIX), _RA),
        Move("another prefix by RA", _announce(SIX, MOVED[1]), (*_RA, by_ra(1, MOVED[1]))),
    ),
}
