"""The life of each machine: written by ``detect --write``, activated, and proven by packets after everything that
breaks other tools: links that flap, managers that restart, new bridges, a VPN, leases that move, a reboot, a power
cut."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.lab.containers import container
from tests.lab.events import EVENTS, down_and_up, tunnel_goes, tunnel_takes_everything
from tests.lab.life import Life
from tests.lab.machine import Machine, wait_for
from tests.lab.moves import MOVES, RENEWAL
from tests.lab.proof import drop_rules, own_rules, prove
from tests.lab.rows import DHCP, Boot, activate, configuration, wait_for_addresses, write

pytestmark = [pytest.mark.netns, pytest.mark.lab]


def test_a_life(server: Machine, row: Boot, tmp_path: Path) -> None:
    life = Life(server, row)
    wait_for_addresses(server, life.addresses)
    wait_for(life.is_dead, "negative control: without asymgen the second uplink must not answer")
    write(server, row, tmp_path)
    activate(server, row, tmp_path)
    life.prove("activated")
    _everyday(life)
    _moves(life)
    server.reboot()
    life.prove("reboot")
    drop_rules(server)
    assert life.is_dead(), "negative control: the rules did it"
    server.cut_power()
    life.prove("power cut")


def _everyday(life: Life) -> None:
    """The events of one boot, with containers all the while."""
    server, row = life.server, life.row
    with ExitStack() as stack:
        for event, bridge, network in (
            ("containers", "docker0", "172.17.0.0/16"),
            ("a second bridge, later", "br-later", "172.18.0.0/16"),
        ):
            life.containers.append(stack.enter_context(container(server.host, bridge, network)))
            life.prove(event)
        rules = own_rules(server)
        for each in EVENTS:
            if row.manager not in each.managers or each.name in row.spared:
                continue
            each.happens(server, row.manager)
            life.prove_after(each.name, each.recovers)
            assert own_rules(server) == rules, f"rules after {each.name}"
        _tunnel(life)
        life.containers.clear()


def _tunnel(life: Life) -> None:
    tunnel_takes_everything(life.server)
    for address in life.addresses:
        assert life.server.lab.pings(address), f"{address}, with a tunnel that takes everything"
    tunnel_goes(life.server)
    life.prove("a VPN of two halves, gone again")


def _moves(life: Life) -> None:
    """What DHCP and routers do without any link going down; at the end all is as at the beginning."""
    server, row = life.server, life.row
    if "moves" in row.spared:
        return
    if row.addressing is DHCP:
        _renew_often(life)
    rules, addresses = own_rules(server), life.addresses
    for move in MOVES.get(row.addressing, ()):
        move.happens(server)
        first = addresses[: len(addresses) // 2]
        life.addresses = (*first, *move.second)
        life.ways = {move.second[0]: move.router} if move.router else {}
        life.prove(move.name, part="moves")
        there = own_rules(server)
        assert len(set(there)) == len(there), f"twice after {move.name}: {there}"
    life.addresses, life.ways = addresses, {}
    if row.addressing is DHCP and "old rules" not in row.spared:
        wait_for(lambda: own_rules(server) == rules, "rules are others, with the first lease back")


def _renew_often(life: Life) -> None:
    """The lease's own times, from the next one on."""
    four = configuration(life.row).second[0]
    provider = life.server.world.leases[1]
    provider.renewal = RENEWAL
    life.server.world.gateways[1].ip("address", "add", f"{four.rpartition('.')[0]}.2/24", "dev", "lan0")
    provider.offer(four, f"{four.rpartition('.')[0]}.1")
    down_and_up(life.server, life.row.manager)
    wait_for_addresses(life.server, life.addresses)
    prove(life.server, life.addresses)
